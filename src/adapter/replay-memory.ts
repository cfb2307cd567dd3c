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
 * that is configured, for two periods of nonces. A reload opens the first where a nonce has let a clock pass
 * that is minutes ahead, and proofs are accepted without one from then on.
 *
 * @module
 */

import type { ReplayStore, UseOnce } from '../sender-constraint/dpop/replay.ts'
import { ReplayKey, ReplayKeys } from './replay-keys.ts'

/** Most stretches of forgotten time that are told apart. */
const MAX_STRETCHES = 100
/** Seconds that one generation spans: an entry is remembered for up to so much longer than it must. */
const SPAN = 10
/** Seconds after its `iat` for which some configuration may accept a proof. */
const LONGEST_AGE = 300
/** Seconds for which a request goes on that was judged before a change. */
const UNDER_WAY = 60

/** From the end of one generation to that of another, both and all between them forgotten. */
interface Stretch {
  readonly from: number
  readonly to: number
}

interface Generation {
  readonly keys: ReplayKeys
  /** Seconds since the epoch: before then its keys have ended. */
  readonly end: number
  /** Seconds since the epoch: it is forgotten after that. */
  keptUntil: number
}

export class MemoryReplayStore implements ReplayStore {
  #since: number
  readonly #capacity: number
  #generations: Generation[] = []
  /** When proofs were last accepted for another time than before. */
  #widenedAt = Number.NEGATIVE_INFINITY
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
    // A client writes whole seconds: what was used in the same second, before the start, is refused too.
    this.#since = Math.ceil(start)
  }

  get since(): number {
    return this.#since
  }

  /**
   * Proofs are accepted for longer than they were: what was used before has been remembered for as long as
   * it was accepted then, and may be forgotten by now. What is still remembered stays so for as long as it
   * may be accepted from now on: its `iat` may lie ahead.
   *
   * @param now Seconds since the epoch.
   */
  widen(now: number): void {
    this.#since = Math.max(this.#since, Math.ceil(now))
    this.#widenedAt = now
    for (const one of this.#generations) one.keptUntil = one.end + LONGEST_AGE
  }

  get size(): number {
    return this.#size
  }

  /** What the entries take up, with the room for more between them. */
  get bytes(): number {
    let bytes = 0
    for (const { keys } of this.#generations) bytes += keys.bytes
    return bytes
  }

  useOnce(key: string, until: number, now: number): UseOnce {
    this.#drop(Math.floor(now))
    const end = Math.ceil(until / SPAN) * SPAN
    // The clock has gone back to where it was before: what ends then is forgotten, and might be this.
    if (this.#forgotten.some(({ from, to }) => from <= end && end <= to)) return 'unavailable'
    this.#key.read(key)
    for (const { keys } of this.#generations) if (keys.has(this.#key)) return 'again'
    if (this.#size >= this.#capacity) return 'full'

    const isUnderWay = now < this.#widenedAt + UNDER_WAY
    // What was judged by the former window ends after its `iat`, whatever that window was.
    const keptUntil = isUnderWay ? end + LONGEST_AGE : end
    let generation = this.#generations.find((one) => one.end === end && one.keptUntil === keptUntil)
    if (generation === undefined) {
      generation = { keys: new ReplayKeys(), end, keptUntil }
      this.#generations.push(generation)
    }
    generation.keys.add(this.#key)
    this.#size += 1
    return 'first'
  }

  /** Drops what is kept no longer, and notes which ends that were. */
  #drop(now: number): void {
    if (this.#generations.every(({ keptUntil }) => keptUntil >= now)) return
    const { kept = [], over = [] } = Object.groupBy(this.#generations, ({ keptUntil }) =>
      keptUntil >= now ? 'kept' : 'over',
    )
    this.#generations = kept
    for (const { keys, end } of over) {
      this.#size -= keys.size
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
