/**
 * When a DPoP proof was made (RFC 9449 §4.3 (10), (11), §9, §11.1).
 *
 * @module
 */

import { type Failure, fail } from '../../failure/failure.ts'
import type { Nonces } from './nonce.ts'
import type { VerifiedProof } from './proof.ts'

export interface FreshnessPolicy {
  /** `required`: no proof without a nonce of ours. `optional`: one that is there has to be good. */
  readonly nonce: 'off' | 'optional' | 'required'
  /** Seconds. */
  readonly maxAge: number
  /** How far the client's clock may be ahead of ours; or, where nonces are shared, another instance's. */
  readonly futureSkew: number
  /** Seconds since the epoch: since when used proofs are remembered. */
  readonly since: number
}

/**
 * Checks that a proof was made just now, and notes until when it would be accepted.
 *
 * A good nonce says when a proof was made better than the client's clock does, so `iat` is asked only
 * where there is none (RFC 9449 §4.3 (11): "or via the server-managed timestamp of the nonce").
 */
export function checkFreshness(
  proof: VerifiedProof,
  policy: FreshnessPolicy,
  nonces: Nonces,
  now: number,
): Failure | undefined {
  if (policy.nonce !== 'off') {
    // RFC 9449 §9, §11.3: once a nonce is demanded, a proof without one is refused.
    if (proof.nonce === undefined && policy.nonce === 'required') {
      return fail('use_dpop_nonce', 'dpop_nonce_required')
    }
    if (proof.nonce !== undefined) {
      // RFC 9449 §4.3 (10).
      const until = nonces.acceptedUntil(proof.nonce, now, policy.futureSkew)
      if (until === undefined) return fail('use_dpop_nonce', 'dpop_nonce_stale')
      proof.acceptableUntil = until
      return undefined
    }
  }
  // RFC 9449 §4.3 (11). Two limits: a slow clock and a hoarded proof are different faults.
  const age = now - proof.iat
  if (age > policy.maxAge || -age > policy.futureSkew) {
    return fail('invalid_dpop_proof', 'dpop_iat_out_of_window', { age: Math.round(age) })
  }
  // RFC 9449 §11.1: one from before may have been used; it is not known, and not the client's fault.
  if (proof.iat < policy.since) return fail('temporarily_unavailable', 'dpop_proof_before_start')
  // A nonce that was not asked for may be, by the configuration that comes next, which may know its secret.
  const byNonce =
    proof.nonce === undefined
      ? 0
      : (nonces.acceptedUntil(proof.nonce, now, policy.futureSkew) ?? nonces.lastEnd(now))
  proof.acceptableUntil = Math.max(proof.iat + policy.maxAge + 1, byNonce)
  return undefined
}
