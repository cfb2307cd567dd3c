/**
 * An issuer's key set, kept fresh (RFC 7517 §5, RFC 8725 §3.10).
 *
 * Fetched in the background; fetched again for an unknown `kid`, at most once a cool-down, so that no
 * flood of made-up tokens reaches the issuer; kept while the issuer is down, up to a stated age. A set
 * without a key to use decides nothing: not that a token is good, and not that it is bad.
 *
 * @module
 */

import type { IssuerConfig } from '../config/configuration.ts'
import { parseJsonObject } from '../encoding/json.ts'
import type { AlgorithmName } from '../jose/algorithm.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Found, type IssuerKeys, KeySet, parseKeySet, type SetKey } from './key-set.ts'
import type { DiscoveredIssuer } from './metadata.ts'
import { type OutboundClient, OutboundError } from './outbound.ts'

/** Seconds between attempts while no set is at hand: the first, and the longest. */
const FIRST_RETRY = 1
const LONGEST_RETRY = 30

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
  /** Called when an attempt to have the set has ended, well or not. */
  readonly onAttempt?: () => void
}

/** The keys of one issuer. Fetches nothing before `start` or the first `find`. */
export class RemoteKeys implements IssuerKeys {
  readonly #parts: RemoteKeysParts
  readonly #set: KeySet
  #attemptedAt = Number.NEGATIVE_INFINITY
  #pending: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #retry = FIRST_RETRY
  #closed = false

  constructor(parts: RemoteKeysParts) {
    const { config, metrics, clock, onWithdrawn } = parts
    for (const result of ['ok', 'timeout', 'error']) {
      metrics.jwksRefresh.inc({ issuer: config.id, result }, 0)
    }
    // Those of another configuration may be in use.
    metrics.jwksKeys.inc({ issuer: config.id }, 0)
    const usableFor = config.jwks.refresh + config.jwks.staleIfError
    this.#parts = parts
    this.#set = new KeySet({ usableFor, clock, onWithdrawn })
  }

  /** The set as it is held, and whether the last attempt to renew it failed. */
  get held(): Pick<KeySet, 'keys' | 'age' | 'lastFailed'> {
    return this.#set
  }

  /** Seconds from now for which the issuer is not asked again. */
  get coolsFor(): number {
    const pause = this.#set.keys === undefined ? FIRST_RETRY : this.#parts.config.jwks.cooldown
    return Math.max(0, this.#attemptedAt + pause - this.#parts.clock())
  }

  isFresh(): boolean {
    return this.#set.usable !== undefined
  }

  /** Fetches again, unless that was done just now: the set may have changed under one `kid`. */
  renew(): Promise<void> | undefined {
    return this.#pending ?? (this.coolsFor > 0 ? undefined : this.#fetch())
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
    return this.#set.find(kid, algorithm, () => this.renew())
  }

  /** One fetch at a time, whoever asks. */
  #fetch(): Promise<void> {
    this.#pending ??= this.#fetchOnce().finally(() => {
      this.#pending = undefined
      this.#schedule()
      this.#parts.onAttempt?.()
    })
    return this.#pending
  }

  async #fetchOnce(): Promise<void> {
    const { config, metrics, logger, clock } = this.#parts
    try {
      const keys = await this.#load()
      this.#set.take(keys)
      if (keys.length > 0) this.#retry = FIRST_RETRY
      if (keys.length === 0) logger.error({ issuer: config.id }, 'the key set has no key to use')
      metrics.jwksRefresh.inc({ issuer: config.id, result: 'ok' })
      metrics.jwksLastSuccess.set({ issuer: config.id }, Date.now() / 1000)
      metrics.jwksKeys.set({ issuer: config.id }, keys.length)
    } catch (error) {
      this.#set.lastFailed = true
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
    const isMissing = this.#set.lastFailed || this.#set.isEmpty
    const pause = isMissing ? Math.min(this.#retry, refresh) : refresh
    if (isMissing) this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY)
    this.#timer = setTimeout(() => void this.#fetch(), pause * 1000)
    this.#timer.unref()
  }
}
