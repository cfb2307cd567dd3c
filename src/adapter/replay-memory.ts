/**
 * The replay store of one process.
 *
 * It never forgets an entry that is still live: when it is full it says so, and the request is refused.
 * Entries are kept in generations by the time at which they end, so that what has ended goes away a
 * generation at a time, without a sweep through what lives.
 *
 * Does not outlive the process, and is not shared: after a restart a proof that was used before is
 * unknown. With `nonce: required` that proof is stale all the same, since nonces of an earlier process
 * are not good unless their secret is configured.
 *
 * @module
 */

import type { ReplayStore, UseOnce } from '../sender-constraint/dpop/replay.ts'

/** Seconds that one generation spans: an entry is remembered for up to so much longer than it must. */
const SPAN = 10

export class MemoryReplayStore implements ReplayStore {
  readonly #capacity: number
  /** Keys by the second before which they have ended. */
  readonly #generations = new Map<number, Set<string>>()
  /** The second before which everything has been dropped. */
  #dropped: number
  #size = 0
  /** How long an entry is remembered at the most, by what was asked so far. */
  #longest = SPAN

  /** @param capacity Most entries that are remembered at once. */
  constructor(capacity: number) {
    this.#capacity = capacity
    this.#dropped = 0
  }

  get size(): number {
    return this.#size
  }

  useOnce(key: string, until: number, now: number): UseOnce {
    const end = Math.ceil(until / SPAN) * SPAN
    this.#longest = Math.max(this.#longest, Math.ceil(end - now))
    this.#drop(Math.floor(now))
    // The clock has gone back: what ended by its former time is forgotten, and might have been this.
    if (end < this.#dropped) return 'unavailable'
    for (const generation of this.#generations.values()) if (generation.has(key)) return 'again'
    if (this.#size >= this.#capacity) return 'full'

    let generation = this.#generations.get(end)
    if (generation === undefined) {
      generation = new Set()
      this.#generations.set(end, generation)
    }
    generation.add(key)
    this.#size += 1
    return 'first'
  }

  /** Drops what ended before `now`. */
  #drop(now: number): void {
    if (now <= this.#dropped) {
      // A clock that has gone back by far: whatever was in use before it did has ended by then.
      this.#dropped = Math.min(this.#dropped, now + this.#longest)
      return
    }
    this.#dropped = now
    for (const [end, generation] of this.#generations) {
      if (end >= now) continue
      this.#size -= generation.size
      this.#generations.delete(end)
    }
  }
}
