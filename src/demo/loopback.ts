/**
 * A server on the loopback interface that stops when it is told to.
 *
 * @module
 */

import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** The only address the demo listens on. */
export const LOOPBACK = '127.0.0.1'

export interface Listening {
  readonly port: number
  /** Ends every connection, idle, busy or amid its TLS handshake, and frees the port. */
  close(): Promise<void>
}

/**
 * Listens, and remembers the connections: `server.close()` waits for those that are kept alive, and
 * `closeAllConnections()` does not know those that have not finished their TLS handshake.
 *
 * @param port 0 for any free port.
 */
export async function listen(server: Server, port: number): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, LOOPBACK, () => {
      server.off('error', reject)
      resolve()
    })
  })

  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  return { port: (server.address() as AddressInfo).port, close }
}
