/**
 * base64url as JOSE spells it (RFC 7515 §2, RFC 4648 §5): one text for one sequence of bytes.
 *
 * Caches, replay records and comparisons are keyed by text. Were a second spelling accepted, the same
 * token or thumbprint would pass for a different one.
 *
 * @module
 */

const ALPHABET_ONLY = /^[A-Za-z0-9_-]*$/

/** What the last character may be when its low four or its low two bits are spare: they are zero. */
const SPARE_FOUR = /[AQgw]$/
const SPARE_TWO = /[AEIMQUYcgkosw048]$/

/** 32 bytes, and the two spare bits of the last character are zero. */
const SHA256 = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/**
 * Decodes base64url, or returns undefined if the text is not the one spelling of its bytes: padding,
 * white space, a foreign character or a spare bit that is set. Empty text is no bytes.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  return isCanonical(text) ? Buffer.from(text, 'base64url') : undefined
}

function isCanonical(text: string): boolean {
  if (!ALPHABET_ONLY.test(text)) return false
  switch (text.length % 4) {
    case 0:
      return true
    case 2:
      return SPARE_FOUR.test(text.slice(-1))
    case 3:
      return SPARE_TWO.test(text.slice(-1))
    default:
      return false
  }
}

/**
 * Whether a value is the encoding of a SHA-256 digest, such as `jkt`, `x5t#S256` and `ath`.
 *
 * The thumbprint printed in the example of RFC 8705 §3.1 is not: a spare bit of its last character is
 * set.
 */
export function isSha256Thumbprint(text: unknown): text is string {
  return typeof text === 'string' && SHA256.test(text)
}
