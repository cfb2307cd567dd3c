/**
 * Signed introspection responses (RFC 9701 §5, FAPI 2.0 Message Signing §5.5).
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { parseJsonObject } from '../encoding/json.ts'
import { Failure, fail } from '../failure/failure.ts'
import { isAlgorithm } from '../jose/algorithm.ts'
import { type CompactJws, parseCompact } from '../jose/compact.ts'
import { verifySignature } from '../jose/verify.ts'
import { type Claims, isTime, parseAudience } from './claims.ts'
import type { KeySource, TokenExpectation } from './issuer.ts'
import type { KeyHint } from './jwt.ts'

/** RFC 9701 §4: what is asked for, and what the answer has to be called. */
export const SIGNED_RESPONSE = 'application/token-introspection+jwt'

/** Oldest response that is taken for an answer to a question of now, in seconds. */
const MAX_AGE = 60

/**
 * Verifies a signed response, and takes out of it what its issuer says of the token. That is unjudged:
 * it is one that came as plain JSON would have been.
 *
 * Does not check that it speaks of the token that was asked about: RFC 9701 has no claim for that, so it
 * is the TLS connection that proves it, and the age that bounds what an old response is good for. Of the
 * top level no `sub`, `exp` or `active` is read. An encrypted response (RFC 9701 §6) is refused.
 *
 * @param recipients Names of this resource server at the issuer.
 * @param now Seconds since the epoch.
 * @returns A failure is never `invalid_token`: it was not the token that was at fault.
 */
export async function verifyIntrospectionJwt(
  text: string,
  keys: KeySource,
  expected: TokenExpectation,
  recipients: readonly string[],
  now: number,
): Promise<Claims | Failure> {
  const jws = parseCompact(text)
  const claims = jws === undefined ? undefined : parseJsonObject(jws.payload)
  if (jws === undefined || claims === undefined) {
    return fail('temporarily_unavailable', 'introspection_jwt_malformed')
  }
  const hint = parseResponseHint(jws.header, expected)
  if (hint instanceof Failure) return hint
  return (
    (await checkSignature(jws, hint, keys)) ??
    checkResponseClaims(claims, expected, recipients, now) ??
    parseMembers(claims)
  )
}

function parseResponseHint(
  { typ, alg, kid }: Claims,
  { algorithms }: TokenExpectation,
): KeyHint | Failure {
  // RFC 9701 §5, §8.1: nothing else that the issuer signs has this type, a JWT access token least.
  if (!isResponseType(typ)) return fail('temporarily_unavailable', 'introspection_jwt_typ')
  // RFC 8725 §3.1: the algorithms are the issuer's, never the response's; `none` is none of them.
  if (!isAlgorithm(alg) || !algorithms.includes(alg)) {
    return fail('temporarily_unavailable', 'introspection_jwt_alg_not_allowed')
  }
  if (kid !== undefined && typeof kid !== 'string') {
    return fail('temporarily_unavailable', 'introspection_jwt_kid_malformed')
  }
  return { kid, algorithm: alg }
}

/** RFC 7515 §4.1.9: the media type's `application/` may be left out, and its case does not matter. */
function isResponseType(typ: unknown): boolean {
  if (typeof typ !== 'string') return false
  const type = typ.toLowerCase()
  return type === SIGNED_RESPONSE || `application/${type}` === SIGNED_RESPONSE
}

async function checkSignature(
  jws: CompactJws,
  hint: KeyHint,
  keys: KeySource,
): Promise<Failure | undefined> {
  const failure = checkSignedBy(await keys.find(hint.kid, hint.algorithm), jws, hint)
  if (failure?.reason !== 'introspection_jwt_signature_invalid') return failure
  // Another key may stand under the same `kid` by now.
  const renewal = keys.renew()
  if (renewal === undefined) return failure
  await renewal
  return checkSignedBy(await keys.find(hint.kid, hint.algorithm), jws, hint)
}

/** RFC 9701 §5: the signature is that of a key of this issuer. */
function checkSignedBy(
  keys: readonly KeyObject[] | Failure,
  { signingInput, signature }: CompactJws,
  { algorithm }: KeyHint,
): Failure | undefined {
  if (keys instanceof Failure) return keys
  if (keys.length === 0) return fail('temporarily_unavailable', 'introspection_jwt_key_unknown')
  return keys.some((key) => verifySignature(algorithm, key, signingInput, signature))
    ? undefined
    : fail('temporarily_unavailable', 'introspection_jwt_signature_invalid')
}

function checkResponseClaims(
  { iss, aud, iat }: Claims,
  { issuer, clockSkew }: TokenExpectation,
  recipients: readonly string[],
  now: number,
): Failure | undefined {
  // RFC 9701 §5: `iss` is the issuer's URL, `aud` identifies the receiving resource server.
  if (iss !== issuer) return fail('temporarily_unavailable', 'introspection_jwt_issuer_mismatch')
  if (!parseAudience(aud)?.some((audience) => recipients.includes(audience))) {
    return fail('temporarily_unavailable', 'introspection_jwt_audience_mismatch')
  }
  // RFC 9701 §5: `iat` is when the response was made.
  if (!isTime(iat)) return fail('temporarily_unavailable', 'introspection_jwt_iat_malformed')
  if (iat > now + clockSkew) {
    return fail('temporarily_unavailable', 'introspection_jwt_from_the_future')
  }
  return iat < now - MAX_AGE - clockSkew
    ? fail('temporarily_unavailable', 'introspection_jwt_too_old')
    : undefined
}

/** RFC 9701 §5: what is said of the token stands apart from what is said of the response. */
function parseMembers({ token_introspection: members }: Claims): Claims | Failure {
  return typeof members === 'object' && members !== null && !Array.isArray(members)
    ? (members as Claims)
    : fail('temporarily_unavailable', 'introspection_jwt_without_response')
}
