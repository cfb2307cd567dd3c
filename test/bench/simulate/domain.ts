/**
 * Whatever remembers used proofs together, with the nonces that it gives out: the gateway's own code, told
 * what time it is.
 *
 * @module
 */

import { createHash, generateKeyPairSync } from 'node:crypto'
import { MemoryReplayStore } from '../../../src/adapter/replay-memory.ts'
import { loadProfile } from '../../../src/config/profile.ts'
import { fileSchema } from '../../../src/config/schema.ts'
import { checkFreshness } from '../../../src/sender-constraint/dpop/freshness.ts'
import { Nonces } from '../../../src/sender-constraint/dpop/nonce.ts'
import { replayKey } from '../../../src/sender-constraint/dpop/replay.ts'

/** Seconds. */
export interface Windows {
  readonly nonce: 'off' | 'required'
  readonly maxAge: number
  readonly futureSkew: number
  readonly rotate: number
}

export interface Proof {
  readonly jti: string
  readonly iat: number
  readonly nonce: string | undefined
}

export interface Use {
  /** Undefined: accepted. */
  readonly refused: string | undefined
  /** Of one that is accepted: what it is remembered by, and until when it must be. */
  readonly key: string
  readonly until: number
}

const MOST_PROOFS = 100_000_000

/** Nothing is verified by it: signatures are not simulated. */
const { publicKey: KEY } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Those of profile fapi2-security, with or without nonces. */
export function profileWindows(nonce: Windows['nonce']): Windows {
  const rows = loadProfile('fapi2-security')?.rows
  const byDefault = (name: string) => Number(rows?.get(`dpop_freshness.${name}`)?.byDefault)
  return {
    nonce,
    maxAge: byDefault('proof_max_age'),
    futureSkew: byDefault('future_skew'),
    rotate: fileSchema.shape.dpop.parse({}).nonce.rotate,
  }
}

export class ReplayDomain {
  readonly store = new MemoryReplayStore(MOST_PROOFS)
  readonly #windows: Windows
  readonly #nonces: Nonces

  /**
   * Domains whose secret and epoch are the same accept each other's nonces.
   *
   * @param epoch What a store in Redis is told by: no two have the same (`RedisStore.epoch`). Memory has none.
   */
  constructor(windows: Windows, secret: string, epoch = '') {
    this.#windows = windows
    const bytes = createHash('sha256').update(secret).digest()
    this.#nonces = new Nonces([bytes], windows.rotate, () => epoch)
  }

  /** The nonce that a client is handed now. */
  nonce(now: number): string | undefined {
    return this.#windows.nonce === 'off' ? undefined : this.#nonces.current(now)
  }

  use({ jti, iat, nonce }: Proof, now: number): Use {
    const proof = { keyThumbprint: 'client', key: KEY, jti, iat, nonce, acceptableUntil: 0 }
    const policy = { ...this.#windows, since: 0 }
    const failure = checkFreshness(proof, policy, this.#nonces, now)
    const key = replayKey(proof)
    const until = proof.acceptableUntil
    if (failure !== undefined) return { refused: failure.reason, key, until }
    return { refused: this.note(key, until, now) ? undefined : 'dpop_replayed', key, until }
  }

  /** @returns Whether it was not known. */
  note(key: string, until: number, now: number): boolean {
    return this.store.useOnce(key, until, now) === 'first'
  }
}
