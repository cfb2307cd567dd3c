/**
 * What a run of the benchmark finds, as it is printed, written to disk and drawn.
 *
 * @module
 */

import type { Spread } from './statistics.ts'

/** One run of load against one subject. */
export interface Run {
  readonly requests: number
  readonly seconds: number
  /** User and system time of all processes of the subject, in microseconds. */
  readonly cpu: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** What came of the runs against one subject. */
export interface Measured {
  readonly subject: string
  /** Microseconds of CPU a request. */
  readonly cpu: Spread
  readonly requestsPerSecond: Spread
  /** Milliseconds. */
  readonly p50: Spread
  readonly p99: Spread
}

/** A number that has a target, or stands for itself. */
export interface Finding {
  readonly what: string
  readonly value: Spread
  /** Behind the number: `×`, `ms`, `MB`. */
  readonly unit: string
  readonly target: Target | undefined
}

export interface Target {
  readonly kind: 'at most' | 'at least'
  readonly value: number
}

export interface RowResult {
  readonly id: string
  readonly title: string
  readonly measured: readonly Measured[]
  readonly findings: readonly Finding[]
  /** What a reader has to know of how it was done, or why it was not. */
  readonly notes: readonly string[]
  /** When it ended, ISO 8601, and of which revision it speaks. */
  readonly at: string
  readonly revision: string
}

/** By the median. Where some runs lie on the other side of the target, that is said. */
export type Verdict = 'holds' | 'holds, not in every run' | 'missed' | 'no target'

export function verdictOf({ value, target }: Finding): Verdict {
  if (target === undefined) return 'no target'
  const { kind, value: bound } = target
  const isWithin = (one: number) => (kind === 'at most' ? one <= bound : one >= bound)
  if (!isWithin(value.median)) return 'missed'
  return isWithin(value.least) && isWithin(value.greatest) ? 'holds' : 'holds, not in every run'
}
