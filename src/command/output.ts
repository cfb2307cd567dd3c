/**
 * What the commands of the command line have in common: where they write, and what they exit with.
 *
 * @module
 */

import { EXIT_INVALID_CONFIGURATION } from '../config/diagnostic-rendering.ts'

/** Exit codes of the program. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  badConfiguration: EXIT_INVALID_CONFIGURATION,
} as const

export interface Output {
  /** A line, or several, for the standard output. */
  print(text: string): void
  /** A line, or several, for the standard error. */
  error(text: string): void
  /** Whether the standard error shows colours. */
  readonly colour: boolean
}
