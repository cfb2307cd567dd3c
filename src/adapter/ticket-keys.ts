/**
 * Keys of session tickets (RFC 9325 §3.4): Node makes one, and would keep it for as long as it runs.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Server } from 'node:tls'

/** Weekly at the latest. A ticket is good for two hours, and dies with its key. */
const LIFETIME_MS = 12 * 3_600_000

/** Changes the key of a server from time to time, until the server is closed. */
export function rotateTicketKeys(server: Server): void {
  const timer = setInterval(() => server.setTicketKeys(randomBytes(48)), LIFETIME_MS)
  timer.unref()
  server.once('close', () => clearInterval(timer))
}
