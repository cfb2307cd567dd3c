/**
 * How the demo's authority signs, and how what it signed is written.
 *
 * @module
 */

import type { webcrypto } from 'node:crypto'

export const SIGNING = {
  RSA: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  EC: { name: 'ECDSA', hash: 'SHA-256' },
} as const

export function signingAlgorithm({ privateKey }: webcrypto.CryptoKeyPair) {
  return privateKey.algorithm.name === SIGNING.EC.name ? SIGNING.EC : SIGNING.RSA
}

/** RFC 7468. */
export function encodePem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
