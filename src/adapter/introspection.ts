/**
 * The introspection client (RFC 7662), which can insist on signed answers (RFC 9701).
 *
 * Answers are kept for a bounded time, under the digest of the token; tokens asked about at the same
 * time are asked about once. What cannot be asked is not known: never "inactive", never let through. An
 * endpoint that does not answer is left alone for a while. Whatever a verdict takes, discovery and keys
 * included, there is one time for it.
 *
 * @module
 */

import type { IntrospectionConfig, IssuerConfig } from '../config/configuration.ts'
import { parseJsonObject } from '../encoding/json.ts'
import { Failure, fail } from '../failure/failure.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { RationedLog } from '../telemetry/rationed-log.ts'
import type { Claims } from '../token/claims.ts'
import { parseIntrospection } from '../token/introspection.ts'
import { SIGNED_RESPONSE, verifyIntrospectionJwt } from '../token/introspection-jwt.ts'
import type { IntrospectionSource, KeySource } from '../token/issuer.ts'
import { BoundedCache } from './bounded-cache.ts'
import { Breaker } from './breaker.ts'
import type { NamedCache } from './cache-metrics.ts'
import { clientAuthenticator } from './client-authentication.ts'
import {
  type Asked,
  ageOf,
  isUndecided,
  isUsable,
  type Remembered,
  type Verdict,
} from './introspection-answer.ts'
import type { DiscoveredIssuer } from './metadata.ts'
import { type Answer, inTime, type OutboundClient, OutboundError } from './outbound.ts'
import { sizeOfToken } from './token-cache.ts'

/** Seconds between two lines about calls that failed. */
const LOG_PAUSE = 10

/**
 * Answers that speak of the server and not of a token (RFC 9110 §15.5, §15.6, RFC 6585 §4). Others, 500
 * among them, a stranger's token may have brought about: they open no circuit for everybody.
 */
const OUT_OF_ORDER = new Set([429, 502, 503, 504])

interface Pending {
  readonly asked: Asked
  readonly verdict: Promise<Verdict>
}

export interface IntrospectionParts {
  readonly issuer: IssuerConfig
  readonly config: IntrospectionConfig
  readonly client: OutboundClient
  readonly discovery: DiscoveredIssuer
  /** What signed answers are verified by; without it, none are believed. */
  readonly keys?: KeySource | undefined
  readonly metrics: Metrics
  readonly logger: Logger
  /** Seconds since the epoch. */
  readonly now: () => number
  /** Seconds of a clock that never jumps. */
  readonly clock: () => number
}

export class IntrospectionClient implements IntrospectionSource {
  readonly #parts: IntrospectionParts
  readonly #authenticate: ReturnType<typeof clientAuthenticator>
  readonly #remembered: BoundedCache<Remembered>
  /** Apart, so that made-up tokens cannot push out real ones. */
  readonly #refused: BoundedCache<Remembered>
  /** The newest call about each token. */
  readonly #pending = new Map<string, Pending>()
  #calls = 0
  /** How often all was forgotten. */
  #epoch = 0
  readonly #breaker: Breaker
  readonly #log: RationedLog
  #endpoint: string | undefined

  constructor(parts: IntrospectionParts) {
    this.#parts = parts
    this.#authenticate = clientAuthenticator(parts.config.authentication, parts.issuer.issuer)
    const { entries, bytes } = parts.config.cache
    this.#remembered = new BoundedCache({ entries, bytes }, sizeOf)
    const tenth = { entries: Math.ceil(entries / 10), bytes: Math.ceil(bytes / 10) }
    this.#refused = new BoundedCache(tenth, sizeOf)
    this.#breaker = new Breaker(parts.config.breaker, parts.clock)
    this.#log = new RationedLog(parts.logger, LOG_PAUSE, parts.clock)
    this.#endpoint = parts.config.endpoint
  }

  get caches(): readonly NamedCache[] {
    const issuer = this.#parts.issuer.id
    return [
      { name: 'introspection', issuer, cache: this.#remembered },
      { name: 'introspection_refused', issuer, cache: this.#refused },
    ]
  }

  introspect(
    token: string,
    digest: string,
    now: number,
    maxAge?: number | undefined,
  ): Verdict | Promise<Verdict> {
    const asked: Asked = { at: now, clock: this.#parts.clock() }
    const remembered = this.#remembered.get(digest) ?? this.#refused.get(digest)
    if (remembered !== undefined && isUsable(remembered, asked, maxAge)) {
      this.#looked(remembered.verdict instanceof Failure ? 'negative_hit' : 'hit')
      return remembered.verdict
    }
    const pending = this.#pending.get(digest)
    // An answer that is under way may have been decided on when it was asked for.
    if (pending !== undefined && (maxAge === undefined || ageOf(pending.asked, asked) < maxAge)) {
      this.#looked('coalesced')
      return pending.verdict
    }
    // A call that waits for a connection could time out, and count as the endpoint's failure.
    if (this.#calls >= this.#parts.config.connections) {
      return fail('temporarily_unavailable', 'introspection_busy')
    }
    if (!this.#breaker.admits()) {
      this.#answered('circuit_open')
      return fail('temporarily_unavailable', 'introspection_circuit_open')
    }
    this.#looked('miss')
    return this.#begin(token, digest, asked)
  }

  #begin(token: string, digest: string, asked: Asked): Promise<Verdict> {
    this.#calls += 1
    const verdict = this.#askToTheEnd(token, digest, asked)
    this.#pending.set(digest, { asked, verdict })
    return verdict
  }

  /**
   * Forgets all answers, those to come of calls that are under way too: a key that they are signed by is
   * the issuer's no more.
   */
  forget(): void {
    this.#epoch += 1
    this.#remembered.clear()
    this.#refused.clear()
  }

  /** Asks, and asks again where all was forgotten meanwhile, in the time of one call. */
  async #askToTheEnd(token: string, digest: string, asked: Asked): Promise<Verdict> {
    const deadline = this.#parts.client.deadline()
    let epoch: number
    let verdict: Verdict
    do {
      epoch = this.#epoch
      verdict = await this.#ask(token, deadline)
    } while (epoch !== this.#epoch && !isUndecided(verdict))
    this.#calls -= 1
    // Of two calls about a token the newer knows better, whichever is answered first.
    if (this.#pending.get(digest)?.asked === asked) {
      this.#pending.delete(digest)
      this.#remember(digest, verdict, asked)
    }
    return verdict
  }

  /** Never throws. */
  async #ask(token: string, deadline: AbortSignal): Promise<Verdict> {
    const { issuer, metrics } = this.#parts
    const end = metrics.introspectionSeconds.startTimer({ issuer: issuer.id })
    try {
      const answer = await this.#callOnTrial(token, deadline)
      const verdict = await inTime(this.#judge(answer), deadline)
      if (isUndecided(verdict)) {
        this.#answered('bad_response')
        return verdict
      }
      this.#answered(verdict instanceof Failure ? 'inactive' : 'active')
      return verdict
    } catch (error) {
      // RFC 7662 §2.3: an endpoint that does not answer says nothing about the token.
      this.#answered(error instanceof OutboundError ? error.fault : 'error')
      const cause = error instanceof Error ? error.message : String(error)
      this.#log.write('warn', { issuer: issuer.id, cause }, 'introspection failed')
      return fail('temporarily_unavailable', 'introspection_unavailable')
    } finally {
      end()
    }
  }

  /** Tells the breaker how a call went, whatever the answer says. */
  async #callOnTrial(token: string, deadline: AbortSignal): Promise<Answer> {
    try {
      const answer = await this.#call(token, deadline)
      if (OUT_OF_ORDER.has(answer.status)) this.#breaker.failed()
      else this.#breaker.succeeded()
      return answer
    } catch (error) {
      this.#breaker.failed()
      throw error
    }
  }

  async #call(token: string, deadline: AbortSignal): Promise<Answer> {
    const { client, config } = this.#parts
    const endpoint = await this.#locate(deadline)
    const { headers, form } = await this.#authenticate()
    // RFC 7662 §2.1. URLSearchParams encodes whatever the token is made of.
    const body = new URLSearchParams({ token, token_type_hint: 'access_token', ...form }).toString()
    const accept = config.response === 'jwt' ? SIGNED_RESPONSE : 'application/json'
    const type = 'application/x-www-form-urlencoded'
    const fields = { accept, 'content-type': type, ...headers }
    return client.call(endpoint, { method: 'POST', headers: fields, body }, deadline)
  }

  async #locate(deadline: AbortSignal): Promise<string> {
    return this.#endpoint ?? inTime(this.#discover(), deadline)
  }

  /** What is found too late for one call is there for the next. */
  async #discover(): Promise<string> {
    const { discovery, config } = this.#parts
    const metadata = await discovery.load()
    // RFC 8705 §5: who authenticates by certificate asks at the alias.
    const endpoint =
      (config.authentication.method === 'tls_client_auth'
        ? metadata.mtlsIntrospectionEndpoint
        : undefined) ?? metadata.introspectionEndpoint
    if (endpoint === undefined) throw new Error('the metadata names no introspection_endpoint')
    this.#endpoint = endpoint
    return endpoint
  }

  async #judge(answer: Answer): Promise<Verdict> {
    const { config, issuer, now } = this.#parts
    const { status } = answer
    if (status !== 200) throw new Error(`the introspection endpoint answered ${status}`)
    const response = config.response === 'jwt' ? await this.#verify(answer) : parsePlain(answer)
    if (response instanceof Failure) return response
    return parseIntrospection(response, issuer, now())
  }

  /** RFC 9701 §4: who asks for a signed answer takes no other. */
  async #verify({ mediaType, body }: Answer): Promise<Claims | Failure> {
    const { config, issuer, keys, now } = this.#parts
    if (mediaType !== SIGNED_RESPONSE || keys === undefined) {
      return fail('temporarily_unavailable', 'introspection_jwt_missing')
    }
    // RFC 9701 §5: an issuer knows its resource servers as clients, or by what it writes in `aud`.
    const recipients = [config.authentication.clientId, ...issuer.audiences]
    return verifyIntrospectionJwt(body.toString('latin1'), keys, issuer, recipients, now())
  }

  /**
   * RFC 7662 §4: never beyond the token's end, which is judged again on use; and not at all where the
   * issuer does not say when that is.
   */
  #remember(digest: string, verdict: Verdict, asked: Asked): void {
    const { ttl, negativeTtl } = this.#parts.config
    if (isUndecided(verdict)) return
    const isRefused = verdict instanceof Failure
    // A token that is refused now was perhaps good before: what was remembered of it is over.
    this.#remembered.delete(digest)
    if (!isRefused && verdict.claims['exp'] === undefined) return
    const life = isRefused ? negativeTtl : Math.min(ttl, verdict.expiresAt - asked.at)
    if (life <= 0) return
    const cache = isRefused ? this.#refused : this.#remembered
    cache.set(digest, { verdict, asked, life })
  }

  #looked(result: string): void {
    this.#parts.metrics.introspectionCache.inc({ issuer: this.#parts.issuer.id, result })
  }

  #answered(result: string): void {
    this.#parts.metrics.introspectionRequests.inc({ issuer: this.#parts.issuer.id, result })
  }
}

/** Bytes of an answer beside its token. */
const REMEMBERED = 100

function sizeOf({ verdict }: Remembered): number {
  return verdict instanceof Failure ? REMEMBERED : REMEMBERED + sizeOfToken(verdict)
}

function parsePlain({ mediaType, body }: Answer): Claims | Failure {
  const response = mediaType === 'application/json' ? parseJsonObject(body) : undefined
  return response ?? fail('temporarily_unavailable', 'introspection_response_malformed')
}
