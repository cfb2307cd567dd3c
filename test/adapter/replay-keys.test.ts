import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ReplayKey, ReplayKeys } from '../../src/adapter/replay-keys.ts'

const key = new ReplayKey()

function has(keys: ReplayKeys, text: string): boolean {
  key.read(text)
  return keys.has(key)
}

function add(keys: ReplayKeys, text: string): void {
  key.read(text)
  keys.add(key)
}

const digest = (text: unknown) => createHash('sha256').update(String(text)).digest('base64url')

describe('a set of replay keys', () => {
  test('has what was added, and nothing else, however much it grows', () => {
    const keys = new ReplayKeys()
    for (let i = 0; i < 20_000; i++) {
      const text = digest(i)
      expect(has(keys, text)).toBe(false)
      add(keys, text)
      expect(has(keys, text)).toBe(true)
    }
    for (let i = 0; i < 20_000; i++) expect(has(keys, digest(i))).toBe(true)
    for (let i = 20_000; i < 40_000; i++) expect(has(keys, digest(i))).toBe(false)
    expect(keys.size).toBe(20_000)
  })

  test('is what a Set of strings is', () => {
    const text = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 43 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 300 }), (texts) => {
        const keys = new ReplayKeys()
        const set = new Set<string>()
        for (const one of texts) {
          expect(has(keys, one)).toBe(set.has(one))
          if (!set.has(one)) add(keys, one)
          set.add(one)
        }
        expect(keys.size).toBe(set.size)
      }),
    )
  })

  test.each([0, 1, 20, 41, 42])('takes no key for one that differs in character %d', (at) => {
    const keys = new ReplayKeys()
    const text = digest('a')
    add(keys, text)
    const other = text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1)
    expect(has(keys, other)).toBe(false)
    expect(has(keys, text.slice(0, at) || ' ')).toBe(false)
  })

  test('costs at most 160 bytes a key, at whatever moment [D22]', () => {
    const keys = new ReplayKeys()
    for (let i = 0; i < 200_000; i++) {
      add(keys, digest(i))
      if (i > 2000 && keys.bytes > 160 * keys.size) expect(keys.bytes).toBe(160 * keys.size)
    }
  })
})

describe('a replay key', () => {
  test.each(['', 'a'.repeat(44)])('is not cut off to fit: %o', (text) => {
    expect(() => key.read(text)).toThrow(RangeError)
  })

  test('lies where another process would not have it, so that nobody can choose that', () => {
    const places = new Set(
      Array.from({ length: 20 }, () => {
        const one = new ReplayKey()
        one.read(digest('a'))
        return one.hash
      }),
    )
    expect(places.size).toBeGreaterThan(10)
  })
})
