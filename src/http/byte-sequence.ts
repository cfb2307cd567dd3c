/**
 * Byte sequences of structured fields (RFC 9651 §3.3.5), as items and in lists.
 *
 * Read more strictly than RFC 9651 §4.2.7 asks: without parameters, and in the one spelling of the bytes.
 * Whoever writes such a field for a gateway writes it so, and a second spelling only serves to smuggle.
 *
 * @module
 */

import { decodeBase64 } from '../encoding/base64.ts'
import { trimBlanks } from './field.ts'

/** Reads the value of an item; undefined if it is not one byte sequence and nothing else. */
export function parseByteSequence(value: string): Buffer | undefined {
  // RFC 9651 §4.2.7: between colons.
  if (value.length < 2 || !value.startsWith(':') || !value.endsWith(':')) return undefined
  return decodeBase64(value.slice(1, -1))
}

/** Reads the value of a list; undefined if any member is not a byte sequence, or if it has none. */
export function parseByteSequences(value: string): Buffer[] | undefined {
  const members: Buffer[] = []
  // RFC 9651 §4.2.1: members are apart by a comma, with optional white space around it.
  for (const member of value.split(',')) {
    const bytes = parseByteSequence(trimBlanks(member))
    if (bytes === undefined) return undefined
    members.push(bytes)
  }
  return members
}

/** RFC 9651 §4.1.8: as the value of an item, or as a member of a list. */
export function byteSequence(bytes: Buffer): string {
  return `:${bytes.toString('base64')}:`
}
