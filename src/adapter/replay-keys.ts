/**
 * Sets of replay keys, outside of the heap: a million strings in it would cost twice as much, and the
 * garbage collector its time.
 *
 * Open addressing, in tables that grow one at a time: no key that is added waits until all others have
 * been moved. Keys are compared whole, so none is ever taken for another.
 *
 * @module
 */

import { randomFillSync } from 'node:crypto'

/** Longest key, in characters: SHA-256 in base64url. */
const LONGEST = 43
/** A key with its length behind it, in words of four bytes. */
const WORDS = 11
const LAST = WORDS - 1
/** Tables of a set: what is moved at once when one of them grows. A power of two. */
const TABLES = 64
const TABLE_BITS = Math.log2(TABLES)
/** Slots that a table begins with, by how much it grows, and when. */
const FIRST_SLOTS = 8
const GROWTH = 1.5
const MOST_FILLED = 0.75

/** A key in the form in which it is kept, and where to look for it. One, used for key after key. */
export class ReplayKey {
  readonly words = new Uint32Array(WORDS)
  readonly #bytes = Buffer.from(this.words.buffer)
  /**
   * A client can try proofs until their keys resemble each other. Where they come to lie is by numbers that
   * it does not know, so it cannot make them lie in each other's way.
   */
  readonly #secret = randomFillSync(new Uint32Array(WORDS))
  hash = 0

  /** @throws If the key is none: characters of one byte, one to 43. */
  read(key: string): void {
    if (key.length === 0 || key.length > LONGEST) throw new RangeError('not a replay key')
    this.words.fill(0)
    this.#bytes.write(key, 'latin1')
    // Never 0, so that an empty slot can be told.
    this.#bytes[LONGEST] = key.length
    this.hash = hashOf(this.words, 0, this.#secret)
  }

  hashOf(slots: Uint32Array, at: number): number {
    return hashOf(slots, at, this.#secret)
  }
}

/** The upper bits are the better ones (multiply-shift). */
function hashOf(slots: Uint32Array, at: number, secret: Uint32Array): number {
  let hash = 0
  for (let i = 0; i < WORDS; i++) hash = (hash + Math.imul(slots[at + i]!, secret[i]! | 1)) | 0
  return hash >>> 0
}

export class ReplayKeys {
  readonly #tables = Array.from({ length: TABLES }, () => new Table())
  #size = 0

  get size(): number {
    return this.#size
  }

  /** What the tables take up. */
  get bytes(): number {
    return this.#tables.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  has(key: ReplayKey): boolean {
    return this.#tableOf(key).has(key)
  }

  /** Adds a key that is not in it. */
  add(key: ReplayKey): void {
    this.#tableOf(key).add(key)
    this.#size += 1
  }

  #tableOf({ hash }: ReplayKey): Table {
    return this.#tables[hash >>> (32 - TABLE_BITS)]!
  }
}

class Table {
  #slots = new Uint32Array(WORDS * FIRST_SLOTS)
  #capacity = FIRST_SLOTS
  #size = 0

  get bytes(): number {
    return this.#slots.byteLength
  }

  has({ words, hash }: ReplayKey): boolean {
    return this.#slots[this.#find(words, 0, hash) + LAST] !== 0
  }

  add(key: ReplayKey): void {
    this.#slots.set(key.words, this.#find(key.words, 0, key.hash))
    this.#size += 1
    if (this.#size > MOST_FILLED * this.#capacity) this.#grow(key)
  }

  /** Where a key lies; where it is not there, the empty slot that is its own. */
  #find(words: Uint32Array, from: number, hash: number): number {
    const slots = this.#slots
    const first = Math.floor((((hash << TABLE_BITS) >>> 0) / 2 ** 32) * this.#capacity)
    for (let at = first * WORDS; ; at = (at + WORDS) % slots.length) {
      if (slots[at + LAST] === 0 || isSame(slots, at, words, from)) return at
    }
  }

  #grow(key: ReplayKey): void {
    const former = this.#slots
    this.#capacity = Math.ceil(this.#capacity * GROWTH)
    this.#slots = new Uint32Array(WORDS * this.#capacity)
    for (let at = 0; at < former.length; at += WORDS) {
      if (former[at + LAST] === 0) continue
      const to = this.#find(former, at, key.hashOf(former, at))
      this.#slots.set(former.subarray(at, at + WORDS), to)
    }
  }
}

function isSame(slots: Uint32Array, at: number, words: Uint32Array, from: number): boolean {
  for (let i = 0; i < WORDS; i++) if (slots[at + i] !== words[from + i]) return false
  return true
}
