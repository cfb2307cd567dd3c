/**
 * The issuers of a configuration, with what it takes to ask them.
 *
 * @module
 */

import type { IssuerConfig } from '../config/configuration.ts'
import { revocationDelayOf } from '../config/revocation.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Issuer } from '../token/issuer.ts'
import type { NamedCache } from './cache-metrics.ts'
import { IntrospectionClient } from './introspection.ts'
import { RemoteKeys } from './jwks.ts'
import type { IssuerKeys } from './key-set.ts'
import { DiscoveredIssuer } from './metadata.ts'
import { OutboundClient } from './outbound.ts'
import type { SharedAnswers } from './shared-answers.ts'
import { VerifiedTokens } from './token-cache.ts'
import { OwnDecryption } from './token-decryption.ts'

export interface IssuerParts {
  readonly metrics: Metrics
  readonly logger: Logger
  /** Seconds since the epoch. */
  readonly now: () => number
  /** Seconds of a clock that never jumps. */
  readonly clock: () => number
  /** What instances share of introspection, for issuers that have it shared. */
  readonly answers?: SharedAnswers | undefined
  /** The keys of an issuer, where another process fetches them. */
  readonly keysOf?: ((config: IssuerConfig, onWithdrawn: () => void) => IssuerKeys) | undefined
}

/** An issuer that is asked over the network. */
export class ReachedIssuer {
  readonly config: IssuerConfig
  readonly issuer: Issuer
  readonly caches: readonly NamedCache[]
  readonly #keys: IssuerKeys | undefined
  readonly #clients: readonly OutboundClient[]

  constructor(config: IssuerConfig, parts: IssuerParts) {
    const { metrics, logger, now, clock } = parts
    const client = new OutboundClient(config.tls, config.jwks.timeout)
    const discovery = new DiscoveredIssuer(config.issuer, client)
    const clients = [client]
    const verified = new VerifiedTokens(config.cache)
    this.config = config

    let introspection: IntrospectionClient | undefined
    if (needsKeys(config)) {
      const onWithdrawn = () => {
        verified.clear()
        introspection?.forget()
      }
      this.#keys =
        parts.keysOf?.(config, onWithdrawn) ??
        new RemoteKeys({ config, client, discovery, metrics, logger, clock, onWithdrawn })
    }
    if (config.introspection !== undefined) {
      const { tls, timeout, connections } = config.introspection
      const asking = new OutboundClient(tls, timeout, { connections })
      clients.push(asking)
      introspection = new IntrospectionClient({
        issuer: config,
        config: config.introspection,
        client: asking,
        discovery,
        keys: this.#keys,
        answers: config.introspection.shared ? parts.answers : undefined,
        metrics,
        logger,
        now,
        clock,
      })
    }
    this.#clients = clients
    this.issuer = {
      id: config.id,
      issuer: config.issuer,
      audiences: config.audiences,
      algorithms: config.algorithms,
      clockSkew: config.clockSkew,
      typeRequired: config.typeRequired,
      maxLifetime: config.maxLifetime,
      revocationMaxDelay: config.revocationMaxDelay,
      tokens: config.tokens,
      keys: this.#keys,
      introspection,
      decryption: config.encryption && new OwnDecryption(config.encryption),
      verified,
    }
    const { id } = config
    const tokens = needsKeys(config) ? [{ name: 'tokens', issuer: id, cache: verified }] : []
    this.caches = [...tokens, ...(introspection?.caches ?? [])]
  }

  /** Whether its tokens can be judged. An issuer that signs nothing for us is asked when needed. */
  get ready(): boolean {
    return this.#keys?.isFresh() ?? true
  }

  /** Fetches what is fetched beforehand. Does not throw: what is missing is asked for again. */
  async start(): Promise<void> {
    await this.#keys?.start()
  }

  async close(): Promise<void> {
    this.#keys?.close()
    await Promise.all(this.#clients.map((client) => client.close()))
  }
}

/** Whether its tokens, or its answers about them, are verified by its keys. */
export function needsKeys({ tokens, introspection }: IssuerConfig): boolean {
  return tokens === 'jwt' || introspection?.response === 'jwt'
}

/** Makes every series of an issuer that is in force, so that rates begin at zero. */
export function initialiseIssuer(metrics: Metrics, config: IssuerConfig): void {
  const { id, tokens, introspection } = config
  metrics.revocationDelay.set({ issuer: id }, revocationDelayOf(config))
  const kinds = introspection === undefined ? [tokens] : new Set([tokens, 'introspection'])
  for (const kind of kinds) {
    for (const result of ['ok', 'refused'])
      metrics.tokensVerified.inc({ issuer: id, kind, result }, 0)
  }
  if (introspection === undefined) return
  const results = ['active', 'inactive', 'timeout', 'error', 'bad_response', 'circuit_open']
  for (const result of results) {
    metrics.introspectionRequests.inc({ issuer: id, result }, 0)
  }
  const looked = ['hit', 'miss', 'negative_hit', 'coalesced']
  for (const result of introspection.shared ? [...looked, 'shared_hit'] : looked) {
    metrics.introspectionCache.inc({ issuer: id, result }, 0)
  }
  metrics.introspectionSeconds.zero({ issuer: id })
}
