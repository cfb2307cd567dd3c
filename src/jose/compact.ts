/**
 * The JWS Compact Serialization (RFC 7515 §7.1), read strictly.
 *
 * @module
 */

import { decodeBase64url } from '../encoding/base64url.ts'
import { parseJsonObject } from '../encoding/json.ts'

/** A signed object whose signature nobody has verified yet. */
export interface CompactJws {
  readonly header: Record<string, unknown>
  readonly payload: Buffer
  readonly signature: Buffer
  /** What the signature is over: the first two segments as they came (RFC 7515 §5.2). */
  readonly signingInput: string
}

/** Longest text that is looked at. */
const MAX_LENGTH = 16384

/**
 * Header parameters that change how the rest is read: extensions that must be understood (RFC 7515
 * §4.1.11), an unencoded payload (RFC 7797 §3), compression and encryption (RFC 7516 §4.1). None of
 * them belongs in an access token or a proof, so each is refused whatever its value.
 */
const REFUSED = ['crit', 'b64', 'zip', 'enc']

/**
 * Reads three segments of canonical base64url with a JSON object as header, or returns undefined.
 *
 * `alg`, `typ` and every other parameter are not judged; a segment that is empty is, since no JWT has
 * one. The work is linear in the length of the text, and the text is bounded.
 */
export function parseCompact(text: string): CompactJws | undefined {
  if (text.length > MAX_LENGTH) return undefined
  // RFC 7515 §7.1: three segments. A fourth would leave a dot in the last, which is not in the alphabet.
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (first < 1 || second <= first + 1 || second === text.length - 1) return undefined

  const header = parseHeader(text.slice(0, first))
  if (header === undefined || REFUSED.some((name) => Object.hasOwn(header, name))) return undefined
  const payload = decodeBase64url(text.slice(first + 1, second))
  const signature = decodeBase64url(text.slice(second + 1))
  if (payload === undefined || signature === undefined) return undefined
  return { header, payload, signature, signingInput: text.slice(0, second) }
}

/**
 * Whether a token has the form of a JWT: three segments, the first a JSON object with an `alg`. Says
 * nothing about whether it would be accepted.
 */
export function looksLikeJwt(text: string): boolean {
  const segments = text.length > MAX_LENGTH ? null : /^([\w-]+)\.[\w-]*\.[\w-]*$/.exec(text)
  const header = segments === null ? undefined : parseHeader(segments[1]!)
  return header !== undefined && Object.hasOwn(header, 'alg')
}

/**
 * Whether a token begins as a JWT or JWE does, read as leniently as anyone might: either alphabet of
 * base64, padded or not, whatever follows. What a strict reader refuses, another may take for the token
 * that it resembles.
 */
export function resemblesJwt(text: string): boolean {
  const header = Buffer.from(text.split('.', 1)[0]!, 'base64').toString('latin1')
  return /^\s*\{[\s\S]*"(?:alg|enc)"\s*:/.test(header)
}

function parseHeader(segment: string): Record<string, unknown> | undefined {
  const bytes = decodeBase64url(segment)
  return bytes === undefined ? undefined : parseJsonObject(bytes)
}
