/**
 * Connections whose handshake is not done: what it will say of a client's certificate is said by the rules
 * that it began under.
 *
 * @module
 */

import type { Server, Socket } from 'node:net'

export class PendingHandshakes {
  /** By the other side's address: Node does not tell a TLS socket whose connection it is. */
  readonly #sockets = new Map<string, Socket>()

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const key = keyOf(socket)
      this.#sockets.set(key, socket)
      socket.once('close', () => {
        if (this.#sockets.get(key) === socket) this.#sockets.delete(key)
      })
    })
  }

  /** A handshake is done: what came of it is known. */
  done(socket: Socket): void {
    this.#sockets.delete(keyOf(socket))
  }

  /** Ends those that are not. Who comes again is judged by the rules of then. */
  end(): void {
    for (const socket of this.#sockets.values()) socket.destroy()
  }
}

/** Both ends: to two addresses of ours a client may come from one address and port of its own. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
