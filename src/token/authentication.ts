/**
 * How and when the user behind a token was authenticated (RFC 9470 §6, OpenID Connect Core §2).
 *
 * A claim that is missing, or not of its type, counts as not met (RFC 9470 §3).
 *
 * @module
 */

import type { Claims } from './claims.ts'

/** RFC 9470 §6.1, §6.2: `acr` is one of the values that will do. */
export function isAuthenticatedAs({ acr }: Claims, values: readonly string[]): boolean {
  return typeof acr === 'string' && values.includes(acr)
}

/** RFC 9470 §6.1, §6.2: `auth_time` lies at or after a time. @param since Seconds since the epoch. */
export function isAuthenticatedSince({ auth_time: time }: Claims, since: number): boolean {
  return typeof time === 'number' && Number.isFinite(time) && time >= since
}
