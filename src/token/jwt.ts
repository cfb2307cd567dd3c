/**
 * JWT access tokens (RFC 9068 §4, RFC 8725).
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { parseJsonObject } from '../encoding/json.ts'
import { type Failure, fail } from '../failure/failure.ts'
import { type AlgorithmName, isAlgorithm } from '../jose/algorithm.ts'
import { type CompactJws, parseCompact } from '../jose/compact.ts'
import { verifySignature } from '../jose/verify.ts'
import type { AccessToken } from './access-token.ts'
import { type Claims, parseClaims } from './claims.ts'
import type { TokenExpectation } from './issuer.ts'

/** A JWT that nobody has vouched for yet: its `iss` may be used to choose keys, and nothing else. */
export interface UnverifiedJwt {
  readonly jws: CompactJws
  readonly claims: Claims
}

/** Longest `kid` that is looked up. It is text from a stranger (RFC 8725 §3.10). */
const MAX_KID = 256

/** Reads the form of a JWT, strictly. Nothing in it is to be believed yet. */
export function parseUnverifiedJwt(token: string): UnverifiedJwt | Failure {
  const jws = parseCompact(token)
  if (jws === undefined) return fail('invalid_token', 'token_malformed')
  const claims = parseJsonObject(jws.payload)
  if (claims === undefined) return fail('invalid_token', 'token_claims_malformed')
  return { jws, claims }
}

/** What a JWT's header asks for: which key, by which algorithm. */
export interface KeyHint {
  readonly kid: string | undefined
  readonly algorithm: AlgorithmName
}

/**
 * Judges the header of a JWT before any key is looked for.
 *
 * Keys named or carried by the token itself (`jwk`, `jku`, `x5u`, `x5c`) are passed over: the issuer's
 * own set is the only source (FAPI 1.0 Advanced §8.9, FAPI 2.0 SP §5.4.2).
 */
export function parseKeyHint(
  header: Readonly<Record<string, unknown>>,
  expected: TokenExpectation,
): KeyHint | Failure {
  const { typ, alg, kid } = header

  // RFC 9068 §4, RFC 8725 §3.11: an ID token, a logout token or a proof is not an access token.
  const tolerated = !expected.typeRequired && (typ === undefined || isPlain(typ))
  if (!isAccessTokenType(typ) && !tolerated) return fail('invalid_token', 'token_typ')
  // RFC 8725 §3.1: the algorithms are the issuer's, never the token's.
  if (!isAlgorithm(alg) || !expected.algorithms.includes(alg)) {
    return fail('invalid_token', 'token_alg_not_allowed')
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KID)) {
    return fail('invalid_token', 'token_kid_malformed')
  }
  return { kid, algorithm: alg }
}

/** RFC 9068 §2.1: the media type's `application/` may be left out, and its case does not matter. */
function isAccessTokenType(typ: unknown): boolean {
  if (typeof typ !== 'string') return false
  const type = typ.toLowerCase()
  return type === 'at+jwt' || type === 'application/at+jwt'
}

/** What issuers older than RFC 9068 write. */
function isPlain(typ: unknown): boolean {
  return typeof typ === 'string' && typ.toLowerCase() === 'jwt'
}

/**
 * Verifies a JWT with the keys its issuer may have signed it with, and judges its claims.
 *
 * @param keys Candidates for this header, from this issuer's set.
 */
export function verifyJwt(
  jwt: UnverifiedJwt,
  keys: readonly KeyObject[],
  algorithm: AlgorithmName,
  expected: TokenExpectation,
  now: number,
): AccessToken | Failure {
  const { signingInput, signature } = jwt.jws
  // RFC 9068 §4: the signature is that of a key of this issuer.
  if (!keys.some((key) => verifySignature(algorithm, key, signingInput, signature))) {
    return fail('invalid_token', 'token_signature_invalid')
  }
  // RFC 9068 §2.2: whom the token was issued to, and about.
  const { sub, client_id: clientId, jti } = jwt.claims
  if (expected.typeRequired) {
    if (typeof sub !== 'string' || typeof clientId !== 'string' || typeof jti !== 'string') {
      return fail('invalid_token', 'token_claim_missing')
    }
    if (jwt.claims['iat'] === undefined) return fail('invalid_token', 'token_iat_missing')
  }
  return parseClaims(jwt.claims, expected, now, true, algorithm)
}
