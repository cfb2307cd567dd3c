/**
 * The choice of a host by the name that a client asks for, and the alert for a name that is not served
 * (RFC 9325 §3.7, RFC 6066 §3).
 *
 * Node lets nobody choose an alert: a handshake that `SNICallback` gives up would end without a word, and
 * the client could not tell a wrong name from a network that is down. No key is agreed upon yet, so the
 * alert goes in plain, beneath the TLS that will never be.
 *
 * @module
 */

import type { Server, Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Host } from './tls-context.ts'

/** RFC 8446 §5.1, §6: an alert, fatal, unrecognized_name. */
const UNRECOGNIZED_NAME = Buffer.of(21, 3, 3, 0, 2, 2, 112)

type Done = (error: Error | null, context?: SecureContext) => void

export class ServerNames {
  /** For `SNICallback`, which Node calls as a method of the connection's TLSSocket. */
  readonly choose: (this: unknown, name: string, done: Done) => void
  /** The TCP connections of a server, by the address of the client. */
  readonly #sockets = new Map<string, Socket>()

  /** @param find The host of a name, lower-case. */
  constructor(find: (name: string) => Host | undefined) {
    const refuse = (handshake: unknown, done: Done) => this.#refuse(handshake, done)
    this.choose = function (name, done) {
      const host = find(name.toLowerCase())
      if (host === undefined) refuse(this, done)
      else done(null, host.context)
    }
  }

  /** Remembers the connections of the server whose names these are. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const key = keyOf(socket)
      this.#sockets.set(key, socket)
      socket.once('close', () => {
        // The client may have come back from the same port before this was told.
        if (this.#sockets.get(key) === socket) this.#sockets.delete(key)
      })
    })
  }

  #refuse(handshake: unknown, done: Done): void {
    const refusal = Object.assign(new Error('no such host'), { code: 'UNRECOGNIZED_NAME' })
    const socket = isAddressed(handshake) ? this.#sockets.get(keyOf(handshake)) : undefined
    if (socket === undefined) done(refusal)
    else socket.write(UNRECOGNIZED_NAME, () => done(refusal))
  }
}

type Addressed = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>

function isAddressed(value: unknown): value is Addressed {
  return typeof value === 'object' && value !== null && 'remotePort' in value
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Addressed): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
