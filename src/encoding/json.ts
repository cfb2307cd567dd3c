/**
 * JSON from strangers, read so that nobody can read it differently (RFC 8259, RFC 7493).
 *
 * `JSON.parse` decides what is JSON. What it would pass over in silence is refused before it is asked.
 *
 * @module
 */

import { isUtf8 } from 'node:buffer'

/** Deepest nesting that is read; the object itself is the first level. */
const MAX_DEPTH = 16

/** The shortest number without an exponent that can be infinite has 309 digits. */
const LONG_NUMBER = 300

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Reads a JSON object, or returns undefined.
 *
 * Refused beside what is not JSON: bytes that are not UTF-8, a byte order mark (RFC 8259 §8.1), a member
 * name that occurs twice in an object after unescaping (RFC 7493 §2.3), half a surrogate pair
 * (RFC 7493 §2.1), a number that is infinite as a double (RFC 7493 §2.2), and nesting deeper than 16.
 * The size is not checked: that is the caller's to bound.
 *
 * A member may be called `__proto__`; it is then an own property like any other.
 */
export function parseJsonObject(bytes: Uint8Array | string): Record<string, unknown> | undefined {
  const text = typeof bytes === 'string' ? bytes : decodeUtf8(bytes)
  if (text === undefined || !text.isWellFormed()) return undefined
  try {
    if (!isUnambiguous(text)) return undefined
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes)) return undefined
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Looks once over a text for what `JSON.parse` tolerates and we do not. Its answer means something only
 * for a text that is JSON; whether it is, is not judged here. Throws if a string is not one.
 */
function isUnambiguous(text: string): boolean {
  /** The names seen in each open object; undefined for an open array. */
  const open: (Set<string> | undefined)[] = []
  // Without one, a string ends at the next quote, is what it stands for, and is as well-formed as the text.
  const hasEscapes = text.includes('\\')
  let nameIsDue = false

  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) {
      const end = hasEscapes ? endOfString(text, at) : text.indexOf('"', at + 1)
      if (end < 0) return false
      const names = nameIsDue ? open.at(-1) : undefined
      if (hasEscapes || names !== undefined) {
        const value = stringValue(text.slice(at, end + 1))
        if (!value.isWellFormed()) return false
        if (names?.has(value) === true) return false
        names?.add(value)
      }
      nameIsDue = false
      at = end
    } else if (character === OPEN_OBJECT || character === OPEN_ARRAY) {
      if (open.length === MAX_DEPTH) return false
      nameIsDue = character === OPEN_OBJECT
      open.push(nameIsDue ? new Set() : undefined)
    } else if (character === CLOSE_OBJECT || character === CLOSE_ARRAY) {
      open.pop()
      nameIsDue = false
    } else if (character === COMMA) {
      nameIsDue = open.at(-1) !== undefined
    } else if (character === MINUS || (character >= ZERO && character <= NINE)) {
      const end = endOfNumber(text, at)
      if (!isFiniteNumber(text, at, end)) return false
      at = end
    }
  }
  return true
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) return at
    if (character === BACKSLASH) at++
  }
  return text.length
}

/** Escapes are rare: only a string that has one is parsed for itself. */
function stringValue(literal: string): string {
  return literal.includes('\\') ? String(JSON.parse(literal)) : literal.slice(1, -1)
}

/** Position of the number's last character: digits, signs, `.`, `e` and `E` in any order. */
function endOfNumber(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && '0123456789+-.eE'.includes(text.charAt(at))) at++
  return at - 1
}

/** Few numbers have an exponent or hundreds of digits; the others are not converted to find out. */
function isFiniteNumber(text: string, start: number, end: number): boolean {
  const number = text.slice(start, end + 1)
  if (number.length < LONG_NUMBER && !/e/i.test(number)) return true
  return Number.isFinite(Number(number))
}
