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

/** Keys that several processes share: those of a listener are no other listener's. */
export class SharedTicketKeys implements TicketKeys {
  readonly #servers = new Map<string, Server>()
  #keys: ReadonlyMap<string, Uint8Array>

  /** @param keys By the ids of listeners. */
  constructor(keys: ReadonlyMap<string, Uint8Array>) {
    this.#keys = keys
  }

  watch(server: Server, listener: string): void {
    this.#servers.set(listener, server)
    // When it begins to listen, Node gives it the keys that the first worker had then, however old.
    server.once('listening', () => this.take(this.#keys))
  }

  /** Puts keys in force. Tickets under the former ones are no good any more. */
  take(keys: ReadonlyMap<string, Uint8Array>): void {
    this.#keys = keys
    for (const [listener, server] of this.#servers) {
      const key = keys.get(listener)
      if (key !== undefined) server.setTicketKeys(Buffer.from(key))
    }
  }
}
