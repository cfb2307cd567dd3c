/**
 * What the gateway needs of a client's request and of the response to it, whichever version of HTTP
 * carries them. Node's messages of HTTP/1 have this form as they are; src/adapter gives it to the
 * streams of HTTP/2.
 *
 * @module
 */

/** The head of a request, and how far its content has come. The content itself is a stream of its own. */
export interface ClientRequest {
  /** `1.0`, `1.1` or `2.0`. */
  readonly httpVersion: string
  readonly method?: string | undefined
  /** The target. */
  readonly url?: string | undefined
  /** Names and values in turn, as they came. */
  readonly rawHeaders: string[]
  /** Whether all of the content has come. False for ever, if the client broke off. */
  readonly complete: boolean
  /** In HTTP/2, whether no content follows (RFC 9113 §8.1). In HTTP/1 it is fields that say so. */
  readonly endsWithHead?: boolean
}

export interface ClientResponse {
  statusCode: number
  /** False if the client's connection shall end behind this response. */
  shouldKeepAlive: boolean
  readonly headersSent: boolean
  readonly destroyed: boolean
  /** Whether all of it was handed over to the client's connection. */
  readonly writableFinished: boolean
  writeContinue(): void
  /** @param rawFields Names and values in turn. Throws on a value that no client may be sent. */
  writeHead(status: number, rawFields: string[]): unknown
  /** Sends the head by itself, where nothing else may follow for a while. */
  flushHeaders(): void
  /** False where the client takes no more for now: `drain` says when it does. */
  write(chunk: Buffer): boolean
  end(): unknown
  /** Breaks it off, so that what was sent does not look complete. */
  destroy(): unknown
  /** `close` comes once, in whatever way it ended. */
  once(event: 'close' | 'drain', listener: () => void): unknown
}
