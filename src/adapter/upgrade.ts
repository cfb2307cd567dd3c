/**
 * Connections that a listener's HTTP parser has let go, because they may become WebSockets.
 *
 * That is decided where every request is, and so every refusal is written by the same hand: such a
 * request is given a response of its own, the last on its connection.
 *
 * @module
 */

import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Failure } from '../failure/failure.ts'
import type { ClientTunnel, TunnelEnd } from '../gateway/tunnel.ts'
import { parseWebSocketHandshake } from '../http/websocket.ts'
import type { Metrics } from '../telemetry/metrics.ts'

/** Whether a request is a handshake as RFC 6455 §4.2.1 has it: without content, so its parser is done. */
export function isWebSocketHandshake(incoming: IncomingMessage): boolean {
  const { method = '', httpVersion, rawHeaders } = incoming
  const handshake = parseWebSocketHandshake(method, httpVersion, rawHeaders)
  return handshake !== undefined && !(handshake instanceof Failure)
}

/** The upgraded connections of one listener. */
export class Upgrades {
  readonly #metrics: Metrics
  readonly #idle: number
  readonly #sockets = new Set<Socket>()
  readonly #ends = new Set<(by: TunnelEnd) => void>()

  /** @param idle Seconds for which nothing may travel in a tunnel. */
  constructor(metrics: Metrics, idle: number) {
    this.#metrics = metrics
    this.#idle = idle
  }

  /** Takes care of a connection: nobody else listens to its errors and times any more. */
  take(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('timeout', () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** A response on such a connection; nothing else is answered there. */
  respond(incoming: IncomingMessage, socket: Socket): ServerResponse {
    const response = new ServerResponse(incoming)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    socket.on('drain', () => response.emit('drain'))
    response.once('finish', () => {
      // What is left unread would reset the connection, and take the answer from the client.
      socket.resume()
      socket.destroySoon()
    })
    return response
  }

  tunnel(socket: Socket, head: Buffer): ClientTunnel {
    return {
      socket,
      head,
      idle: this.#idle,
      opened: (route, end) => {
        const { websocketTunnels } = this.#metrics
        websocketTunnels.inc({ route })
        this.#ends.add(end)
        socket.once('close', () => {
          websocketTunnels.dec({ route })
          this.#ends.delete(end)
        })
      },
    }
  }

  /** Ends the tunnels that are open. */
  closeTunnels(): void {
    for (const end of this.#ends) end('gateway')
  }

  /** Ends every connection. */
  destroy(): void {
    this.closeTunnels()
    for (const socket of this.#sockets) socket.destroy()
  }
}
