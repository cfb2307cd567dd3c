/**
 * Connections of HTTP/2: their sessions, and the limits that keep one client from costing more than it
 * would in HTTP/1 (RFC 9113 §10.5).
 *
 * The library has no limits of time and few of number, so they are set here, every one.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerSessionOptions,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { LimitsConfig } from '../config/limits.ts'
import { Failure, fail } from '../failure/failure.ts'
import { soleField } from '../http/field.ts'
import { parseStreamHead, type StreamHead } from '../http/stream-head.ts'
import { steadyClock } from './clock.ts'
import { StreamRequest, StreamResponse } from './http2-stream.ts'
import { failureOfParser, refusedAsLarge, refusedAsSlow, refusedTunnel } from './malformed.ts'

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_REFUSED_STREAM } = constants

/** Streams at a time (RFC 9113 §6.5.2), and bytes that may be under way on one and on all of them. */
const MAX_STREAMS = 100
const STREAM_WINDOW = 65_536
const CONNECTION_WINDOW = 1_048_576
/** Pseudo-fields of a request, and one line more than are allowed, so that they are answered. */
const LINES_BEYOND = 5

/** Milliseconds over which resets and control frames are counted, and how many of each are too many. */
const PERIOD_MS = 10_000
const MAX_RESETS = 100
const MAX_CONTROL_FRAMES = 100
/** For how long a client may take to leave when it was told to. */
const LINGER_MS = 1000

export interface Http2Parts {
  readonly limits: LimitsConfig
  /** Seconds for which browsers shall keep to https; undefined: they are not told. */
  readonly hsts: number | undefined
  serve(
    request: StreamRequest,
    body: ServerHttp2Stream,
    response: StreamResponse,
    expectsContinue: boolean,
  ): void
  /** Called for what was refused before it was a request, or because of how it went on. */
  refused(failure: Failure, interactionId: string): void
  /** Called once, when the connection is gone. */
  closed(connection: Http2Connection): void
}

function sessionOptions({ headerBytes, headerLines }: LimitsConfig): ServerSessionOptions {
  return {
    settings: {
      enablePush: false,
      // RFC 8441: no WebSocket here, and so no extended CONNECT.
      enableConnectProtocol: false,
      headerTableSize: 4096,
      initialWindowSize: STREAM_WINDOW,
      maxConcurrentStreams: MAX_STREAMS,
      maxHeaderListSize: headerBytes,
    },
    maxHeaderListPairs: headerLines + LINES_BEYOND,
    maxSettings: 32,
    maxOutstandingPings: 10,
    // Megabytes: heads, and what of the answers is not sent yet.
    maxSessionMemory: 10,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    streamResetBurst: 2 * MAX_RESETS,
    streamResetRate: 20,
    strictFieldWhitespaceValidation: true,
    // An upstream may say a thing twice: in HTTP/1 nobody minds, and the request has been done by then.
    strictSingleValueFields: false,
  }
}

/** One connection whose handshake chose `h2`. */
export class Http2Connection {
  readonly #socket: TLSSocket
  readonly #parts: Http2Parts
  readonly #session: ServerHttp2Session
  /** Runs while there is no stream. */
  #idle: NodeJS.Timeout
  /** Whether the client was told to leave. */
  #isEnding = false
  #open = 0
  #served = 0
  #periodBegan = 0
  #ended = 0
  #resets = 0
  #controlFrames = 0

  constructor(socket: TLSSocket, parts: Http2Parts) {
    this.#socket = socket
    this.#parts = parts
    const session = performServerHandshake(socket, sessionOptions(parts.limits))
    this.#session = session
    session.setLocalWindowSize(CONNECTION_WINDOW)
    session.on('stream', (stream, _fields, _flags, rawFields) => this.#serve(stream, rawFields))
    session.on('error', (error) => this.#note(error))
    session.on('ping', () => this.#countControlFrame())
    session.on('remoteSettings', () => this.#countControlFrame())
    socket.once('close', () => {
      clearTimeout(this.#idle)
      parts.closed(this)
    })
    // Whoever made a connection is as slow with its first head as in HTTP/1, and not slower.
    this.#idle = this.#endAfter(parts.limits.headers * 1000)
  }

  /**
   * RFC 9113 §6.8: what is under way is answered, and what comes later is not begun. The connection is left
   * to the client to end, for a while: one that has not read all that came may lose it when we do.
   */
  finish(): void {
    if (this.#isEnding || this.#session.closed || this.#session.destroyed) return
    this.#isEnding = true
    this.#session.goaway()
    if (this.#open === 0) this.#rest()
  }

  /** Ends it, whatever is under way. */
  destroy(): void {
    this.#session.destroy(new Error('the gateway stops'), NGHTTP2_CANCEL)
    this.#socket.destroy()
  }

  #serve(stream: ServerHttp2Stream, rawFields: string[]): void {
    // What became of it is seen when it closes.
    stream.on('error', () => {})
    // CVE-2023-44487: reset in the same breath, and gone.
    if (stream.closed || stream.destroyed) {
      this.#countEnd(true)
      return
    }
    // RFC 9113 §8.7: it was not looked at, and may be sent again elsewhere.
    if (this.#isEnding) {
      stream.close(NGHTTP2_REFUSED_STREAM)
      return
    }
    clearTimeout(this.#idle)
    this.#open += 1
    this.#served += 1
    const { requestsPerConnection, idle } = this.#parts.limits
    if (this.#served >= requestsPerConnection) this.finish()

    const head = this.#read(stream, rawFields)
    if (head instanceof Failure) {
      const response = new StreamResponse(stream, undefined, idle)
      this.#watch(stream, response, undefined)
      response.shouldKeepAlive = head.error !== 'bad_request'
      this.#refuse(response, head)
      return
    }
    const request = new StreamRequest(stream, head)
    const response = new StreamResponse(stream, request, idle)
    this.#watch(stream, response, this.#limitTime(request, response))
    const expect = soleField(request.rawHeaders, 'expect')
    // RFC 9110 §10.1.1: any other expectation is refused later on.
    const expectsContinue = expect !== undefined && !request.endsWithHead
    this.#parts.serve(request, stream, response, expectsContinue)
  }

  #read(stream: ServerHttp2Stream, rawFields: readonly string[]): StreamHead | Failure {
    const method = rawFields[rawFields.indexOf(':method') + 1]
    if (method === 'CONNECT') return refusedTunnel()
    // RFC 9110 §9.3.2: it has no meaning, and the library has ended the other side of such a stream.
    if (method === 'HEAD' && !stream.endAfterHeaders) {
      return fail('bad_request', 'head_with_content')
    }
    // The library knows a limit only when the client has acknowledged it.
    if (sizeOf(rawFields) > this.#parts.limits.headerBytes) return refusedAsLarge()
    return parseStreamHead(rawFields)
  }

  #watch(
    stream: ServerHttp2Stream,
    response: StreamResponse,
    late: NodeJS.Timeout | undefined,
  ): void {
    stream.once('close', () => {
      clearTimeout(late)
      this.#open -= 1
      this.#countEnd(!response.writableFinished && !response.isGivenUp)
      // RFC 9113 §5.4.2: who took a request back has done nothing wrong, whatever is missing of it.
      if (!response.shouldKeepAlive && !stream.aborted) this.finish()
      if (this.#open === 0) this.#rest()
    })
  }

  /** The library has no limit for how long content may take to come. */
  #limitTime(request: StreamRequest, response: StreamResponse): NodeJS.Timeout | undefined {
    if (request.endsWithHead) return undefined
    return setTimeout(() => {
      if (!request.complete && !response.destroyed) this.#refuse(response, refusedAsSlow())
    }, this.#parts.limits.request * 1000)
  }

  #refuse(response: StreamResponse, failure: Failure): void {
    const interactionId = randomUUID()
    this.#parts.refused(failure, interactionId)
    response.refuse(failure, interactionId, this.#parts.hsts)
  }

  /** The session is over: its client broke the rules of HTTP/2, or its socket broke. */
  #note(error: Error): void {
    const code = 'code' in error ? String(error.code) : ''
    // What the client says by GOAWAY is its own affair.
    if (code.startsWith('ERR_HTTP2') && code !== 'ERR_HTTP2_SESSION_ERROR') {
      this.#parts.refused(failureOfParser(error), randomUUID())
    }
    this.#rest()
  }

  /** Nothing is under way. */
  #rest(): void {
    clearTimeout(this.#idle)
    if (this.#socket.destroyed) return
    const isOver = this.#isEnding || this.#session.closed || this.#session.destroyed
    this.#idle = this.#endAfter(isOver ? LINGER_MS : this.#parts.limits.keepAlive * 1000)
  }

  #endAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.#session.closed || this.#session.destroyed) this.#socket.destroy()
      else if (!this.#isEnding) this.finish()
      else {
        this.#session.close()
        this.#rest()
      }
    }, ms)
  }

  /** CVE-2023-44487, CVE-2025-8671: a stream that is begun and reset costs us more than the client. */
  #countEnd(isReset: boolean): void {
    this.#turnPeriod()
    this.#ended += 1
    if (isReset) this.#resets += 1
    if (this.#resets > MAX_RESETS && this.#resets * 2 > this.#ended) {
      this.#calm(fail('bad_request', 'http2_resets_too_many'))
    }
  }

  /** CVE-2019-9512, CVE-2019-9515: each is answered. */
  #countControlFrame(): void {
    this.#turnPeriod()
    this.#controlFrames += 1
    if (this.#controlFrames > MAX_CONTROL_FRAMES) {
      this.#calm(fail('bad_request', 'http2_frames_too_many'))
    }
  }

  #turnPeriod(): void {
    const now = steadyClock()
    if (now - this.#periodBegan < PERIOD_MS) return
    this.#periodBegan = now
    this.#ended = 0
    this.#resets = 0
    this.#controlFrames = 0
  }

  #calm(failure: Failure): void {
    if (this.#session.destroyed) return
    this.#parts.refused(failure, randomUUID())
    this.#session.destroy(new Error(failure.reason), NGHTTP2_ENHANCE_YOUR_CALM)
  }
}

/** RFC 9113 §6.5.2: each field weighs 32 bytes more than its text. */
function sizeOf(rawFields: readonly string[]): number {
  return rawFields.reduce((sum, text) => sum + text.length + 16, 0)
}
