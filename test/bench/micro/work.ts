/**
 * One small piece of work, as a request brings it.
 *
 * @module
 */

export interface Work {
  readonly name: string
  /**
   * Does it once. What it returns keeps it from being left out.
   *
   * @param turn Counted up, for work that must not be the same every time.
   */
  run(turn: number): unknown
}
