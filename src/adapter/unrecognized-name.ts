/**
 * The alert for a name that is not served (RFC 9325 §3.7, RFC 6066 §3).
 *
 * Node lets nobody choose an alert: a handshake that `SNICallback` gives up would end without a word, and
 * the client could not tell a wrong name from a network that is down. No key is agreed upon yet, so the
 * alert goes in plain, beneath the TLS that will never be.
 *
 * @module
 */

import type { Server, Socket } from 'node:net'

/** RFC 8446 §5.1, §6: an alert, fatal, unrecognized_name. */
const UNRECOGNIZED_NAME = Buffer.of(21, 3, 3, 0, 2, 2, 112)

/** The TCP connections of a server, by the address of the client. */
export class TcpSockets {
  readonly #sockets = new Map<string, Socket>()

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      const key = keyOf(socket)
      this.#sockets.set(key, socket)
      socket.once('close', () => {
        // The client may have come back from the same port before this was told.
        if (this.#sockets.get(key) === socket) this.#sockets.delete(key)
      })
    })
  }

  /**
   * Says that the name is not served, and then calls `done`.
   *
   * @param handshake Whatever has the client's address. Where it is not known, nothing is said.
   */
  refuseName(handshake: unknown, done: () => void): void {
    const socket = isAddressed(handshake) ? this.#sockets.get(keyOf(handshake)) : undefined
    if (socket === undefined) done()
    else socket.write(UNRECOGNIZED_NAME, done)
  }
}

type Addressed = Pick<Socket, 'remoteAddress' | 'remotePort'>

function isAddressed(value: unknown): value is Addressed {
  return typeof value === 'object' && value !== null && 'remotePort' in value
}

function keyOf({ remoteAddress, remotePort }: Addressed): string {
  return `${remoteAddress} ${remotePort}`
}
