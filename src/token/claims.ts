/**
 * What every access token is judged by, whatever its format: issuer, audience and times, with one
 * notion of clock skew (RFC 9068 §4, RFC 7662 §4, FAPI 2.0 SP §5.3.4).
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'
import type { AlgorithmName } from '../jose/algorithm.ts'
import { type AccessToken, digestOf, parseConfirmation } from './access-token.ts'
import type { TokenExpectation } from './issuer.ts'
import { parseScope } from './scope.ts'

/** Members as they stand in a JWT claims set or an introspection response. */
export type Claims = Readonly<Record<string, unknown>>

/**
 * Reads and judges the claims of a token whose origin is already proven.
 *
 * Checks `iss`, `aud`, `exp`, `nbf`, `iat` and the form of `cnf`. Does not check that the confirmation is
 * proven, nor what the token authorizes: those are asked on every use.
 *
 * @param isJwt A JWT says `iss` and `exp` (RFC 9068 §2.2). An introspection response may (RFC 7662 §2.2),
 *   and where it does they have to be right; without an end a token is good for this moment alone.
 */
export function parseClaims(
  claims: Claims,
  expected: TokenExpectation,
  now: number,
  isJwt: boolean,
  algorithm: AlgorithmName | undefined,
): AccessToken | Failure {
  // RFC 9068 §4: the issuer is compared byte for byte.
  const { iss } = claims
  if (iss !== expected.issuer && (isJwt || iss !== undefined)) {
    return fail('invalid_token', 'token_issuer_mismatch')
  }

  // RFC 9068 §4, RFC 8707 §2: the token is meant for this resource.
  const audiences = parseAudience(claims['aud'])
  if (audiences === undefined) return fail('invalid_token', 'token_audience_malformed')
  if (!audiences.some((audience) => expected.audiences.includes(audience))) {
    return fail('invalid_token', 'token_audience_mismatch')
  }

  // RFC 9068 §2.2: a token without an end is not accepted, nor one whose end is not a time.
  const { exp = isJwt ? undefined : Math.ceil(now) + 1, nbf, iat } = claims
  if (!isTime(exp)) return fail('invalid_token', 'token_exp_malformed')
  if (isExpired(exp, expected.clockSkew, now)) return fail('invalid_token', 'token_expired')

  const early = checkBeginning(nbf, iat, expected.clockSkew, now)
  if (early !== undefined) return early
  const failure = checkLifetime(exp, iat, expected.maxLifetime)
  if (failure !== undefined) return failure

  const confirmation = parseConfirmation(claims['cnf'])
  if (confirmation !== undefined && 'reason' in confirmation) return confirmation

  return {
    expiresAt: exp,
    subject: text(claims['sub']),
    clientId: text(claims['client_id']),
    audiences,
    scopes: parseScope(claims['scope']),
    confirmation,
    claims,
    algorithm,
    jtiDigest: digestOf(claims['jti']),
  }
}

/**
 * Checks that a token has begun (RFC 7519 §4.1.5, §4.1.6). FAPI 2.0 SP §5.3.2.1: 10 s ahead is overlooked,
 * more than 60 s is not.
 */
export function checkBeginning(
  nbf: unknown,
  iat: unknown,
  clockSkew: number,
  now: number,
): Failure | undefined {
  // Some issuers write 0 where they mean that there is no beginning.
  const begins = nbf === undefined || nbf === 0 ? undefined : nbf
  if (begins !== undefined && !isTime(begins)) return fail('invalid_token', 'token_nbf_malformed')
  if (begins !== undefined && begins > now + clockSkew) {
    return fail('invalid_token', 'token_not_yet_valid')
  }
  if (iat !== undefined && !isTime(iat)) return fail('invalid_token', 'token_iat_malformed')
  if (iat !== undefined && iat > now + clockSkew) {
    return fail('invalid_token', 'token_from_the_future')
  }
  return undefined
}

/** Checks that a token was not issued for longer than is accepted (FAPI 1.0 Baseline §7). */
export function checkLifetime(
  exp: number,
  iat: unknown,
  maxLifetime: number | undefined,
): Failure | undefined {
  if (maxLifetime === undefined) return undefined
  if (!isTime(iat)) return fail('invalid_token', 'token_lifetime_unknown')
  return exp - iat > maxLifetime ? fail('invalid_token', 'token_lifetime_too_long') : undefined
}

/** RFC 7519 §4.1.4: on or after `exp` the token is not accepted, give or take the skew. */
export function isExpired(exp: number, clockSkew: number, now: number): boolean {
  return now >= exp + clockSkew
}

/** RFC 7519 §2: seconds since the epoch. Whole ones, positive, and not so far off as to mean never. */
export function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) < 1e11
}

/** RFC 7519 §4.1.3: one string, or an array of strings. */
export function parseAudience(aud: unknown): readonly string[] | undefined {
  if (typeof aud === 'string') return aud === '' ? undefined : [aud]
  if (!Array.isArray(aud) || aud.length === 0 || aud.length > 100) return undefined
  return aud.every((audience) => typeof audience === 'string') ? aud : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
