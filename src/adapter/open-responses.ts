/**
 * The responses of a listener's HTTP/1 connections that are not done: requests may be pipelined, and are
 * answered in order (RFC 9112 §9.3.2).
 *
 * Each is also asked in order, the second when the first is answered: it may rest on the first, one
 * connection takes no more of an upstream than one request does, and who leaves is seen to leave.
 *
 * @module
 */

import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Requests of one connection that wait; behind more the socket is not read, once what came of it is parsed. */
const MAX_WAITING = 100

/** The responses of one connection, the one that is being answered and those that wait behind it. */
interface Queue {
  readonly responses: ServerResponse[]
  /** Those of them that wait. */
  waiting: number
}

export class OpenResponses {
  /** The last response of each connection, and those before it that are not done. */
  readonly #bySocket = new Map<Duplex, Queue>()

  /**
   * Serves a request when those before it on its connection have their answers: now, as a rule. Not at all
   * if the connection is gone by then, or the answer before it says that it is the last (RFC 9112 §9.6).
   */
  inTurn(socket: Duplex, response: ServerResponse, serve: () => void): void {
    const queue = this.#queueOf(socket)
    const former = queue.responses.at(-1)
    while (queue.responses[0]?.writableFinished) queue.responses.shift()
    queue.responses.push(response)
    if (former === undefined || former.closed || former.writableFinished) {
      serve()
      return
    }
    queue.waiting += 1
    this.#holdBack(socket, queue)
    former.once('close', () => {
      if (socket.destroyed || !queue.responses.includes(response)) return
      queue.waiting -= 1
      if (queue.waiting === MAX_WAITING) socket.resume()
      else this.#holdBack(socket, queue)
      // Node ends a connection for reasons of its own too, which `shouldKeepAlive` does not tell: an answer
      // without a length to a client of HTTP/1.0.
      if (former.shouldKeepAlive && !socket.writableEnded) serve()
    })
  }

  /** Node reads on at the end of each message, and of each answer: it is told when that has been done. */
  #holdBack(socket: Duplex, queue: Queue): void {
    if (queue.waiting <= MAX_WAITING) return
    setImmediate(() => {
      if (queue.waiting > MAX_WAITING) socket.pause()
    })
  }

  #queueOf(socket: Duplex): Queue {
    let queue = this.#bySocket.get(socket)
    if (queue === undefined) {
      queue = { responses: [], waiting: 0 }
      this.#bySocket.set(socket, queue)
    }
    return queue
  }

  lastOf(socket: Duplex): ServerResponse | undefined {
    return this.#bySocket.get(socket)?.responses.at(-1)
  }

  /**
   * Takes the last response of a connection away if it still waits for its turn.
   *
   * @returns Whether it did.
   */
  withdraw(socket: Duplex): boolean {
    const queue = this.#bySocket.get(socket)
    if (queue === undefined || queue.waiting === 0) return false
    queue.waiting -= 1
    queue.responses.pop()
    return true
  }

  /** Whether every request of a connection has its whole answer. */
  hasAnswered(socket: Duplex): boolean {
    return this.lastOf(socket)?.writableFinished !== false
  }

  /** For a connection that is gone: some versions of Node forget to say so of responses in the queue. */
  forget(socket: Duplex): void {
    const responses = this.#bySocket.get(socket)?.responses ?? []
    this.#bySocket.delete(socket)
    setImmediate(() => {
      for (const response of responses) {
        if (!response.closed && !response.writableFinished) response.emit('close')
      }
    })
  }

  /** Says of every connection that its last response is the last. */
  drain(): void {
    for (const [socket, { responses }] of this.#bySocket) {
      const response = responses.at(-1)
      if (response === undefined) continue
      if (!response.headersSent) response.shouldKeepAlive = false
      // It has said that another request may follow; that is not served any more.
      else if (!response.writableFinished) response.once('close', () => socket.end())
    }
  }

  /** Does what the parser does no more for a socket that it has let go of. */
  watch(socket: Duplex): void {
    const responses = this.#bySocket.get(socket)?.responses ?? []
    socket.on('error', () => {})
    socket.once('close', () => {
      for (const response of responses) if (!response.writableFinished) response.emit('close')
    })
    // What was to drain or to time out before is to do so still.
    socket.on('drain', () => responses.find((one) => !one.writableFinished)?.emit('drain'))
    socket.on('timeout', () => socket.destroy())
    // What is not read would hide that the client has left.
    socket.resume()
  }
}
