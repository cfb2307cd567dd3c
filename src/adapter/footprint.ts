/**
 * What values take up in memory, for caches that are bounded in bytes.
 *
 * @module
 */

const WORD = 8
/** Of a string, and of an object or array beside what is in it. */
const STRING = 16
const OBJECT = 32

/**
 * Bytes that a value of JSON takes up in Node's heap. Near enough to bound a cache by: rather more, since
 * what two values share is counted with each. It goes by what the value is made of and not by how long its
 * text was, since `[[],[],[]]` takes ten times as much as it is long.
 *
 * Recursive: for values whose depth is bounded, as that of all JSON is that is read here.
 */
export function footprintOf(value: unknown): number {
  if (typeof value === 'string') return STRING + rounded(value.length * widthOf(value))
  if (typeof value === 'number') return Number.isInteger(value) ? 0 : 2 * WORD
  if (typeof value !== 'object' || value === null) return 0
  let bytes = OBJECT
  if (Array.isArray(value)) {
    for (const element of value) bytes += WORD + footprintOf(element)
    return bytes
  }
  for (const [name, member] of Object.entries(value)) {
    bytes += WORD + name.length + footprintOf(member)
  }
  return bytes
}

function rounded(bytes: number): number {
  return Math.ceil(bytes / WORD) * WORD
}

/** Bytes a character: one, unless the string has one that does not fit in it. */
function widthOf(text: string): number {
  return BEYOND_LATIN1.test(text) ? 2 : 1
}

const BEYOND_LATIN1 = /[^\0-\xff]/
