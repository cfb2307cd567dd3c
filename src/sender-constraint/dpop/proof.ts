/**
 * The claims of a DPoP proof against the request it came with (RFC 9449 §4.3 (3), (8), (9), (12)).
 *
 * When a proof was made is not judged here: see {@link ./freshness.ts}.
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { type Failure, fail } from '../../failure/failure.ts'
import { normaliseTargetUri } from '../../http/target-uri.ts'
import type { SignedProof } from './header.ts'

/** A proof that was made for this request and this token, by the holder of its key. */
export interface VerifiedProof {
  readonly keyThumbprint: string
  readonly key: KeyObject
  readonly jti: string
  /** Seconds since the epoch, by the client's clock. */
  readonly iat: number
  readonly nonce: string | undefined
  /** Until when this proof would be accepted, were it not remembered. Set when freshness is judged. */
  acceptableUntil: number
}

export interface ProofExpectation {
  readonly method: string
  /** Normalised, without query and fragment. */
  readonly targetUri: string
  /** SHA-256 of the access token as sent, base64url. */
  readonly accessTokenHash: string
}

/** Longest `jti` that is read: an identifier, not a message. */
const MAX_JTI = 256

/**
 * Checks that a proof, whose signature holds, was made for this request and this token.
 *
 * Does not check whether its key is the token's, when it was made, or whether it was seen before.
 */
export function checkProofClaims(
  { claims, key, keyThumbprint }: SignedProof,
  expected: ProofExpectation,
): VerifiedProof | Failure {
  // RFC 9449 §4.3 (3): all required claims are there, and of the right type.
  const { jti, htm, htu, iat, ath, nonce } = claims
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI) {
    return fail('invalid_dpop_proof', 'dpop_jti_malformed')
  }
  if (typeof iat !== 'number' || !(iat > 0 && iat < 1e11)) {
    return fail('invalid_dpop_proof', 'dpop_iat_malformed')
  }
  if (nonce !== undefined && typeof nonce !== 'string') {
    return fail('invalid_dpop_proof', 'dpop_nonce_malformed')
  }

  // (8). Methods are case-sensitive (RFC 9110 §9.1).
  if (htm !== expected.method) return fail('invalid_dpop_proof', 'dpop_htm_mismatch')

  // (9). Query and fragment are cut from both sides; normalised only where the text differs.
  if (typeof htu !== 'string') return fail('invalid_dpop_proof', 'dpop_htu_malformed')
  if (htu !== expected.targetUri && normaliseTargetUri(htu) !== expected.targetUri) {
    // The origin is ours to log; the path, which may name an account, is not.
    const { origin } = new URL(expected.targetUri)
    return fail('invalid_dpop_proof', 'dpop_htu_mismatch', { expected_origin: origin })
  }

  // (12.1).
  if (ath !== expected.accessTokenHash) return fail('invalid_dpop_proof', 'dpop_ath_mismatch')

  return { keyThumbprint, key, jti, iat, nonce, acceptableUntil: 0 }
}
