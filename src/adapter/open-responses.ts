/**
 * The responses of a listener's HTTP/1 connections that are not done: requests may be pipelined, and are
 * answered in order (RFC 9112 §9.3.2).
 *
 * @module
 */

import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

export class OpenResponses {
  /** The last of each connection, and those before it that are not done. */
  readonly #bySocket = new Map<Duplex, ServerResponse[]>()

  add(socket: Duplex, response: ServerResponse): void {
    const responses = this.#bySocket.get(socket)
    if (responses === undefined) {
      this.#bySocket.set(socket, [response])
      return
    }
    while (responses[0]?.writableFinished) responses.shift()
    responses.push(response)
  }

  lastOf(socket: Duplex): ServerResponse | undefined {
    return this.#bySocket.get(socket)?.at(-1)
  }

  /** Whether every request of a connection has its whole answer. */
  hasAnswered(socket: Duplex): boolean {
    return this.lastOf(socket)?.writableFinished !== false
  }

  /** For a connection that is gone: some versions of Node forget to say so of responses in the queue. */
  forget(socket: Duplex): void {
    const responses = this.#bySocket.get(socket) ?? []
    this.#bySocket.delete(socket)
    setImmediate(() => {
      for (const response of responses) {
        if (!response.closed && !response.writableFinished) response.emit('close')
      }
    })
  }

  /** Says of every connection that its last response is the last. */
  drain(): void {
    for (const [socket, responses] of this.#bySocket) {
      const response = responses.at(-1)!
      if (!response.headersSent) response.shouldKeepAlive = false
      // It has said that another request may follow; that is not served any more.
      else if (!response.writableFinished) response.once('close', () => socket.end())
    }
  }

  /** Does what the parser does no more for a socket that it has let go of. */
  watch(socket: Duplex): void {
    const responses = this.#bySocket.get(socket) ?? []
    socket.on('error', () => {})
    socket.once('close', () => {
      for (const response of responses) if (!response.writableFinished) response.emit('close')
    })
    // What is not read would hide that the client has left.
    socket.resume()
  }
}
