/**
 * Chance that is the same in every run: what is simulated can be checked.
 *
 * @module
 */

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Between 0 and 1, 1 excluded (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** From 0 to below a limit, whole. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  /** Time until the next of events that have nothing to do with each other. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }
}
