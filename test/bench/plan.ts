/**
 * How long and how often.
 *
 * @module
 */

export interface Plan {
  readonly quick: boolean
  /** Runs of each subject, in turns. */
  readonly rounds: number
  /** Of one run. */
  readonly seconds: number
  /** Of load before the first run that counts: a program that compiles itself has to have done so. */
  readonly warmUp: number
}

export const FULL: Plan = { quick: false, rounds: 5, seconds: 3, warmUp: 4 }
/** Two revisions may be nearly alike: more runs show smaller differences. */
export const PAIRED: Plan = { quick: false, rounds: 9, seconds: 2, warmUp: 4 }
export const QUICK: Plan = { quick: true, rounds: 3, seconds: 1, warmUp: 1 }
