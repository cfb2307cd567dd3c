/**
 * The one place where a signature is checked (RFC 7515 §5.2, RFC 7518 §3).
 *
 * @module
 */

import { type KeyObject, verify } from 'node:crypto'
import { ALGORITHMS, type Algorithm, type AlgorithmName } from './algorithm.ts'
import { ecdsaSigValue } from './ecdsa-signature.ts'

/**
 * Verifies a signature. Never throws: what cannot be verified is not verified.
 *
 * Does not ask whether the algorithm is allowed, nor whether the key is meant for it by `use`, `key_ops`
 * or `alg`; only that the two can belong together, so that no key is ever used by another algorithm's
 * rules.
 */
export function verifySignature(
  alg: AlgorithmName,
  key: KeyObject,
  signingInput: string,
  signature: Buffer,
): boolean {
  const algorithm: Algorithm = ALGORITHMS[alg]
  // RFC 7518 §3.4, RFC 8032 §5.1.7: a signature has one length. DER has others.
  const { signatureLength = signature.length } = algorithm
  if (signature.length !== signatureLength || !canBelongTo(key, algorithm)) return false

  const { kty, digest, padding, saltLength } = algorithm
  const input = Buffer.from(signingInput, 'latin1')
  try {
    if (kty === 'EC') return verify(digest, input, key, ecdsaSigValue(signature))
    if (kty === 'OKP') return verify(digest, input, key, signature)
    return verify(digest, input, { key, padding, saltLength }, signature)
  } catch {
    return false
  }
}

function canBelongTo(key: KeyObject, { keyType, namedCurve }: Algorithm): boolean {
  return (
    key.type === 'public' &&
    key.asymmetricKeyType === keyType &&
    (namedCurve === undefined || key.asymmetricKeyDetails?.namedCurve === namedCurve)
  )
}
