/**
 * A stream of HTTP/2 as the gateway sees a request and its response (RFC 9113 §8.1).
 *
 * @module
 */

import { validateHeaderValue } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Failure } from '../failure/failure.ts'
import type { ClientRequest, ClientResponse } from '../gateway/client.ts'
import type { StreamHead } from '../http/stream-head.ts'
import { refusalOf } from './malformed.ts'

const { NGHTTP2_NO_ERROR } = constants

export class StreamRequest implements ClientRequest {
  readonly httpVersion = '2.0'
  readonly method: string
  readonly url: string
  readonly rawHeaders: string[]
  readonly endsWithHead: boolean
  readonly #stream: ServerHttp2Stream
  #abandoned = false

  constructor(stream: ServerHttp2Stream, { method, target, fields }: StreamHead) {
    this.method = method
    this.url = target
    this.rawHeaders = fields
    this.endsWithHead = stream.endAfterHeaders
    this.#stream = stream
  }

  /** Node ends a stream that was reset without an error as if all of its content had come. */
  get complete(): boolean {
    if (this.endsWithHead) return true
    return this.#stream.readableEnded && !this.#stream.aborted && !this.#abandoned
  }

  /** From now on content that is not complete will never be. */
  abandon(): void {
    this.#abandoned = !this.complete
  }
}

export class StreamResponse implements ClientResponse {
  readonly #stream: ServerHttp2Stream
  readonly #request: StreamRequest | undefined
  readonly #patience: number
  /** Runs while the client does not take what it was sent. */
  #impatience: NodeJS.Timeout | undefined
  #headersSent = false
  #ended = false
  #refused = false
  #isGivenUp = false
  statusCode = 200
  shouldKeepAlive = true

  /**
   * @param request Undefined if it is none: then it can only be refused.
   * @param patience Seconds in which the client has to take what it was sent. The library's own timer is
   *   put off by whatever moves on the connection, so one stream would keep another.
   */
  constructor(stream: ServerHttp2Stream, request: StreamRequest | undefined, patience: number) {
    this.#stream = stream
    this.#request = request
    this.#patience = patience
    stream.on('drain', () => this.#taken())
    stream.once('close', () => this.#taken())
  }

  get headersSent(): boolean {
    return this.#headersSent
  }

  get destroyed(): boolean {
    return this.#refused || this.#stream.closed || this.#stream.destroyed
  }

  get writableFinished(): boolean {
    const { aborted, rstCode, writableFinished, closed } = this.#stream
    // A stream that is done on both sides may close before it says that it has finished.
    return this.#ended && !aborted && rstCode === NGHTTP2_NO_ERROR && (writableFinished || closed)
  }

  /** Whether it was the gateway that broke it off or refused it, and not the client. */
  get isGivenUp(): boolean {
    return this.#isGivenUp || this.#refused
  }

  writeContinue(): void {
    if (!this.destroyed) this.#stream.additionalHeaders({ ':status': 100 })
  }

  writeHead(status: number, rawFields: string[]): void {
    for (let i = 0; i < rawFields.length; i += 2) {
      // The library takes what it is given, and tells values apart by NUL.
      validateHeaderValue(rawFields[i]!, rawFields[i + 1]!)
    }
    this.statusCode = status
    if (!this.destroyed) this.#respond([':status', String(status), ...rawFields])
    this.#headersSent = true
  }

  #respond(fields: string[]): void {
    try {
      this.#stream.respond(fields)
    } catch (error) {
      // Before version 24 Node refuses what an upstream should not have said twice.
      if (!(error instanceof Error && 'code' in error && error.code === SINGLE_VALUE)) throw error
      this.#stream.respond(combineLines(fields))
    }
  }

  /** The head is sent when it is written. */
  flushHeaders(): void {}

  write(chunk: Buffer): boolean {
    // RFC 9110 §6.4.1: after some heads the library has ended the stream.
    if (this.destroyed || this.#stream.writableEnded) return true
    if (this.#stream.write(chunk)) return true
    this.#wait()
    return false
  }

  end(): void {
    this.#ended = true
    if (this.destroyed) return
    this.#request?.abandon()
    if (this.#request?.complete === false) this.#closeBehind()
    this.#stream.end()
    this.#wait()
  }

  destroy(): void {
    this.#isGivenUp = true
    // To close it with a code would end it in good order first. An error becomes INTERNAL_ERROR.
    this.#stream.destroy(new Error('the response broke off'))
  }

  once(event: 'close' | 'drain', listener: () => void): void {
    this.#stream.once(event, listener)
  }

  /** Refuses what is no request, or no more: in the place of any other response. */
  refuse(failure: Failure, interactionId: string, hsts: number | undefined): void {
    if (this.#headersSent) {
      this.destroy()
      return
    }
    if (this.destroyed) return
    this.#refused = true
    this.#request?.abandon()
    const { status, fields, body } = refusalOf(failure, interactionId, hsts)
    this.#stream.respond([':status', String(status), ...fields])
    this.#closeBehind()
    // The library has ended the stream of a HEAD already.
    if (!this.#stream.writableEnded) this.#stream.end(body)
    this.#wait()
  }

  #wait(): void {
    this.#impatience ??= setTimeout(() => this.destroy(), this.#patience * 1000)
  }

  #taken(): void {
    clearTimeout(this.#impatience)
    this.#impatience = undefined
  }

  /**
   * RFC 9113 §8.1: the answer is whole, and what the client still has to say is not wanted. Not before all
   * of it was sent.
   */
  #closeBehind(): void {
    const stream = this.#stream
    const close = () => void stream.close(NGHTTP2_NO_ERROR)
    if (stream.writableFinished) setImmediate(close)
    else stream.once('finish', close)
  }
}

const SINGLE_VALUE = 'ERR_HTTP2_HEADER_SINGLE_VALUE'

/** RFC 9110 §5.3: lines of one name as one line, but for those of Set-Cookie. */
function combineLines(fields: readonly string[]): string[] {
  const combined: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const [name, value] = [fields[i]!.toLowerCase(), fields[i + 1]!]
    const at = combined.findIndex((one, j) => j % 2 === 0 && one === name)
    if (at === -1 || name === 'set-cookie') combined.push(name, value)
    else combined[at + 1] += `, ${value}`
  }
  return combined
}
