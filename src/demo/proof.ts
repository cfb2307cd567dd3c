/**
 * DPoP proofs (RFC 9449 §4.2) made claim by claim, for those that an honest client would not make: the
 * same one twice, or one that is wrong in a single place.
 *
 * @module
 */

import { createHash, randomUUID, type webcrypto } from 'node:crypto'
import { exportJWK, SignJWT } from 'jose'

export interface ProofOptions {
  readonly method: string
  readonly url: string
  /** For `ath`. */
  readonly accessToken?: string
  readonly nonce?: string
  /** Replace or, where undefined, remove what an honest proof says. */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
}

const ALGORITHMS: Readonly<Record<string, string>> = {
  ECDSA: 'ES256',
  'RSA-PSS': 'PS256',
  Ed25519: 'EdDSA',
}

/** Signs a proof with these keys, which are of P-256, RSA-PSS or Ed25519. */
export async function signProof(
  keys: webcrypto.CryptoKeyPair,
  { method, url, accessToken, nonce, claims, header }: ProofOptions,
): Promise<string> {
  const { origin, pathname } = new URL(url)
  return new SignJWT({
    jti: randomUUID(),
    htm: method,
    // RFC 9449 §4.2: without query and fragment.
    htu: `${origin}${pathname}`,
    iat: Math.floor(Date.now() / 1000),
    ...(accessToken === undefined ? undefined : { ath: sha256(accessToken) }),
    ...(nonce === undefined ? undefined : { nonce }),
    ...claims,
  })
    .setProtectedHeader({
      typ: 'dpop+jwt',
      alg: ALGORITHMS[keys.privateKey.algorithm.name]!,
      jwk: await exportJWK(keys.publicKey),
      ...header,
    })
    .sign(keys.privateKey)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
