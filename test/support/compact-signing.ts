/**
 * Compact JWS of whatever header and payload a test wants, with a signature that holds: so that a
 * refusal is for the one thing that was changed, and not for the signature.
 *
 * @module
 */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { ALGORITHMS, type Algorithm, type AlgorithmName } from '../../src/jose/algorithm.ts'

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export function createKeyPair(name: AlgorithmName): KeyPair {
  const { kty, crv }: Algorithm = ALGORITHMS[name]
  if (kty === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  if (kty === 'OKP') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('ec', { namedCurve: crv ?? 'P-256' })
}

/**
 * @param header Text stands as it is, anything else becomes JSON; the payload likewise.
 * @param name What the signature is made by, whatever the header says.
 */
export function signCompact(
  header: unknown,
  payload: unknown,
  name: AlgorithmName,
  key: KeyObject,
): string {
  const input = `${encode(header)}.${encode(payload)}`
  const { digest, padding, saltLength }: Algorithm = ALGORITHMS[name]
  const signature = sign(digest, Buffer.from(input), {
    key,
    dsaEncoding: 'ieee-p1363',
    ...(padding === undefined ? {} : { padding }),
    ...(saltLength === undefined ? {} : { saltLength }),
  })
  return `${input}.${signature.toString('base64url')}`
}

function encode(part: unknown): string {
  const text = typeof part === 'string' ? part : JSON.stringify(part)
  return Buffer.from(text).toString('base64url')
}
