/**
 * Keys of session tickets (RFC 9325 §3.4): Node makes one, and would keep it for as long as it runs.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Server } from 'node:tls'

/** Weekly at the latest. A ticket is good for two hours, and dies with its key. */
export const TICKET_KEY_LIFETIME_MS = 12 * 3_600_000

/** Who gives the servers of listeners their ticket keys. */
export interface TicketKeys {
  /** Called once for each server, before it listens. */
  watch(server: Server, listener: string): void
}

/** A key that no other process has, changed from time to time, until its server is closed. */
export const ownTicketKeys: TicketKeys = {
  watch(server) {
    const change = () => server.setTicketKeys(newTicketKey())
    const timer = setInterval(change, TICKET_KEY_LIFETIME_MS)
    timer.unref()
    server.once('close', () => clearInterval(timer))
  },
}

/** Name, HMAC key and AES key, as OpenSSL has them. */
export function newTicketKey(): Buffer {
  return randomBytes(48)
}
