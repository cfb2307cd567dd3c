/**
 * Numbers that look random and come again: every request of a run is made from the run's seed and the
 * request's own number, so that one of them can be repeated without the others.
 *
 * @module
 */

export interface Random {
  /** A whole number from 0, less than `limit`. */
  below(limit: number): number
  pick<T>(list: readonly T[]): T
  /** True once in so many times. */
  oneIn(times: number): boolean
}

/** Not for secrets: whoever knows the seed knows the numbers. */
export function createRandom(seed: number, index: number): Random {
  let state = mix(mix(seed) ^ index)
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) | 0
    return Math.floor((mix(state) / 0x1_0000_0000) * limit)
  }
  return {
    below,
    pick: (list) => list[below(list.length)]!,
    oneIn: (times) => below(times) === 0,
  }
}

/** The finalizer of MurmurHash3: every bit of the input changes half of the output's. */
function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
