/**
 * What all processes of one gateway have in common: one process makes it, or holds it, for all.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Configuration, IssuerConfig } from '../config/configuration.ts'
import type { ReplayStore } from '../sender-constraint/dpop/replay.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { IssuerKeys } from './key-set.ts'
import { MemoryReplayStore } from './replay-memory.ts'
import { ownTicketKeys, type TicketKeys } from './ticket-keys.ts'

export interface SharedState {
  /** Used proofs, where this gateway's own processes remember them. */
  readonly replay: ReplayStore
  /** What nonces are derived from where no secret is configured. */
  readonly nonceSecret: Buffer
  /** The gateway's name in `Via`. */
  readonly pseudonym: string
  readonly ticketKeys: TicketKeys
  /** The keys of an issuer, where another process fetches them. */
  readonly keysOf?: (config: IssuerConfig, onWithdrawn: () => void) => IssuerKeys
  /**
   * Proofs are accepted for another time than before.
   *
   * @param now Seconds since the epoch.
   */
  windowsChanged(now: number): void
}

/**
 * The state of a gateway whose one process holds it.
 *
 * @param now When it begins to serve, in seconds since the epoch.
 */
export function ownState(
  { dpop }: Configuration,
  metrics: Metrics,
  now: number,
): SharedState & { readonly replay: MemoryReplayStore } {
  const replay = new MemoryReplayStore(dpop.replayEntries, now)
  if (dpop.replayStore === 'memory') {
    metrics.watch(() => {
      metrics.replayEntries.set({ store: 'memory' }, replay.size)
      metrics.replayBytes.set({ store: 'memory' }, replay.bytes)
    })
  }
  return {
    replay,
    nonceSecret: randomBytes(32),
    pseudonym: `fapi-gateway-${randomBytes(4).toString('hex')}`,
    ticketKeys: ownTicketKeys,
    windowsChanged: (since) => replay.widen(since),
  }
}
