/**
 * Signatures on certificates, revocation lists and OCSP responses (RFC 5280 §4.1.1.2, RFC 4055, RFC 5758,
 * RFC 8410).
 *
 * @module
 */

import { constants, type KeyObject, verify } from 'node:crypto'
import { constructed, DerReader, TAG } from '../encoding/der.ts'
import type { CertificateFacts } from './certificate.ts'
import { isWeakKey } from './key-strength.ts'
import { readPresentedCertificate } from './presented-certificate.ts'

interface Scheme {
  /** As node:crypto calls it; null where the scheme has its own. */
  readonly digest: string | null
  readonly keyType: 'rsa' | 'ec' | 'ed25519' | 'ed448'
}

/** Those with SHA-1 and MD5 are not here: others than the signer can make what they sign. */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['1.2.840.113549.1.1.11', { digest: 'sha256', keyType: 'rsa' }],
  ['1.2.840.113549.1.1.12', { digest: 'sha384', keyType: 'rsa' }],
  ['1.2.840.113549.1.1.13', { digest: 'sha512', keyType: 'rsa' }],
  ['1.2.840.10045.4.3.2', { digest: 'sha256', keyType: 'ec' }],
  ['1.2.840.10045.4.3.3', { digest: 'sha384', keyType: 'ec' }],
  ['1.2.840.10045.4.3.4', { digest: 'sha512', keyType: 'ec' }],
  ['1.3.101.112', { digest: null, keyType: 'ed25519' }],
  ['1.3.101.113', { digest: null, keyType: 'ed448' }],
])

const RSA_PSS = '1.2.840.113549.1.1.10'
const DIGESTS: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])

/**
 * Whether a signature is that of a key.
 *
 * @param algorithm DER of the AlgorithmIdentifier, with its parameters.
 */
export function isSignedBy(
  key: KeyObject,
  algorithm: Buffer,
  signed: Buffer,
  signature: Buffer,
): boolean {
  if (isWeakKey(key)) return false
  const { scheme, pss } = readAlgorithm(algorithm)
  if (scheme === undefined && pss === undefined) return false
  const type = key.asymmetricKeyType
  const fits = pss === undefined ? type === scheme?.keyType : type === 'rsa' || type === 'rsa-pss'
  if (!fits) return false
  try {
    return pss === undefined
      ? verify(scheme?.digest, signed, key, signature)
      : verify(pss.digest, signed, { key, ...pss }, signature)
  } catch {
    // Thrown for what is no signature of that key at all, or by a key that is not for this scheme.
    return false
  }
}

/** Whether signatures of an algorithm are believed at all. @param algorithm DER, with its parameters. */
export function isStrongAlgorithm(algorithm: Buffer): boolean {
  const { scheme, pss } = readAlgorithm(algorithm)
  return scheme !== undefined || pss !== undefined
}

/** Neither is there for an algorithm that is weak, unknown or malformed. */
function readAlgorithm(algorithm: Buffer) {
  const reader = new DerReader(algorithm)
  const identifier = reader.enter(TAG.sequence)
  const oid = identifier.oid()
  const isPss = oid === RSA_PSS
  const pss = isPss ? readPss(identifier) : undefined
  const scheme = SCHEMES.get(oid)
  // RFC 4055 §5, RFC 5758 §3.2: NULL or nothing. The algorithm of an OCSP response is not signed itself.
  if (!isPss && identifier.hasMore && identifier.read(TAG.null).length > 0) identifier.break()
  identifier.finish()
  reader.finish()
  return reader.isBroken ? { scheme: undefined, pss: undefined } : { scheme, pss }
}

/** RFC 4055 §3.1. Without parameters the digest is SHA-1, which is not taken. */
function readPss(identifier: DerReader) {
  const parameters = identifier.enter(TAG.sequence)
  const hash = parameters.enterOptional(constructed(0))?.enter(TAG.sequence).oid()
  const digest = hash === undefined ? undefined : DIGESTS.get(hash)
  // That its mask is made with the same digest is what node:crypto takes it for.
  if (parameters.isNext(constructed(1))) parameters.skip()
  const salt = parameters.enterOptional(constructed(2))?.integer() ?? '14'
  if (digest === undefined || salt.length > 4) return undefined
  const saltLength = Number.parseInt(salt, 16)
  return { digest, saltLength, padding: constants.RSA_PKCS1_PSS_PADDING }
}

/** The public key of a certificate; undefined where OpenSSL cannot use it. */
export function keyOf({ der }: CertificateFacts): KeyObject | undefined {
  try {
    return readPresentedCertificate(der)?.publicKey
  } catch {
    return undefined
  }
}
