/**
 * The JWE Compact Serialization (RFC 7516 §7.1), as far as it is read before anything is decrypted.
 *
 * @module
 */

import { decodeBase64url } from '../encoding/base64url.ts'
import { parseJsonObject } from '../encoding/json.ts'

/**
 * Algorithms that a key of ours can be agreed on with an issuer. Neither RSA1_5 (FAPI 1.0 Advanced §8.6.1)
 * nor anything by a password or a shared key is among them.
 */
export const KEY_MANAGEMENT = [
  'RSA-OAEP',
  'RSA-OAEP-256',
  'ECDH-ES',
  'ECDH-ES+A128KW',
  'ECDH-ES+A256KW',
] as const

export const CONTENT_ENCRYPTION = ['A256GCM', 'A128GCM'] as const

export type KeyManagement = (typeof KEY_MANAGEMENT)[number]
export type ContentEncryption = (typeof CONTENT_ENCRYPTION)[number]

/** What the header of an encrypted token says. Nobody vouches for it. */
export interface EncryptionHint {
  readonly alg: string
  readonly enc: string
  readonly kid: string | undefined
}

/** Longest text that is looked at, and longest name of a key. */
const MAX_LENGTH = 16_384
const MAX_KID = 256

/** Whether a token has the five segments of an encrypted one, whatever they hold. */
function hasFiveSegments(text: string): boolean {
  return text.length <= MAX_LENGTH && /^[\w-]+(?:\.[\w-]*){4}$/.test(text)
}

/**
 * Reads the header of an encrypted token; undefined for what is none: another number of segments, base64url
 * that is not canonical, extensions that must be understood, and compression (RFC 8725 §3.6: what is small
 * on the wire could be large in memory).
 */
export function parseEncryptionHint(text: string): EncryptionHint | undefined {
  if (!hasFiveSegments(text)) return undefined
  const [first = '', ...rest] = text.split('.')
  const bytes = decodeBase64url(first)
  const header = bytes === undefined ? undefined : parseJsonObject(bytes)
  if (header === undefined || rest.some((one) => decodeBase64url(one) === undefined)) {
    return undefined
  }
  // RFC 7516 §4.1.3, §4.1.13.
  if (Object.hasOwn(header, 'zip') || Object.hasOwn(header, 'crit')) return undefined
  const { alg, enc, kid } = header
  if (typeof alg !== 'string' || typeof enc !== 'string') return undefined
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KID)) return undefined
  return { alg, enc, kid }
}
