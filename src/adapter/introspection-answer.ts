/**
 * What an introspection endpoint said of a token, and for how long that is used (RFC 7662 §4).
 *
 * @module
 */

import { Failure } from '../failure/failure.ts'
import type { AccessToken } from '../token/access-token.ts'

export type Verdict = AccessToken | Failure

/** When an answer was asked for, in seconds of either clock. */
export interface Asked {
  readonly at: number
  readonly clock: number
}

export interface Remembered {
  readonly verdict: Verdict
  readonly asked: Asked
  /** Seconds for which it is used, counted from when it was asked for. */
  readonly life: number
}

/**
 * A revocation counts from when the issuer was asked; that a token is refused may be known for longer. A clock
 * that went back would make an answer outlive its time: then it is asked for anew.
 */
export function isUsable(
  { verdict, asked, life }: Remembered,
  now: Asked,
  maxAge = Number.POSITIVE_INFINITY,
): boolean {
  if (now.at < asked.at) return false
  const age = ageOf(asked, now)
  return age < life && (verdict instanceof Failure || age < maxAge)
}

/** Seconds by whichever clock saw more of them: the time of day may be set back in little steps. */
export function ageOf(asked: Asked, now: Asked): number {
  return Math.max(now.at - asked.at, now.clock - asked.clock)
}

/** Whether a verdict says nothing of the token. */
export function isUndecided(verdict: Verdict): boolean {
  return verdict instanceof Failure && verdict.error !== 'invalid_token'
}
