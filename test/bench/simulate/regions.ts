/**
 * What a proof that was overheard is good for where there are several regions: how often it is accepted again.
 *
 * The thief sends it to every region, the first one too, whatever their addresses say about who should go where.
 *
 * @module
 */

import { type Proof, ReplayDomain, type Use, type Windows } from './domain.ts'
import { Random } from './random.ts'

/** Each region has a store of its own, but for the first; where nothing else is said, all have one nonce secret. */
export type Topology =
  | 'one store'
  | 'Redis'
  | 'Redis that replicates'
  | 'memory'
  | 'memory and own secret'

export interface RegionOrder {
  readonly topology: Topology
  readonly windows: Windows
  readonly regions: number
  /** Seconds until a region knows what another noted, on average: of stores that replicate. */
  readonly lag: number
  /** Seconds after its use in which the proof is sent again: at some time between the two. */
  readonly delay: readonly [least: number, most: number]
  readonly proofs: number
  readonly seed: number
}

interface Event {
  readonly at: number
  happen(): void
}

/** @returns How often a proof is accepted again, on average. */
export function simulateTheft(order: RegionOrder): number {
  const { topology, windows, regions, lag, delay, proofs, seed } = order
  const random = new Random(seed)
  const domains = domainsOf(topology, windows, regions)
  let accepted = 0
  const events = Array.from({ length: proofs }, (_, i): Event[] => {
    const now = 1_700_000_000 + i * 0.1
    const home = domains[random.below(domains.length)]!
    const others = domains.filter((one) => one !== home)
    // Known only once the client has made it, which is the first that happens.
    let proof: Proof
    let use: Use
    const happen = () => {
      proof = { jti: `${i}`, iat: Math.floor(now), nonce: home.nonce(now) }
      use = home.use(proof, now)
    }
    const thefts = domains.map((domain): Event => {
      const at = now + delay[0] + random.next() * (delay[1] - delay[0])
      const happen = () => {
        if (domain.use(proof, at).refused === undefined) accepted += 1
      }
      return { at, happen }
    })
    const notices = others.map((domain): Event => {
      const at = now + random.exponential(lag)
      return { at, happen: () => void domain.note(use.key, use.until, at) }
    })
    const isTold = topology === 'Redis that replicates'
    return [{ at: now, happen }, ...thefts, ...(isTold ? notices : [])]
  })
  // Nobody's clock goes back.
  for (const { happen } of events.flat().toSorted((one, other) => one.at - other.at)) happen()
  return accepted / proofs
}

/**
 * @param moving Part of the requests for which a client goes to another region than before.
 * @returns Proofs that are sent for one request that is let through.
 */
export function simulateMoves(
  windows: Windows,
  { regions, moving, seed }: { regions: number; moving: number; seed: number },
): number {
  const random = new Random(seed)
  const domains = domainsOf('Redis', windows, regions)
  const REQUESTS = 5000
  let [region, sent] = [0, 0]
  let now = 1_700_000_000
  let nonce = domains[region]!.nonce(now)
  for (let request = 0; request < REQUESTS; request++) {
    now += 1
    if (random.next() < moving) region = (region + 1 + random.below(regions - 1)) % regions
    const domain = domains[region]!
    for (let isDone = false; !isDone; sent++) {
      const proof = { jti: `${sent}`, iat: now, nonce }
      isDone = domain.use(proof, now).refused === undefined
      nonce = domain.nonce(now)
    }
  }
  return sent / REQUESTS
}

function domainsOf(topology: Topology, windows: Windows, regions: number): ReplayDomain[] {
  // All regions ask the same one.
  const count = topology === 'one store' ? 1 : regions
  const secretOf = (region: number) =>
    topology === 'memory and own secret' ? `of region ${region}` : 'of all'
  const epochOf = (region: number) => (topology.startsWith('Redis') ? `of store ${region}` : '')
  return Array.from(
    { length: count },
    (_, region) => new ReplayDomain(windows, secretOf(region), epochOf(region)),
  )
}
