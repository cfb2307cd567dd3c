/**
 * base64 with padding (RFC 4648 §4): one text for one sequence of bytes.
 *
 * Recipients that read over a missing pad or a spare bit give one value many spellings, and let what
 * follows it be taken for part of it.
 *
 * @module
 */

const PADDED = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * Decodes base64, or returns undefined if the text is not the one spelling of its bytes: missing padding,
 * white space, a foreign character or a spare bit that is set. Empty text is no bytes.
 */
export function decodeBase64(text: string): Buffer | undefined {
  if (!PADDED.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
