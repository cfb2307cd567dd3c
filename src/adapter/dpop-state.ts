/**
 * What outlives a request of DPoP: the proofs that were used, and the secrets that nonces are derived from.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { Configuration } from '../config/configuration.ts'
import { Nonces } from '../sender-constraint/dpop/nonce.ts'
import type { ReplayStore } from '../sender-constraint/dpop/replay.ts'
import type { StoreParts } from './redis/store.ts'
import { RedisStore } from './redis/store.ts'
import { RedisReplayStore } from './replay-redis.ts'
import type { SharedState } from './shared-state.ts'

export class DpopState {
  readonly replay: ReplayStore
  readonly #widen: (configuration: Configuration) => void
  /** Changes when used proofs may have been forgotten: nonces from before are not good then. */
  readonly #epoch: () => string
  readonly #ownSecret: Buffer
  #dpop: Configuration['dpop']
  #windows: string
  #nonces: Nonces

  /**
   * @param store What instances share, if they share anything.
   * @param state What the processes of this gateway do.
   */
  constructor(
    configuration: Configuration,
    store: RedisStore | undefined,
    state: SharedState,
    now: () => number,
  ) {
    const { dpop } = configuration
    this.#ownSecret = state.nonceSecret
    if (dpop.replayStore === 'redis') {
      if (store === undefined) throw new Error('used proofs have no store')
      this.replay = new RedisReplayStore(store)
      this.#epoch = () => store.epoch
      this.#widen = (next) => store.useWindows(windowsOf(next))
    } else {
      this.replay = state.replay
      this.#epoch = () => ''
      this.#widen = () => state.windowsChanged(now())
    }
    this.#dpop = dpop
    this.#windows = windowsOf(configuration)
    this.#nonces = this.#createNonces(dpop)
  }

  get nonces(): Nonces {
    return this.#nonces
  }

  /** The nonces of a configuration: those in force, unless its secrets are others. */
  noncesOf({ dpop }: Configuration): Nonces {
    const isSame = JSON.stringify(dpop.nonceSecrets) === JSON.stringify(this.#dpop.nonceSecrets)
    return isSame ? this.#nonces : this.#createNonces(dpop)
  }

  /** Another configuration is in force. @param nonces Its nonces. */
  take(configuration: Configuration, nonces: Nonces): void {
    this.#dpop = configuration.dpop
    this.#nonces = nonces
    const windows = windowsOf(configuration)
    // RFC 9449 §11.1: what was used before has been remembered for as long as it was accepted then.
    if (windows !== this.#windows) this.#widen(configuration)
    this.#windows = windows
  }

  /** Without a configured secret, nonces of another process are not good. */
  #createNonces({ nonceSecrets, nonceRotation }: Configuration['dpop']): Nonces {
    const secrets = nonceSecrets.map((secret) => Buffer.from(secret))
    return new Nonces(secrets.length > 0 ? secrets : [this.#ownSecret], nonceRotation, this.#epoch)
  }
}

/** Names for how long proofs are accepted, on whatever route (RFC 9449 §11.1). */
export function windowsOf({ routes }: Configuration): string {
  const asking = routes.filter(({ isPublic }) => !isPublic)
  const named = asking.map(({ hosts, paths, methods, policies }) =>
    JSON.stringify([hosts, paths, methods, policies['dpop_freshness']]),
  )
  const text = JSON.stringify(named.sort())
  return createHash('sha256').update(text).digest('base64url').slice(0, 12)
}

/** Opens nothing yet: see `start`. Undefined where instances share nothing. */
export function createStore(
  configuration: Configuration,
  parts: StoreParts,
): RedisStore | undefined {
  const { stores, dpop } = configuration
  if (stores.redis === undefined) return undefined
  return new RedisStore(stores.redis, dpop.replayStore === 'redis', windowsOf(configuration), parts)
}
