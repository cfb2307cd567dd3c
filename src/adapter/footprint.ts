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
 * Objects, and members of objects, that a token has. Those of most tokens have the same names, and share
 * what describes them; of a value that has more, nobody knows, and each is counted with a description of its own.
 */
const FEW_OBJECTS = 8
const FEW_MEMBERS = 64
const OWN_SHAPE = 160
const OWN_MEMBER = 100

/**
 * Bytes that a value of JSON takes up in Node's heap. Near enough to bound a cache by: rather more, since
 * what two values share is counted with each. It goes by what the value is made of and not by how long its
 * text was, since `[[],[],[]]` takes ten times as much as it is long.
 *
 * Recursive: for values whose depth is bounded, as that of all JSON is that is read here.
 */
export function footprintOf(value: unknown): number {
  return new Footprint().of(value)
}

class Footprint {
  #objects = 0
  #members = 0

  of(value: unknown): number {
    if (typeof value === 'string') return STRING + rounded(value.length * widthOf(value))
    if (typeof value === 'number') return isSmall(value) ? 0 : 2 * WORD
    if (typeof value !== 'object' || value === null) return 0
    let bytes = OBJECT
    if (Array.isArray(value)) {
      for (const element of value) bytes += WORD + this.of(element)
      return bytes
    }
    this.#objects += 1
    if (this.#objects > FEW_OBJECTS) bytes += OWN_SHAPE
    for (const [name, member] of Object.entries(value)) {
      this.#members += 1
      if (this.#members > FEW_MEMBERS) bytes += OWN_MEMBER
      bytes += WORD + name.length + this.of(member)
    }
    return bytes
  }
}

/** Whether V8 keeps a number in the place of a pointer to it. */
function isSmall(number: number): boolean {
  return Number.isInteger(number) && Math.abs(number) < 2 ** 30
}

function rounded(bytes: number): number {
  return Math.ceil(bytes / WORD) * WORD
}

/** Bytes a character: one, unless the string has one that does not fit in it. */
function widthOf(text: string): number {
  return BEYOND_LATIN1.test(text) ? 2 : 1
}

const BEYOND_LATIN1 = /[^\0-\xff]/
