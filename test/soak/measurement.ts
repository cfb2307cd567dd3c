/**
 * What was measured in the course of a soak, and whether it is flat.
 *
 * @module
 */

/** One line of the table. Bytes, and numbers of things. */
export interface Sample {
  /** Seconds since the beginning. */
  readonly at: number
  readonly requests: number
  readonly wrong: number
  readonly rss: number
  readonly heap: number
  readonly sockets: number
  /** Milliseconds by which the event loop was late at the worst of a hundred times. */
  readonly delay: number
  readonly cached: number
  readonly proofs: number
}

/** What a gateway holds while nothing is asked of it. */
export interface AtRest {
  readonly sockets: number
  readonly timers: number
  /** Bytes that are alive: of the heap, and beside it. */
  readonly heap: number
  readonly external: number
}

/** Bytes a minute that memory may grow, and for how long one has to look to be able to say so. */
const STEEPEST = 1_048_576
const LEAST_SECONDS = 600

/** Bytes that may be alive after a soak and were not before: code, tables, caches that were filled. */
const MOST_LEFT = 33_554_432

/** Growth of a value, per second: the slope of the line with the least squares. */
export function slopeOf(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const mean = (value: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + value(sample), 0) / samples.length
  const [time, height] = [mean(({ at }) => at), mean(of)]
  const [rise, run] = samples.reduce(
    ([up, along], sample) => [
      up + (sample.at - time) * (of(sample) - height),
      along + (sample.at - time) ** 2,
    ],
    [0, 0],
  )
  return run === 0 ? 0 : rise / run
}

/** The samples of the second half: what grows at first only warms up. */
export function secondHalf(samples: readonly Sample[]): Sample[] {
  const middle = (samples.at(-1)?.at ?? 0) / 2
  return samples.filter(({ at }) => at >= middle)
}

/** What is not flat; nothing where all is. */
export function findGrowth(samples: readonly Sample[], before: AtRest, after: AtRest): string[] {
  const faults: string[] = []
  const slope = 60 * slopeOf(secondHalf(samples), ({ rss }) => rss)
  if ((samples.at(-1)?.at ?? 0) >= LEAST_SECONDS && slope > STEEPEST) {
    faults.push(`memory grows by ${megabytes(slope)} MiB a minute`)
  }
  const left = after.heap + after.external - before.heap - before.external
  if (left > MOST_LEFT) faults.push(`${megabytes(left)} MiB more are alive than before`)
  for (const what of ['sockets', 'timers'] as const) {
    if (after[what] > before[what]) {
      faults.push(`${after[what]} ${what} are left, and there were ${before[what]}`)
    }
  }
  return faults
}

export function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}
