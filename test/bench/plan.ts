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
  /**
   * Runs before the first that counts. A program that compiles itself has to have done so: Node goes on
   * with it for some ten seconds under load.
   */
  readonly warmUps: number
}

export const FULL: Plan = { quick: false, rounds: 5, seconds: 3, warmUps: 4 }
/** Two revisions may be nearly alike: more runs show smaller differences. */
export const PAIRED: Plan = { quick: false, rounds: 9, seconds: 2, warmUps: 5 }
export const QUICK: Plan = { quick: true, rounds: 3, seconds: 1, warmUps: 2 }
