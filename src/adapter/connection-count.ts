/**
 * How many connections one address has.
 *
 * @module
 */

import type { Server, Socket } from 'node:net'

/** Addresses that nobody outside of this machine can have. */
const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/

/**
 * Refuses connections of an address that has as many as it may, before their handshake costs anything.
 *
 * Loopback is not counted: what comes from there is a balancer or a test on this very machine.
 *
 * @param isExempt Whether an address is one of a proxy, behind which there are many clients.
 */
export function limitConnections(
  server: Server,
  perAddress: number,
  isExempt: (address: string) => boolean,
): void {
  const counts = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket
    if (LOOPBACK.test(remoteAddress) || isExempt(remoteAddress.replace(/^::ffff:/, ''))) return
    const count = (counts.get(remoteAddress) ?? 0) + 1
    if (count > perAddress) {
      socket.destroy()
      return
    }
    counts.set(remoteAddress, count)
    socket.once('close', () => {
      const left = (counts.get(remoteAddress) ?? 1) - 1
      if (left === 0) counts.delete(remoteAddress)
      else counts.set(remoteAddress, left)
    })
  })
}
