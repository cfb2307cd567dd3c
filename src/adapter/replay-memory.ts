/**
 * The replay store of one process.
 *
 * It never forgets an entry that is still live: when it is full it says so, and the request is refused.
 * Entries are kept in generations by the time at which they end, so that what has ended goes away a
 * generation at a time, without a sweep through what lives.
 *
 * Does not outlive the process, and is not shared. After a restart a proof that was used before is
 * unknown: one whose `iat` lies before the start is not let through, and nonces of an earlier process
 * are not good. Two holes are left: a client whose clock is ahead, by as much as that, and a nonce secret
 * that is configured, for two periods of nonces.
 *
 * @module
 */

import type { ReplayStore, UseOnce } from '../sender-constraint/dpop/replay.ts'
import { ReplayKey, ReplayKeys } from './replay-keys.ts'

/** Most stretches of forgotten time that are told apart. */
const MAX_STRETCHES = 100
/** Seconds that one generation spans: an entry is remembered for up to so much longer than it must. */
const SPAN = 10

/** From the end of one generation to that of another, both and all between them forgotten. */
interface Stretch {
  readonly from: number
  readonly to: number
}

export class MemoryReplayStore implements ReplayStore {
  #since: number
  readonly #capacity: number
  /** Keys by the second before which they have ended. */
  readonly #generations = new Map<number, ReplayKeys>()
  readonly #key = new ReplayKey()
  /** In order, and apart. One, unless nobody called for a while or the clock jumped. */
  #forgotten: readonly Stretch[] = []
  #size = 0

  /**
   * @param capacity Most entries that are remembered at once.
   * @param start When the process began to serve, in seconds since the epoch.
   */
  constructor(capacity: number, start = 0) {
    this.#capacity = capacity
    // A client writes whole seconds: what it made just after the start may say a moment before.
    this.#since = Math.floor(start)
  }

  get since(): number {
    return this.#since
  }

  /**
   * Proofs are accepted for longer than they were: what was used before has been remembered for as long as
   * it was accepted then, and may be forgotten by now.
   *
   * @param now Seconds since the epoch.
   */
  widen(now: number): void {
    this.#since = Math.max(this.#since, Math.ceil(now))
  }

  get size(): number {
    return this.#size
  }

  /** What the entries take up, with the room for more between them. */
  get bytes(): number {
    let bytes = 0
    for (const generation of this.#generations.values()) bytes += generation.bytes
    return bytes
  }

  useOnce(key: string, until: number, now: number): UseOnce {
    this.#drop(Math.floor(now))
    const end = Math.ceil(until / SPAN) * SPAN
    // The clock has gone back to where it was before: what ends then is forgotten, and might be this.
    if (this.#forgotten.some(({ from, to }) => from <= end && end <= to)) return 'unavailable'
    this.#key.read(key)
    for (const one of this.#generations.values()) if (one.has(this.#key)) return 'again'
    if (this.#size >= this.#capacity) return 'full'

    let generation = this.#generations.get(end)
    if (generation === undefined) {
      generation = new ReplayKeys()
      this.#generations.set(end, generation)
    }
    generation.add(this.#key)
    this.#size += 1
    return 'first'
  }

  /** Drops what ended before `now`, and notes which generations that were. */
  #drop(now: number): void {
    for (const [end, generation] of this.#generations) {
      if (end >= now) continue
      this.#size -= generation.size
      this.#generations.delete(end)
      this.#forgotten = joined([...this.#forgotten, { from: end, to: end }])
    }
  }
}

/** Stretches in order, those that touch made one; and the nearest two as well while there are too many. */
function joined(stretches: readonly Stretch[]): readonly Stretch[] {
  const rest = stretches.toSorted((one, other) => one.from - other.from)
  const gapBehind = (i: number) => rest[i + 1]!.from - rest[i]!.to
  for (;;) {
    let nearest = 0
    for (let i = 1; i < rest.length - 1; i++) if (gapBehind(i) < gapBehind(nearest)) nearest = i
    if (rest.length < 2 || (gapBehind(nearest) > SPAN && rest.length <= MAX_STRETCHES)) return rest
    rest.splice(nearest, 2, { from: rest[nearest]!.from, to: rest[nearest + 1]!.to })
  }
}
