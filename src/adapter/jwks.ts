/**
 * An issuer's key set, kept fresh (RFC 7517 §5, RFC 8725 §3.10).
 *
 * Fetched in the background; fetched again for an unknown `kid`, at most once a cool-down, so that no
 * flood of made-up tokens reaches the issuer; kept while the issuer is down, up to a stated age. A set
 * without a key to use decides nothing: not that a token is good, and not that it is bad.
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import type { IssuerConfig } from '../config/configuration.ts'
import { parseJsonObject } from '../encoding/json.ts'
import { type Failure, fail } from '../failure/failure.ts'
import type { AlgorithmName } from '../jose/algorithm.ts'
import { importPublicJwk, keyFits, type PublicJwk, parsePublicJwk } from '../jose/jwk.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { KeySource } from '../token/issuer.ts'
import type { DiscoveredIssuer } from './metadata.ts'
import { type OutboundClient, OutboundError } from './outbound.ts'

/** Most keys that are read of a set, and most that are tried for one token. */
const MAX_KEYS = 100
const MAX_CANDIDATES = 4
/** Seconds between attempts while no set is at hand: the first, and the longest. */
const FIRST_RETRY = 1
const LONGEST_RETRY = 30

interface SetKey {
  readonly jwk: PublicJwk
  readonly key: KeyObject
  /** Those of the issuer's that it may verify: one at least. */
  readonly algorithms: readonly AlgorithmName[]
}

type Found = readonly KeyObject[] | Failure

export interface RemoteKeysParts {
  readonly config: IssuerConfig
  readonly client: OutboundClient
  readonly discovery: DiscoveredIssuer
  readonly metrics: Metrics
  readonly logger: Logger
  /** Seconds of a clock that never jumps. */
  readonly clock: () => number
  /** Called when a key that was in the set is in it no more, or not for all that it was for. */
  readonly onWithdrawn: () => void
}

/** The keys of one issuer. Fetches nothing before `start` or the first `find`. */
export class RemoteKeys implements KeySource {
  readonly #parts: RemoteKeysParts
  #keys: readonly SetKey[] | undefined
  #fetchedAt = Number.NEGATIVE_INFINITY
  #attemptedAt = Number.NEGATIVE_INFINITY
  #lastFailed = false
  #pending: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #retry = FIRST_RETRY
  #closed = false

  constructor(parts: RemoteKeysParts) {
    this.#parts = parts
  }

  isFresh(): boolean {
    return this.#usable() !== undefined
  }

  /** Fetches again, unless that was done just now: the set may have changed under one `kid`. */
  renew(): Promise<void> | undefined {
    return this.#pending ?? (this.#coolingDown() ? undefined : this.#fetch())
  }

  /** Fetches the set for the first time, and goes on in the background. Never throws. */
  start(): Promise<void> {
    return this.#fetch()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  find(kid: string | undefined, algorithm: AlgorithmName): Found | Promise<Found> {
    const keys = this.#usable()
    if (keys !== undefined) {
      const found = candidates(keys, kid, algorithm)
      if (found.length > 0) return found
    }
    // RFC 8725 §3.10: a `kid` is a stranger's text; asking for it is rationed.
    if (this.#pending === undefined && this.#coolingDown()) return this.#missing(keys)
    return this.#fetch().then(() => {
      const fetched = this.#usable()
      const found = fetched === undefined ? [] : candidates(fetched, kid, algorithm)
      return found.length > 0 ? found : this.#missing(fetched)
    })
  }

  /** No key fits: the token's fault if the set is what the issuer has now, and unknown if it is not. */
  #missing(keys: readonly SetKey[] | undefined): Found {
    if (keys === undefined) {
      return this.#isEmpty
        ? fail('temporarily_unavailable', 'jwks_empty')
        : fail('temporarily_unavailable', 'jwks_not_loaded')
    }
    return this.#lastFailed ? fail('temporarily_unavailable', 'jwks_stale') : []
  }

  #usable(): readonly SetKey[] | undefined {
    if (this.#isEmpty) return undefined
    const { refresh, staleIfError } = this.#parts.config.jwks
    return this.#parts.clock() - this.#fetchedAt <= refresh + staleIfError ? this.#keys : undefined
  }

  get #isEmpty(): boolean {
    return this.#keys?.length === 0
  }

  #coolingDown(): boolean {
    const pause = this.#keys === undefined ? FIRST_RETRY : this.#parts.config.jwks.cooldown
    return this.#parts.clock() - this.#attemptedAt < pause
  }

  /** One fetch at a time, whoever asks. */
  #fetch(): Promise<void> {
    this.#pending ??= this.#fetchOnce().finally(() => {
      this.#pending = undefined
      this.#schedule()
    })
    return this.#pending
  }

  async #fetchOnce(): Promise<void> {
    const { config, metrics, logger, clock, onWithdrawn } = this.#parts
    try {
      const keys = await this.#load()
      const former = this.#keys ?? []
      this.#keys = keys
      // What was verified with a key that its issuer has withdrawn is verified no more.
      if (former.some((key) => isWithdrawn(key, keys))) onWithdrawn()
      this.#fetchedAt = clock()
      this.#lastFailed = false
      if (keys.length > 0) this.#retry = FIRST_RETRY
      if (keys.length === 0) logger.error({ issuer: config.id }, 'the key set has no key to use')
      metrics.jwksRefresh.inc({ issuer: config.id, result: 'ok' })
      metrics.jwksLastSuccess.set({ issuer: config.id }, Date.now() / 1000)
      metrics.jwksKeys.set({ issuer: config.id }, keys.length)
    } catch (error) {
      this.#lastFailed = true
      const result = error instanceof OutboundError ? error.fault : 'error'
      metrics.jwksRefresh.inc({ issuer: config.id, result })
      const cause = error instanceof Error ? error.message : String(error)
      logger.warn({ issuer: config.id, cause }, 'the key set could not be fetched')
    }
    // From its end on: nobody who has waited for one fetch waits for another.
    this.#attemptedAt = clock()
  }

  async #load(): Promise<readonly SetKey[]> {
    const { config, client, discovery } = this.#parts
    // Discovery included: whoever waits for keys waits no longer than for one call.
    const deadline = client.deadline()
    const uri = config.jwksUri ?? (await discovery.load()).jwksUri
    if (uri === undefined) throw new Error('the metadata names no jwks_uri that may be used')
    const headers = { accept: 'application/jwk-set+json, application/json' }
    const { status, body } = await client.call(uri, { method: 'GET', headers }, deadline)
    if (status !== 200) throw new Error(`${uri} answered ${status}`)
    const keys = parseKeySet(parseJsonObject(body)?.['keys'], config.algorithms)
    if (keys === undefined) throw new Error(`${uri} has no key set`)
    return keys
  }

  #schedule(): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    const { refresh } = this.#parts.config.jwks
    const isMissing = this.#lastFailed || this.#isEmpty
    const pause = isMissing ? Math.min(this.#retry, refresh) : refresh
    if (isMissing) this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY)
    this.#timer = setTimeout(() => void this.#fetch(), pause * 1000)
    this.#timer.unref()
  }
}

/**
 * RFC 7517 §5: keys that are not understood are passed over. So are symmetric, private and weak ones, and
 * those for what is not verified here, such as encryption (§4.2). A set without any is a set: its issuer has
 * withdrawn what it had.
 */
function parseKeySet(keys: unknown, algorithms: readonly AlgorithmName[]): SetKey[] | undefined {
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) return undefined
  const set: SetKey[] = []
  for (const candidate of keys) {
    const jwk = parsePublicJwk(candidate)
    if (jwk === undefined) continue
    const fitting = algorithms.filter((name) => keyFits(jwk, name))
    const key = fitting.length === 0 ? undefined : importPublicJwk(jwk)
    if (key !== undefined) set.push({ jwk, key, algorithms: fitting })
  }
  return set
}

/** Whether something that a key verified would not be verified by it any more, whatever its name is now. */
function isWithdrawn({ key, algorithms }: SetKey, keys: readonly SetKey[]): boolean {
  const left = keys.filter((one) => one.key.equals(key)).flatMap((one) => one.algorithms)
  return !algorithms.every((name) => left.includes(name))
}

/** FAPI 2.0 SP §5.4.3: several keys may have one `kid`; what they are for tells them apart. */
function candidates(
  keys: readonly SetKey[],
  kid: string | undefined,
  algorithm: AlgorithmName,
): KeyObject[] {
  return keys
    .filter(({ jwk, algorithms }) => {
      return (kid === undefined || jwk.kid === kid) && algorithms.includes(algorithm)
    })
    .slice(0, MAX_CANDIDATES)
    .map(({ key }) => key)
}
