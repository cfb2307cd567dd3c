/**
 * Binding a server to its address.
 *
 * @module
 */

import type { AddressInfo, Server } from 'node:net'

/** @throws If the address cannot be bound. Later errors of the server do not end the process. */
export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      // Out of file descriptors, for one: what is under way goes on, and accepting resumes by itself.
      server.on('error', () => {})
      resolve()
    })
  })
}

/** Where a server that listens is reached. */
export function urlOf(server: Server, scheme: 'http' | 'https'): string {
  const { address, port, family } = server.address() as AddressInfo
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
