/**
 * Introspection responses (RFC 7662 §2.2).
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'
import type { AccessToken } from './access-token.ts'
import { type Claims, parseClaims } from './claims.ts'
import type { TokenExpectation } from './issuer.ts'

/**
 * Reads an introspection response and judges the token it speaks of, by the same rules as a JWT.
 *
 * @returns A failure other than `invalid_token` if the response is not one that RFC 7662 allows: then it
 *   was not the token that was at fault, and nothing is known of it.
 */
export function parseIntrospection(
  response: Claims,
  expected: TokenExpectation,
  now: number,
): AccessToken | Failure {
  // RFC 7662 §2.2: `active` is a boolean; only `true` is a yes.
  const { active, token_type: type, token_use: use } = response
  if (typeof active !== 'boolean') {
    return fail('temporarily_unavailable', 'introspection_response_invalid')
  }
  if (!active) return fail('invalid_token', 'token_inactive')

  // Some servers introspect refresh tokens at the same endpoint, and say so here alone.
  if (use !== undefined && use !== 'access_token' && use !== 'access') {
    return fail('invalid_token', 'token_use_not_access')
  }

  const token = parseClaims(response, expected, now, false, undefined)
  if ('reason' in token) return token

  // RFC 9449 §6.2: a bound token says so in `token_type` too; the two may not disagree.
  const bound = token.confirmation?.keyThumbprint !== undefined
  if (typeof type === 'string' && (type.toLowerCase() === 'dpop') !== bound) {
    return fail('invalid_token', 'token_type_mismatch')
  }
  return token
}
