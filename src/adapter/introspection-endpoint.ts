/**
 * One issuer's introspection endpoint: a question, and what its answer says (RFC 7662 §2, RFC 9701).
 *
 * @module
 */

import type { IntrospectionConfig, IssuerConfig } from '../config/configuration.ts'
import { parseJsonObject } from '../encoding/json.ts'
import { Failure, fail } from '../failure/failure.ts'
import type { Claims } from '../token/claims.ts'
import { parseIntrospection } from '../token/introspection.ts'
import { SIGNED_RESPONSE, verifyIntrospectionJwt } from '../token/introspection-jwt.ts'
import type { KeySource } from '../token/issuer.ts'
import type { Breaker } from './breaker.ts'
import { clientAuthenticator } from './client-authentication.ts'
import type { DiscoveredIssuer } from './metadata.ts'
import { type Answer, inTime, type OutboundClient } from './outbound.ts'
import type { Verdict } from './remembered-answers.ts'

/**
 * Answers that speak of the server and not of a token (RFC 9110 §15.5, §15.6, RFC 6585 §4). Others, 500
 * among them, a stranger's token may have brought about: they open no circuit for everybody.
 */
const OUT_OF_ORDER = new Set([429, 502, 503, 504])

export interface EndpointParts {
  readonly issuer: IssuerConfig
  readonly config: IntrospectionConfig
  readonly client: OutboundClient
  readonly discovery: DiscoveredIssuer
  /** What signed answers are verified by; without it, none are believed. */
  readonly keys?: KeySource | undefined
  /** Seconds since the epoch. */
  readonly now: () => number
}

export class IntrospectionEndpoint {
  readonly #parts: EndpointParts
  readonly #breaker: Breaker
  readonly #authenticate: ReturnType<typeof clientAuthenticator>
  #endpoint: string | undefined

  /** @param breaker Told how each call went, whatever the answer says. */
  constructor(parts: EndpointParts, breaker: Breaker) {
    this.#parts = parts
    this.#breaker = breaker
    this.#authenticate = clientAuthenticator(parts.config.authentication, parts.issuer.issuer)
    this.#endpoint = parts.config.endpoint
  }

  /**
   * Asks about a token.
   *
   * @throws If there is no answer that says anything about it.
   */
  async ask(token: string, deadline: AbortSignal): Promise<Verdict> {
    const answer = await this.#callOnTrial(token, deadline)
    return inTime(this.#judge(answer), deadline)
  }

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
}

function parsePlain({ mediaType, body }: Answer): Claims | Failure {
  const response = mediaType === 'application/json' ? parseJsonObject(body) : undefined
  return response ?? fail('temporarily_unavailable', 'introspection_response_malformed')
}
