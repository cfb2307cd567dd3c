/**
 * The signature algorithms that can be verified (RFC 7518 §3, RFC 8037 §3.1, RFC 9864 §2).
 *
 * All are asymmetric: a gateway holds no secret of an issuer, so a MAC can only be a forgery. Which of
 * them a token or proof may use is policy and is decided elsewhere. Nothing outside this table
 * enumerates algorithms.
 *
 * @module
 */

import { constants } from 'node:crypto'

export interface Algorithm {
  readonly kty: 'EC' | 'OKP' | 'RSA'
  /** The one curve, for `EC` and `OKP`. */
  readonly crv: 'P-256' | 'P-384' | 'P-521' | 'Ed25519' | undefined
  /** What node:crypto calls the key's type. */
  readonly keyType: 'ec' | 'ed25519' | 'rsa'
  /** What OpenSSL calls the curve of an `EC` key. */
  readonly namedCurve: 'prime256v1' | 'secp384r1' | 'secp521r1' | undefined
  /** The digest, or undefined for an algorithm that takes the message itself. */
  readonly digest: 'sha256' | 'sha384' | 'sha512' | undefined
  /** Padding of an RSA signature, for node:crypto. */
  readonly padding: number | undefined
  /** Bytes of salt in a PSS signature. */
  readonly saltLength: number | undefined
  /** Bytes of a signature, or undefined where the key's size decides. */
  readonly signatureLength: number | undefined
}

/** RFC 7518 §3.4: r and s, each as long as the curve's order. */
function ecdsa(
  crv: Algorithm['crv'],
  namedCurve: Algorithm['namedCurve'],
  digest: Algorithm['digest'],
  signatureLength: number,
): Algorithm {
  const none = { padding: undefined, saltLength: undefined }
  return { kty: 'EC', keyType: 'ec', crv, namedCurve, digest, signatureLength, ...none }
}

function rsa(
  digest: Algorithm['digest'],
  padding: number,
  saltLength: number | undefined,
): Algorithm {
  const none = { crv: undefined, namedCurve: undefined, signatureLength: undefined }
  return { kty: 'RSA', keyType: 'rsa', digest, padding, saltLength, ...none }
}

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = constants

/** RFC 8032 §5.1: Ed448, which RFC 8037 also calls `EdDSA`, is not offered. */
const ED25519: Algorithm = {
  kty: 'OKP',
  crv: 'Ed25519',
  keyType: 'ed25519',
  namedCurve: undefined,
  digest: undefined,
  padding: undefined,
  saltLength: undefined,
  signatureLength: 64,
}

export const ALGORITHMS = {
  ES256: ecdsa('P-256', 'prime256v1', 'sha256', 64),
  ES384: ecdsa('P-384', 'secp384r1', 'sha384', 96),
  ES512: ecdsa('P-521', 'secp521r1', 'sha512', 132),
  // RFC 7518 §3.5: the salt is as long as the digest.
  PS256: rsa('sha256', RSA_PKCS1_PSS_PADDING, 32),
  PS384: rsa('sha384', RSA_PKCS1_PSS_PADDING, 48),
  PS512: rsa('sha512', RSA_PKCS1_PSS_PADDING, 64),
  // RFC 7518 §3.3.
  RS256: rsa('sha256', RSA_PKCS1_PADDING, undefined),
  RS384: rsa('sha384', RSA_PKCS1_PADDING, undefined),
  RS512: rsa('sha512', RSA_PKCS1_PADDING, undefined),
  // RFC 8037 §3.1, and the fully specified name that RFC 9864 §2.2 gives it.
  EdDSA: ED25519,
  Ed25519: ED25519,
} as const satisfies Readonly<Record<string, Algorithm>>

/** The names, as a tuple for schemas. */
export const ALGORITHM_NAMES = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'Ed25519',
] as const satisfies readonly (keyof typeof ALGORITHMS)[]

export type AlgorithmName = (typeof ALGORITHM_NAMES)[number]

/** Whether a value is the exact name of an algorithm of the table: names are case-sensitive. */
export function isAlgorithm(name: unknown): name is AlgorithmName {
  return typeof name === 'string' && Object.hasOwn(ALGORITHMS, name)
}
