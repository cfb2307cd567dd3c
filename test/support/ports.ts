/**
 * Ports of this machine: one that is free, and whether somebody listens.
 *
 * @module
 */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** One on which nobody listens yet, on 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Whether somebody takes a connection that has just been begun. It is closed. */
export async function isTaken(socket: Socket): Promise<boolean> {
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  })
  socket.destroy()
  return isOpen
}
