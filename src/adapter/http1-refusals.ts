/**
 * Refusals of what is not a request, on connections of HTTP/1: they are written by hand, each the last of
 * its connection and behind the answers that are due before it (RFC 9112 §9.3.2, §9.6).
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Failure } from '../failure/failure.ts'
import { failureOfParser, refuseRaw } from './malformed.ts'
import type { OpenResponses } from './open-responses.ts'

export class Http1Refusals {
  readonly #responses: OpenResponses
  readonly #write: (socket: Duplex, failure: Failure, interactionId: string) => void
  /** Sockets whose last answer is written by hand, or will be. */
  readonly #refused = new WeakSet<object>()

  /**
   * @param report Called for each refusal.
   * @param hsts Seconds, where browsers are told to keep to https.
   */
  constructor(
    responses: OpenResponses,
    report: (failure: Failure, interactionId: string) => void,
    hsts: () => number | undefined,
  ) {
    this.#responses = responses
    this.#write = (socket, failure, interactionId) => {
      report(failure, interactionId)
      if (socket.writable) refuseRaw(socket, failure, interactionId, hsts())
      else socket.destroy()
    }
  }

  /** Whether nothing that comes on a connection from now on is served. */
  has(socket: Duplex): boolean {
    return this.#refused.has(socket)
  }

  /** Refuses what comes on a connection, once the responses due on it are done. */
  behind(socket: Duplex, failure: Failure): void {
    // Once: whatever else comes on it is behind this.
    if (this.#refused.has(socket)) return
    this.#refused.add(socket)
    const response = this.#responses.lastOf(socket)
    if (response === undefined || response.destroyed || response.writableFinished) {
      this.#refuse(socket, failure)
    } else {
      response.once('close', () => this.#refuse(socket, failure))
    }
  }

  /** Refuses a request whose turn it is; those behind it are not served. */
  now(socket: Duplex, failure: Failure): void {
    if (!this.#refused.has(socket)) this.#refuse(socket, failure)
    else socket.destroy()
  }

  /** Refuses what the parser gave up on. */
  malformed(error: Error, socket: Duplex): void {
    // What is sent behind it is dropped: closing now would take the answer from the client.
    if (this.#refused.has(socket)) return
    if (('code' in error && error.code === 'ECONNRESET') || !socket.writable) {
      socket.destroy()
      return
    }
    const failure = failureOfParser(error)
    const response = this.#responses.lastOf(socket)
    // A response under way is finished first; what came behind it is then refused. So is a request that
    // waits for its turn: nobody was asked for it yet.
    if (
      response === undefined ||
      response.writableFinished ||
      response.req.complete ||
      this.#responses.withdraw(socket)
    ) {
      this.behind(socket, failure)
      return
    }
    // It was the content of the very request that is being served. To destroy the request would destroy the
    // socket before it is answered; the upstream gets no more of it, and is let go when the socket closes.
    response.req.unpipe()
    response.req.pause()
    if (response.headersSent) socket.destroy()
    else this.#refuse(socket, failure)
  }

  #refuse(socket: Duplex, failure: Failure): void {
    this.#refused.add(socket)
    // FAPI 1.0 Baseline §6.2.1-11, -12: what was sent was not read, so the id is a new one; and it is logged.
    this.#write(socket, failure, randomUUID())
  }
}
