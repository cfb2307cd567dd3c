/**
 * The introspection client (RFC 7662), which can insist on signed answers (RFC 9701).
 *
 * Answers are kept for a bounded time, under the digest of the token; tokens asked about at the same
 * time are asked about once. What cannot be asked is not known: never "inactive", never let through. An
 * endpoint that does not answer is left alone for a while.
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
import { Breaker } from './breaker.ts'
import { clientAuthenticator } from './client-authentication.ts'
import type { DiscoveredIssuer } from './metadata.ts'
import { type Answer, MAX_CONNECTIONS, type OutboundClient, OutboundError } from './outbound.ts'
import {
  type Answered,
  type Asked,
  ageOf,
  isNewEnough,
  lifeOf,
  RememberedAnswers,
  type Verdict,
} from './remembered-answers.ts'
import type { SharedAnswers } from './shared-answers.ts'

/** Seconds between two lines about calls that failed. */
const LOG_PAUSE = 10

/**
 * Answers that speak of the server and not of a token (RFC 9110 §15.5, §15.6, RFC 6585 §4). Others, 500
 * among them, a stranger's token may have brought about: they open no circuit for everybody.
 */
const OUT_OF_ORDER = new Set([429, 502, 503, 504])

interface Pending {
  readonly asked: Asked
  readonly answered: Promise<Answered>
}

export interface IntrospectionParts {
  readonly issuer: IssuerConfig
  readonly config: IntrospectionConfig
  readonly client: OutboundClient
  readonly discovery: DiscoveredIssuer
  /** What signed answers are verified by; without it, none are believed. */
  readonly keys?: KeySource | undefined
  /** What other instances were answered; undefined: nothing is shared. */
  readonly answers?: SharedAnswers | undefined
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
  readonly #remembered: RememberedAnswers
  /** The newest call about each token. */
  readonly #pending = new Map<string, Pending>()
  #calls = 0
  /** When all answers were last forgotten, in seconds of the clock that never jumps. */
  #forgottenAt = Number.NEGATIVE_INFINITY
  /** Whose answers are shared: those of this issuer to this client, in this form. */
  readonly #scope: string
  readonly #breaker: Breaker
  readonly #log: RationedLog
  #endpoint: string | undefined

  constructor(parts: IntrospectionParts) {
    this.#parts = parts
    this.#authenticate = clientAuthenticator(parts.config.authentication, parts.issuer.issuer)
    this.#remembered = new RememberedAnswers(parts.config)
    this.#breaker = new Breaker(parts.config.breaker, parts.clock)
    this.#log = new RationedLog(parts.logger, LOG_PAUSE, parts.clock)
    this.#endpoint = parts.config.endpoint
    const { authentication, response } = parts.config
    this.#scope = JSON.stringify([parts.issuer.issuer, authentication.clientId, response])
  }

  introspect(
    token: string,
    digest: string,
    now: number,
    maxAge?: number | undefined,
  ): Verdict | Promise<Verdict> {
    const asked: Asked = { at: now, clock: this.#parts.clock() }
    const remembered = this.#remembered.find(digest, asked, maxAge)
    if (remembered !== undefined) {
      this.#looked(remembered instanceof Failure ? 'negative_hit' : 'hit')
      return remembered
    }
    const pending = this.#pending.get(digest)
    // An answer that is under way may have been decided on when it was asked for.
    if (pending !== undefined && (maxAge === undefined || ageOf(pending.asked, asked) < maxAge)) {
      this.#looked('coalesced')
      // What another instance was answered may be older than it was asked for here.
      return pending.answered.then((answer) =>
        isNewEnough(answer, asked, maxAge)
          ? answer.verdict
          : this.introspect(token, digest, now, maxAge),
      )
    }
    if (this.#parts.answers !== undefined && (maxAge ?? 1) > 0) {
      return this.#follow(digest, asked, this.#findOrCall(token, digest, asked, maxAge))
    }
    const answer = this.#begin(token)
    if (answer instanceof Failure) return answer
    const answered = answer.then((verdict) => ({ verdict, asked }))
    return this.#follow(digest, asked, answered)
  }

  /** Asks the issuer, unless too many are asking, or it does not answer. */
  #begin(token: string): Failure | Promise<Verdict> {
    // A call that waits for a connection could time out, and count as the endpoint's failure.
    if (this.#calls >= MAX_CONNECTIONS) {
      return fail('temporarily_unavailable', 'introspection_busy')
    }
    if (!this.#breaker.admits()) {
      this.#answered('circuit_open')
      return fail('temporarily_unavailable', 'introspection_circuit_open')
    }
    this.#looked('miss')
    this.#calls += 1
    return this.#ask(token)
  }

  /** What another instance was answered, if that is new enough; else the issuer's answer. */
  async #findOrCall(
    token: string,
    digest: string,
    asked: Asked,
    maxAge = Number.POSITIVE_INFINITY,
  ): Promise<Answered> {
    const { answers, config, issuer, now, clock } = this.#parts
    const shared = await answers?.find(this.#scope, digest)
    if (shared !== undefined && shared.age < Math.min(config.ttl, maxAge)) {
      const since = { at: now() - shared.age, clock: clock() - shared.age }
      const verdict = parseIntrospection(shared.claims, issuer, now())
      if (!(verdict instanceof Failure) && since.clock > this.#forgottenAt) {
        this.#looked('shared_hit')
        return { verdict, asked: since }
      }
    }
    const verdict = await this.#begin(token)
    if (!(verdict instanceof Failure)) {
      const answer = { claims: verdict.claims, age: clock() - asked.clock }
      answers?.keep(this.#scope, digest, answer, lifeOf(verdict, asked, config))
    } else if (verdict.error === 'invalid_token') answers?.forget(this.#scope, digest)
    return { verdict, asked }
  }

  async #follow(digest: string, asked: Asked, answered: Promise<Answered>): Promise<Verdict> {
    this.#pending.set(digest, { asked, answered })
    try {
      const answer = await answered
      // Of two calls about a token the newer knows better, whichever is answered first.
      if (this.#isNewest(digest, answered)) this.#remembered.keep(digest, answer)
      return answer.verdict
    } finally {
      if (this.#isNewest(digest, answered)) this.#pending.delete(digest)
    }
  }

  #isNewest(digest: string, answered: Promise<Answered>): boolean {
    return this.#pending.get(digest)?.answered === answered
  }

  /** Forgets all answers: a key that they were signed by is the issuer's no more. */
  forget(): void {
    this.#remembered.clear()
    this.#forgottenAt = this.#parts.clock()
  }

  async #ask(token: string): Promise<Verdict> {
    const { issuer, metrics } = this.#parts
    const end = metrics.introspectionSeconds.startTimer({ issuer: issuer.id })
    try {
      const verdict = await this.#judge(await this.#callOnTrial(token))
      if (verdict instanceof Failure && verdict.error !== 'invalid_token') {
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
      this.#calls -= 1
      end()
    }
  }

  /** Tells the breaker how a call went, whatever the answer says. */
  async #callOnTrial(token: string): Promise<Answer> {
    try {
      const answer = await this.#call(token)
      if (OUT_OF_ORDER.has(answer.status)) this.#breaker.failed()
      else this.#breaker.succeeded()
      return answer
    } catch (error) {
      this.#breaker.failed()
      throw error
    }
  }

  async #call(token: string): Promise<Answer> {
    const { client, config } = this.#parts
    const endpoint = await this.#locate()
    const { headers, form } = await this.#authenticate()
    // RFC 7662 §2.1. URLSearchParams encodes whatever the token is made of.
    const body = new URLSearchParams({ token, token_type_hint: 'access_token', ...form }).toString()
    return client.call(endpoint, {
      method: 'POST',
      headers: {
        accept: config.response === 'jwt' ? SIGNED_RESPONSE : 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
      body,
    })
  }

  async #locate(): Promise<string> {
    if (this.#endpoint !== undefined) return this.#endpoint
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

  #looked(result: string): void {
    this.#parts.metrics.introspectionCache.inc({ issuer: this.#parts.issuer.id, result })
  }

  #answered(result: string): void {
    this.#parts.metrics.introspectionRequests.inc({ issuer: this.#parts.issuer.id, result })
  }
}

function parsePlain({ mediaType, body }: Answer): Claims | Failure {
  const response = mediaType === 'application/json' ? parseJsonObject(body) : undefined
  return response ?? fail('temporarily_unavailable', 'introspection_response_malformed')
}
