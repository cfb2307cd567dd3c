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

import { Failure, fail } from '../failure/failure.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { RationedLog } from '../telemetry/rationed-log.ts'
import { parseIntrospection } from '../token/introspection.ts'
import type { IntrospectionSource } from '../token/issuer.ts'
import { Breaker } from './breaker.ts'
import type { NamedCache } from './cache-metrics.ts'
import { type EndpointParts, IntrospectionEndpoint } from './introspection-endpoint.ts'
import { OutboundError } from './outbound.ts'
import {
  type Answered,
  type Asked,
  ageOf,
  isNewEnough,
  isUndecided,
  lifeOf,
  RememberedAnswers,
  type Verdict,
} from './remembered-answers.ts'
import type { SharedAnswers } from './shared-answers.ts'

/** Seconds between two lines about calls that failed. */
const LOG_PAUSE = 10

interface Pending {
  readonly asked: Asked
  readonly answered: Promise<Answered>
}

export interface IntrospectionParts extends EndpointParts {
  /** What other instances were answered. */
  readonly answers?: SharedAnswers | undefined
  readonly metrics: Metrics
  readonly logger: Logger
  /** Seconds of a clock that never jumps. */
  readonly clock: () => number
}

export class IntrospectionClient implements IntrospectionSource {
  readonly #parts: IntrospectionParts
  readonly #endpoint: IntrospectionEndpoint
  readonly #remembered: RememberedAnswers
  /** The newest call about each token. */
  readonly #pending = new Map<string, Pending>()
  #calls = 0
  /** How often all was forgotten, and when last, in seconds of the clock that never jumps. */
  #epoch = 0
  #forgottenAt = Number.NEGATIVE_INFINITY
  /** Whose answers are shared: those of this issuer to this client, in this form. */
  readonly #scope: string
  readonly #breaker: Breaker
  readonly #log: RationedLog

  constructor(parts: IntrospectionParts) {
    this.#parts = parts
    this.#breaker = new Breaker(parts.config.breaker, parts.clock)
    this.#endpoint = new IntrospectionEndpoint(parts, this.#breaker)
    this.#remembered = new RememberedAnswers(parts.config)
    this.#log = new RationedLog(parts.logger, LOG_PAUSE, parts.clock)
    const { authentication, response } = parts.config
    this.#scope = JSON.stringify([parts.issuer.issuer, authentication.clientId, response])
  }

  get caches(): readonly NamedCache[] {
    return this.#remembered.cachesOf(this.#parts.issuer.id)
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
    const answer = this.#begin(token, this.#parts.client.deadline())
    if (answer instanceof Failure) return answer
    const answered = answer.then((verdict) => ({ verdict, asked }))
    return this.#follow(digest, asked, answered)
  }

  /** Asks the issuer, unless too many are asking, or it does not answer. */
  #begin(token: string, deadline: AbortSignal): Failure | Promise<Verdict> {
    // A call that waits for a connection could time out, and count as the endpoint's failure.
    if (this.#calls >= this.#parts.config.connections) {
      return fail('temporarily_unavailable', 'introspection_busy')
    }
    if (!this.#breaker.admits()) {
      this.#answered('circuit_open')
      return fail('temporarily_unavailable', 'introspection_circuit_open')
    }
    this.#looked('miss')
    this.#calls += 1
    return this.#askToTheEnd(token, deadline)
  }

  /** What another instance was answered, if that is new enough; else the issuer's answer. */
  async #findOrCall(
    token: string,
    digest: string,
    asked: Asked,
    maxAge = Number.POSITIVE_INFINITY,
  ): Promise<Answered> {
    const { answers, client, config, issuer, now, clock } = this.#parts
    const deadline = client.deadline()
    const shared = await answers?.find(this.#scope, digest)
    if (shared !== undefined && shared.age < Math.min(config.ttl, maxAge)) {
      const since = { at: now() - shared.age, clock: clock() - shared.age }
      const verdict = parseIntrospection(shared.claims, issuer, now())
      if (!(verdict instanceof Failure) && since.clock > this.#forgottenAt) {
        this.#looked('shared_hit')
        return { verdict, asked: since }
      }
    }
    const verdict = await this.#begin(token, deadline)
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

  /**
   * Forgets all answers, those to come of calls that are under way too: a key that they are signed by is
   * the issuer's no more.
   */
  forget(): void {
    this.#epoch += 1
    this.#forgottenAt = this.#parts.clock()
    this.#remembered.clear()
  }

  /** Asks, and asks again where all was forgotten meanwhile, in the time of one call. */
  async #askToTheEnd(token: string, deadline: AbortSignal): Promise<Verdict> {
    let epoch: number
    let verdict: Verdict
    do {
      epoch = this.#epoch
      verdict = await this.#ask(token, deadline)
    } while (epoch !== this.#epoch && !isUndecided(verdict))
    this.#calls -= 1
    return verdict
  }

  /** Never throws. */
  async #ask(token: string, deadline: AbortSignal): Promise<Verdict> {
    const { issuer, metrics } = this.#parts
    const end = metrics.introspectionSeconds.startTimer({ issuer: issuer.id })
    try {
      const verdict = await this.#endpoint.ask(token, deadline)
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

  #looked(result: string): void {
    this.#parts.metrics.introspectionCache.inc({ issuer: this.#parts.issuer.id, result })
  }

  #answered(result: string): void {
    this.#parts.metrics.introspectionRequests.inc({ issuer: this.#parts.issuer.id, result })
  }
}
