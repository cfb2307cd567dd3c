/**
 * The life of a request, top to bottom.
 *
 * @module
 */

import type { Readable } from 'node:stream'
import { type Connection, ResourceRequest } from '../check/request.ts'
import type { PublicUrl } from '../config/configuration.ts'
import { Failure, fail } from '../failure/failure.ts'
import { preflightedMethod } from '../http/cors.ts'
import { fieldLines } from '../http/field.ts'
import { formHasToken, isCoded, isForm } from '../http/form.ts'
import { hasPassed, parseMaxForwards } from '../http/hops.ts'
import { interactionId } from '../http/interaction-id.ts'
import { checkMessage, parseFraming, parseStreamFraming } from '../http/message.ts'
import { parseRequestTarget } from '../http/path.ts'
import { hasQueryParameter, parseAuthority } from '../http/target-uri.ts'
import { parseWebSocketHandshake } from '../http/websocket.ts'
import { checkPresence } from '../sender-constraint/certificate.ts'
import { Answer, allowing, give } from './answer.ts'
import type { ClientRequest, ClientResponse } from './client.ts'
import { readContent } from './content.ts'
import { Exchange } from './exchange.ts'
import { forward } from './forward.ts'
import { authorize } from './pipeline.ts'
import { publicUrlOf } from './public-url.ts'
import { READING } from './resource-metadata.ts'
import { refuse } from './respond.ts'
import type { Route } from './route.ts'
import type { Serving, Surroundings } from './serving.ts'
import type { ClientTunnel } from './tunnel.ts'

/** Most bytes of a form that are read of a client that brought no credentials. */
const MAX_UNKNOWN_FORM = 16_384

/** Serves requests by the configuration in force: the one entrance for every listener. */
export class Gateway {
  readonly #surroundings: Surroundings
  #serving: Serving

  constructor(serving: Serving, surroundings: Surroundings) {
    this.#serving = serving
    this.#surroundings = surroundings
  }

  /** From the next request on. */
  set serving(serving: Serving) {
    this.#serving = serving
  }

  /**
   * Serves one request.
   *
   * @param body The content of the request: in HTTP/1 the very message.
   * @param publicUrls How the listener is called from outside.
   * @param expectsContinue Whether the client waits for a 100 before it sends its content.
   * @param tunnel The connection, where it can become a WebSocket.
   */
  serve(
    incoming: ClientRequest,
    body: Readable,
    response: ClientResponse,
    connection: Connection,
    publicUrls: readonly PublicUrl[],
    expectsContinue: boolean,
    tunnel?: ClientTunnel,
  ): void {
    const { clock, account, pseudonym } = this.#surroundings
    const id = interactionId(incoming.rawHeaders)
    const exchange = new Exchange(
      incoming,
      body,
      response,
      connection,
      id,
      expectsContinue,
      clock(),
    )
    exchange.clientTunnel = tunnel
    exchange.pseudonym = pseudonym
    exchange.hsts = this.#serving.hsts.get(connection.listener)
    response.once('close', () => {
      exchange.forwarding?.closed()
      account(exchange)
    })
    try {
      const outcome = this.#decide(exchange, publicUrls)
      if (outcome instanceof Promise) outcome.catch((error) => this.#broken(exchange, error))
    } catch (error) {
      this.#broken(exchange, error)
    }
  }

  /** What is thrown is a bug: nothing is forwarded, and the process lives. */
  #broken(exchange: Exchange, error: unknown): void {
    this.#surroundings.bug(error, exchange.interactionId)
    if (exchange.response.headersSent) exchange.response.destroy()
    else refuse(exchange, fail('server_error', 'internal_error'))
  }

  #decide(exchange: Exchange, publicUrls: readonly PublicUrl[]): void | Promise<void> {
    if (this.#surroundings.isFull()) {
      return refuse(exchange, fail('temporarily_unavailable', 'memory_exhausted'))
    }
    const serving = this.#serving
    const route = this.#find(exchange, publicUrls, serving)
    if (route instanceof Failure) return refuse(exchange, route)
    if (route instanceof Answer) return give(exchange, route)
    // Before the checks, one of which writes: who comes again in a second shall come with the same proof.
    if (route.upstream.isBusy()) {
      return refuse(exchange, fail('upstream_unavailable', 'upstream_busy'))
    }

    const outcome = authorize(route.checks, exchange.request!)
    if (!(outcome instanceof Promise)) return this.#proceed(exchange, route, outcome)
    const asked = this.#surroundings.clock()
    return outcome.then((late) => {
      exchange.issuerWait = this.#surroundings.clock() - asked
      return this.#proceed(exchange, route, late)
    })
  }

  /** Reads the head of a request: its route, why there is none, or what needs no route. */
  #find(
    exchange: Exchange,
    publicUrls: readonly PublicUrl[],
    { router, limits, metadata }: Serving,
  ): Route | Answer | Failure {
    const { incoming, connection } = exchange
    const { rawHeaders, httpVersion, endsWithHead, method = '', url = '' } = incoming

    const content =
      endsWithHead === undefined
        ? parseFraming(rawHeaders, httpVersion)
        : parseStreamFraming(rawHeaders, endsWithHead)
    if (content instanceof Failure) return content
    exchange.content = content
    const malformed = checkMessage(rawHeaders, url, limits)
    if (malformed !== undefined) return malformed
    const now = this.#surroundings.now()
    const { front } = connection
    const certificate =
      front === undefined ? connection.certificate : front.certificateOf(rawHeaders, now)
    if (certificate instanceof Failure) return certificate

    if (hasPassed(rawHeaders, exchange.pseudonym)) return fail('loop_detected', 'request_loops')

    const target = parseRequestTarget(url)
    if (target instanceof Failure) return target
    // RFC 9112 §3.2.2: the authority of an absolute-form target wins over Host.
    const [said = ''] = fieldLines(rawHeaders, 'host')
    const named = parseAuthority(said)
    const authority = target.authority === undefined ? named : parseAuthority(target.authority)
    // RFC 9112 §3.2: a Host that is none is refused, beside an absolute-form target too.
    if (named === undefined || authority === undefined) {
      return fail('bad_request', 'host_malformed')
    }
    const { host, port } = authority
    // RFC 9110 §7.4: an authority that is not ours, or not the one the handshake was for.
    const publicUrl = publicUrlOf(publicUrls, authority)
    if (publicUrl === undefined) return fail('misdirected_request', 'host_not_served')
    if (connection.serverName !== undefined && connection.serverName !== host) {
      return fail('misdirected_request', 'host_is_not_sni')
    }
    exchange.authority = port === undefined ? host : `${host}:${port}`

    const published = metadata?.find(publicUrl, method, target.path)
    if (published !== undefined) {
      if (published instanceof Failure) exchange.allow = READING
      return published
    }
    exchange.metadataUrl = metadata?.urlOf(publicUrl)
    // Fetch Standard: a preflight has no credentials, and asks about another method than its own.
    const asked = preflightedMethod(method, rawHeaders)
    const wanted = asked === undefined ? undefined : router.find(host, asked, target.path).route
    const preflight = wanted?.preflight(rawHeaders, asked ?? '')
    if (preflight !== undefined) return preflight

    const { route, allow } = router.find(host, method, target.path)
    if (route === undefined) {
      if (allow.length === 0) return fail('not_found', 'route_not_found')
      exchange.allow = allow
      return fail('method_not_allowed', 'method_not_of_route')
    }
    exchange.route = route
    if (method === 'OPTIONS') {
      const hops = parseMaxForwards(rawHeaders)
      if (hops instanceof Failure) return hops
      exchange.hops = hops
      // RFC 9110 §7.6.2: not to be forwarded. No route takes TRACE, so every method is named.
      if (hops === 0) exchange.ownAnswer = allowing(router.find(host, 'TRACE', target.path).allow)
    }
    exchange.request = new ResourceRequest(
      connection,
      method,
      target.path,
      target.query,
      publicUrl.prefix + target.path,
      rawHeaders,
      now,
      exchange.interactionId,
      certificate,
    )
    const absent = connection.certificateRequired ? checkPresence(certificate, now) : undefined
    if (absent !== undefined) return absent
    if (route.websocket) {
      const malformed = readHandshake(exchange)
      if (malformed !== undefined) return malformed
    }
    if (content.length !== undefined && content.length > route.maxBody) {
      return fail('content_too_large', 'content_length_over_limit')
    }
    // FAPI 1.0 Baseline §6.2.1-3, FAPI 2.0 SP §5.3.4-2: never, and beside a header field neither.
    if (hasQueryParameter(target.query, 'access_token')) {
      return fail('invalid_request', 'token_in_query')
    }
    return route
  }

  #proceed(exchange: Exchange, route: Route, failure: Failure | undefined): void | Promise<void> {
    exchange.decidedAt = this.#surroundings.clock()
    // Whoever left while an issuer was asked is not forwarded for.
    if (exchange.response.destroyed) return
    const { content, incoming } = exchange
    if (
      content.present &&
      isForm(incoming.rawHeaders) &&
      (failure === undefined || failure.error === 'missing_token')
    ) {
      return this.#readForm(exchange, route, failure)
    }
    if (failure !== undefined) refuse(exchange, failure)
    else this.#pass(exchange, route, undefined)
  }

  /** RFC 6750 §2.2: a form is read before it is forwarded, since a token in it is refused. */
  async #readForm(exchange: Exchange, route: Route, failure: Failure | undefined): Promise<void> {
    const { incoming, body, response } = exchange
    if (failure !== undefined && exchange.expectsContinue) return refuse(exchange, failure)
    if (isCoded(incoming.rawHeaders)) {
      return refuse(exchange, failure ?? fail('unsupported_media_type', 'form_coded'))
    }
    if (exchange.expectsContinue) {
      response.writeContinue()
      exchange.expectsContinue = false
    }
    const form = await readContent(
      incoming,
      body,
      failure === undefined ? route.maxBody : MAX_UNKNOWN_FORM,
    )
    if (response.destroyed) return
    if (form === undefined) {
      refuse(exchange, failure ?? fail('content_too_large', 'form_too_large'))
    } else if (formHasToken(form)) {
      refuse(exchange, fail('invalid_request', 'token_in_form'))
    } else if (failure !== undefined) {
      refuse(exchange, failure)
    } else {
      exchange.content = { length: form.length, present: form.length > 0 }
      this.#pass(exchange, route, form)
    }
  }

  #pass(exchange: Exchange, route: Route, whole: Buffer | undefined): void {
    if (exchange.ownAnswer !== undefined) give(exchange, exchange.ownAnswer)
    else forward(exchange, route, whole, this.#surroundings)
  }
}

/** RFC 9110 §7.8: notes the WebSocket that is asked for. Where a route has none, none is asked for. */
function readHandshake(exchange: Exchange): Failure | undefined {
  const { method = '', httpVersion, rawHeaders } = exchange.incoming
  const handshake = parseWebSocketHandshake(method, httpVersion, rawHeaders)
  if (handshake instanceof Failure) return handshake
  if (handshake !== undefined && exchange.clientTunnel === undefined) {
    return fail('bad_request', 'websocket_pipelined')
  }
  exchange.handshake = handshake
  return undefined
}
