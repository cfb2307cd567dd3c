/**
 * The JOSE header of a DPoP proof, and its signature (RFC 9449 §4.3 (1)–(7)).
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { parseJsonObject } from '../../encoding/json.ts'
import { type Failure, fail } from '../../failure/failure.ts'
import { SEVERAL, soleField } from '../../http/field.ts'
import { type AlgorithmName, isAlgorithm } from '../../jose/algorithm.ts'
import { parseCompact } from '../../jose/compact.ts'
import { importPublicJwk, keyFits, parsePublicJwk } from '../../jose/jwk.ts'
import { jwkThumbprint } from '../../jose/thumbprint.ts'
import { verifySignature } from '../../jose/verify.ts'

/** Longest proof that is read, in characters. With the largest key that is accepted it has 2,500. */
const MAX_PROOF = 8192

/**
 * Longest modulus of an RSA key, in characters of base64url: 4096 bits. The key is a stranger's choice, and
 * the verification, which takes longer the longer it is, is ours.
 */
const MAX_MODULUS = 683

/** A proof whose signature holds. Its claims are not judged yet. */
export interface SignedProof {
  /** RFC 7638, SHA-256: the `jkt` of tokens bound to this key. */
  readonly keyThumbprint: string
  readonly key: KeyObject
  readonly claims: Readonly<Record<string, unknown>>
}

/** Keys of proofs by their thumbprint: importing one costs as much as a signature. */
export interface ProofKeys {
  get(thumbprint: string): KeyObject | undefined
  /** Remembers the key of a client whose proof and token were accepted, and of nobody else. */
  set(thumbprint: string, key: KeyObject): void
}

/** Reads the proof of a request and verifies its signature, in the order of RFC 9449 §4.3. */
export function parseSignedProof(
  rawFields: readonly string[],
  algorithms: readonly AlgorithmName[],
  keys: ProofKeys,
): SignedProof | Failure {
  // RFC 9449 §4.3 (1): not more than one field.
  const value = soleField(rawFields, 'dpop')
  if (value === SEVERAL) return fail('invalid_request', 'dpop_proof_several')
  if (value === undefined || value === '') return fail('invalid_dpop_proof', 'dpop_proof_missing')

  // (2): one well-formed JWT.
  if (value.length > MAX_PROOF) return fail('invalid_dpop_proof', 'dpop_proof_too_long')
  const jws = parseCompact(value)
  if (jws === undefined) return fail('invalid_dpop_proof', 'dpop_proof_malformed')
  const claims = parseJsonObject(jws.payload)
  if (claims === undefined) return fail('invalid_dpop_proof', 'dpop_claims_malformed')

  // (4): the type keeps other JWTs of this key from being taken for a proof.
  const { typ, alg, jwk } = jws.header
  if (typ !== 'dpop+jwt') return fail('invalid_dpop_proof', 'dpop_typ')
  // (5): an asymmetric algorithm that the policy allows.
  if (!isAlgorithm(alg) || !algorithms.includes(alg)) {
    return fail('invalid_dpop_proof', 'dpop_alg_not_allowed')
  }
  // (7), before any key is imported: no private part. FAPI 2.0 SP §5.4.1: and not a weak key.
  const key = parsePublicJwk(jwk)
  const isFit = key !== undefined && keyFits(key, alg)
  if (!isFit || (key.kty === 'RSA' && key.n.length > MAX_MODULUS)) {
    return fail('invalid_dpop_proof', 'dpop_jwk_invalid')
  }

  // (6): the signature is that of the key in the header.
  const keyThumbprint = jwkThumbprint(key)
  const imported = keys.get(keyThumbprint) ?? importPublicJwk(key)
  if (imported === undefined) return fail('invalid_dpop_proof', 'dpop_jwk_not_a_key')
  if (!verifySignature(alg, imported, jws.signingInput, jws.signature)) {
    return fail('invalid_dpop_proof', 'dpop_signature_invalid')
  }
  return { keyThumbprint, key: imported, claims }
}
