/**
 * What the commands of the command line have in common: where they write, and what they exit with.
 *
 * @module
 */

/** Exit codes; 78 is EX_CONFIG of sysexits(3). */
export const EXIT = { ok: 0, failed: 1, usage: 2, badConfiguration: 78 } as const

export interface Output {
  /** A line, or several, for the standard output. */
  print(text: string): void
  /** A line, or several, for the standard error. */
  error(text: string): void
  /** Whether the standard error shows colours. */
  readonly colour: boolean
}
