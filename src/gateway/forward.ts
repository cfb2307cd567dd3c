/**
 * Forwards an authorized request and streams the response back: one object an exchange, whose methods
 * the connection pool calls.
 *
 * Framing is never copied: the client's was read by one parser, the upstream's is written anew. A client
 * that leaves ends the upstream's work at once; a response that breaks off breaks off for the client too,
 * and never looks complete.
 *
 * @module
 */

import type { Socket } from 'node:net'
import { type Failure, fail } from '../failure/failure.ts'
import { ContentAborted, ContentTooLarge, CountedContent } from './content.ts'
import type { Exchange } from './exchange.ts'
import { endAfterContent } from './linger.ts'
import { requestFields } from './request-fields.ts'
import { refuse } from './respond.ts'
import { RESET_CONTENT, responseFields } from './response-fields.ts'
import type { Route } from './route.ts'
import type { Surroundings } from './serving.ts'
import { openTunnel, type Tunnels } from './tunnel.ts'
import type { UpstreamController, UpstreamHandler } from './upstream.ts'

/**
 * Sends the request on. The response is written as it comes.
 *
 * @param whole The content, where it had to be read before; otherwise it is streamed.
 */
export function forward(
  exchange: Exchange,
  route: Route,
  whole: Buffer | undefined,
  surroundings: Pick<Surroundings, 'clock' | 'tunnels'>,
): void {
  new Forwarding(exchange, route, whole, surroundings).start()
}

/** Field lines of a response, which clients do not read without end either. */
const MAX_FIELD_LINES = 1000

/** Why an exchange is given up when its client has left. */
const CLIENT_LEFT = new Error('the client left')

/** Why one is given up whose response does not come to its end. */
const TOO_LONG = Object.assign(new Error('it took too long'), { code: 'TOO_LONG' })

class Forwarding implements UpstreamHandler {
  readonly #exchange: Exchange
  readonly #route: Route
  readonly #clock: () => number
  readonly #tunnels: Tunnels
  readonly #whole: Buffer | undefined
  #content: CountedContent | undefined
  #controller: UpstreamController | undefined
  #timer: NodeJS.Timeout | undefined
  #givenUp: Error | undefined
  #left = false
  #retried = false
  #isAnswering = false
  #drains = false

  constructor(
    exchange: Exchange,
    route: Route,
    whole: Buffer | undefined,
    { clock, tunnels }: Pick<Surroundings, 'clock' | 'tunnels'>,
  ) {
    this.#exchange = exchange
    this.#route = route
    this.#whole = whole
    this.#clock = clock
    this.#tunnels = tunnels
  }

  start(): void {
    const { incoming, body, response, content } = this.#exchange
    this.#exchange.forwarding = this
    if (content.present && this.#whole === undefined) {
      // RFC 9110 §10.1.1: the client is asked for its content only now that it may be forwarded.
      if (this.#exchange.expectsContinue) {
        response.writeContinue()
        this.#exchange.expectsContinue = false
      }
      this.#content = new CountedContent(incoming, body, this.#route.maxBody)
    }
    this.#exchange.dispatchedAt = this.#clock()
    const { wholeTimeout } = this.#route.upstream
    if (wholeTimeout !== undefined) {
      this.#timer = setTimeout(() => this.#giveUp(TOO_LONG), wholeTimeout * 1000)
    }
    this.#dispatch()
  }

  #dispatch(): void {
    const { incoming, request, handshake } = this.#exchange
    const { upstream } = this.#route
    const path = request === undefined ? '/' : request.path + request.query
    upstream.dispatch(
      {
        method: incoming.method ?? 'GET',
        path: upstream.basePath + path,
        headers: requestFields(this.#exchange, this.#route),
        body: this.#content ?? this.#whole ?? null,
        upgrade: handshake === undefined ? null : 'websocket',
      },
      this,
    )
  }

  /** The client has its answer, or has left. */
  closed(): void {
    if (this.#exchange.response.writableFinished) return
    this.#left = true
    if (this.#exchange.upstreamEndedAt === undefined) this.#ended()
    this.#giveUp(CLIENT_LEFT)
  }

  /** At once or, where it still waits for a connection, as soon as it has one. */
  #giveUp(why: Error): void {
    this.#givenUp = why
    this.#controller?.abort(why)
  }

  onRequestStart(controller: UpstreamController): void {
    this.#controller = controller
    if (this.#givenUp !== undefined) controller.abort(this.#givenUp)
  }

  onRequestUpgrade(controller: UpstreamController, _: number, __: unknown, socket: Socket): void {
    this.#exchange.upstreamAnsweredAt = this.#clock()
    const rawFields = textOf(controller.rawHeaders)
    const isOpen = openTunnel(this.#exchange, this.#route, rawFields, socket, this.#tunnels)
    if (isOpen) this.#ended()
    else controller.abort(new Error('an upgrade that was not asked for'))
  }

  onResponseStarted(): void {
    this.#isAnswering = true
  }

  onResponseStart(controller: UpstreamController, status: number): void {
    // RFC 9110 §15.2: interim responses are not ours to pass on.
    if (status < 200) {
      // RFC 9110 §15.2.2: but this one says that what follows is no HTTP any more. It names no protocol,
      // or it would have been handed over as an upgrade.
      if (status === 101) controller.abort(new Error('an upgrade that names no protocol'))
      return
    }
    const { response } = this.#exchange
    this.#exchange.upstreamAnsweredAt = this.#clock()
    const rawFields = textOf(controller.rawHeaders)
    if (status > 599 || rawFields.length > 2 * MAX_FIELD_LINES) {
      controller.abort(new Error('a head that is none'))
      return
    }
    // Throws on a value that no client may be sent; the pool hands that to onResponseError.
    const headers = responseFields(this.#exchange, this.#route, status, rawFields)
    response.writeHead(status, headers)
  }

  onResponseData(controller: UpstreamController, chunk: Buffer): void {
    const { response } = this.#exchange
    if (response.statusCode === RESET_CONTENT) return
    this.#exchange.bytesOut += chunk.length
    if (response.write(chunk) || this.#drains) return
    this.#drains = true
    controller.pause()
    response.once('drain', () => {
      this.#drains = false
      controller.resume()
    })
  }

  onResponseEnd(): void {
    this.#ended()
    endAfterContent(this.#exchange)
  }

  onResponseError(_: UpstreamController | null, error: Error): void {
    const { response } = this.#exchange
    if (this.#left) return
    if (response.headersSent) {
      // RFC 9112 §8: what is incomplete must not look complete.
      this.#ended()
      this.#exchange.truncated = true
      response.destroy()
      return
    }
    if (this.#mayRetry(error)) {
      this.#retried = true
      this.#dispatch()
      return
    }
    this.#ended()
    refuse(this.#exchange, failureOf(error))
  }

  /**
   * RFC 9110 §9.2.2: once, where the method is idempotent, nothing was sent but its head, no byte of an
   * answer has come, and the connection was closed under it: most likely an idle one, which the upstream
   * gave up in the same moment.
   */
  #mayRetry(error: Error): boolean {
    const { method } = this.#exchange.incoming
    const closed = codeOf(error) === 'UND_ERR_SOCKET' || codeOf(error) === 'ECONNRESET'
    const untouched = !this.#isAnswering && !this.#exchange.content.present
    return !this.#retried && closed && untouched && (method === 'GET' || method === 'HEAD')
  }

  #ended(): void {
    clearTimeout(this.#timer)
    this.#exchange.upstreamEndedAt = this.#clock()
    this.#exchange.bytesIn = this.#content?.count ?? this.#whole?.length ?? 0
  }
}

/** Names and values as text: bytes, so that nothing is re-encoded. */
function textOf(rawFields: unknown): string[] {
  return (rawFields as Buffer[]).map((field) => field.toString('latin1'))
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** RFC 9110 §15.6: a bad answer, no answer in time, or nobody to ask. */
function failureOf(error: Error): Failure {
  if (error instanceof ContentTooLarge) return error.failure
  if (error instanceof ContentAborted) return fail('bad_request', 'body_incomplete')
  const code = codeOf(error)
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
    case 'TOO_LONG':
      return fail('gateway_timeout', 'upstream_timeout')
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return fail('gateway_timeout', 'upstream_connect_timeout')
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fail('upstream_unavailable', 'upstream_unreachable', { code })
    default:
      return /CERT|SIGN|TLS|SSL|INVALID_(?:CA|PURPOSE)/.test(code)
        ? fail('bad_gateway', 'upstream_tls', { code })
        : fail('bad_gateway', 'upstream_response_invalid', { code })
  }
}
