/**
 * What is said of several runs: the middle, and how far they lie apart.
 *
 * @module
 */

/** Median, least and greatest of some values. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly greatest: number
}

/** @throws If there are none. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no values')
  const sorted = values.toSorted((one, other) => one - other)
  return { median: percentile(sorted, 50), least: sorted[0]!, greatest: sorted.at(-1)! }
}

/**
 * The ratios of runs that were made in turns, each by its neighbour of the same round: what a busy
 * machine does to one, it does to the other.
 *
 * @throws If there are not as many of the ones as of the others.
 */
export function pairedRatios(ones: readonly number[], others: readonly number[]): Spread {
  if (ones.length !== others.length) throw new RangeError('runs without a partner')
  return spreadOf(ones.map((one, round) => one / others[round]!))
}

/** @param sorted Ascending, at least one; between two neighbours it is interpolated. */
export function percentile(sorted: readonly number[] | Float64Array, percent: number): number {
  const place = ((sorted.length - 1) * percent) / 100
  const below = sorted[Math.floor(place)]!
  return below + (sorted[Math.ceil(place)]! - below) * (place % 1)
}
