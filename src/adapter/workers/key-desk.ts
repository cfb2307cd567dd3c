/**
 * The key sets of all issuers, in the primary: fetched here, once for all workers, and told to each.
 *
 * @module
 */

import type { IssuerConfig } from '../../config/configuration.ts'
import { type IssuerParts, needsKeys } from '../issuers.ts'
import { RemoteKeys } from '../jwks.ts'
import { DiscoveredIssuer } from '../metadata.ts'
import { OutboundClient } from '../outbound.ts'
import { nameOfKeys } from './relayed-keys.ts'
import type { HeldKeys, KeyQuestion } from './talk.ts'

interface Desk {
  readonly keys: RemoteKeys
  readonly client: OutboundClient
}

export class KeyDesk {
  readonly #parts: IssuerParts
  readonly #tell: (of: string, held: HeldKeys) => void
  readonly #desks = new Map<string, Desk>()

  /** @param tell Called with what is held now, whenever an attempt to fetch a set has ended. */
  constructor(parts: IssuerParts, tell: (of: string, held: HeldKeys) => void) {
    this.#parts = parts
    this.#tell = tell
  }

  /** Begins to fetch what is not fetched yet. */
  open(issuers: readonly IssuerConfig[]): void {
    for (const config of issuers) {
      const name = nameOfKeys(config)
      if (needsKeys(config) && !this.#desks.has(name)) this.#open(name, config)
    }
  }

  /** Fetches nothing any more but for these. */
  async keep(issuers: readonly IssuerConfig[]): Promise<void> {
    const kept = new Set(issuers.map(nameOfKeys))
    const left = [...this.#desks].filter(([name]) => !kept.has(name))
    for (const [name] of left) this.#desks.delete(name)
    for (const [, { keys }] of left) keys.close()
    await Promise.all(left.map(([, { client }]) => client.close()))
  }

  async answer({ of, anew }: KeyQuestion): Promise<HeldKeys | undefined> {
    const keys = this.#desks.get(of)?.keys
    if (keys === undefined) return undefined
    if (anew || !keys.isFresh()) await keys.renew()
    return heldOf(keys)
  }

  #open(name: string, config: IssuerConfig): void {
    const { metrics, logger, clock } = this.#parts
    const client = new OutboundClient(config.tls, config.jwks.timeout)
    const discovery = new DiscoveredIssuer(config.issuer, client)
    const keys: RemoteKeys = new RemoteKeys({
      ...{ config, client, discovery, metrics, logger, clock },
      onWithdrawn: () => {},
      onAttempt: () => this.#tell(name, heldOf(keys)),
    })
    this.#desks.set(name, { keys, client })
    void keys.start()
  }
}

function heldOf({ held: { keys, age, lastFailed }, coolsFor }: RemoteKeys): HeldKeys {
  return { jwks: keys?.map(({ jwk }) => jwk), age, lastFailed, coolsFor }
}
