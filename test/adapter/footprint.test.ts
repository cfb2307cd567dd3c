import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { footprintOf } from '../../src/adapter/footprint.ts'

describe('the footprint of a value', () => {
  test.each<[unknown, number]>([
    [undefined, 0],
    [null, 0],
    [true, 0],
    [1_000_000, 0],
    [1_700_000_000, 16],
    [1.5, 16],
    ['', 16],
    ['accounts', 24],
    ['ä', 24],
    ['€', 24],
    ['€'.repeat(8), 32],
    [[], 32],
    [['a', 'b'], 32 + 2 * (8 + 24)],
    [{}, 32],
    [{ scope: 'a' }, 32 + 8 + 5 + 24],
  ])('of %j is %d bytes', (value, bytes) => {
    expect(footprintOf(value)).toBe(bytes)
  })

  test('is at least as large as its text, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const names = JSON.stringify(value).replaceAll(/true|false|null|[-\d.e+]+/g, '')
        // Numbers and words are part of what holds them, escapes are shorter in memory.
        const escapes = names.match(/\\u?/g)?.length ?? 0
        expect(footprintOf(value) + 16).toBeGreaterThanOrEqual(names.length - 6 * escapes)
      }),
    )
  })

  test('of names and shapes that no other token has is that of their descriptions too', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, 1]))
    expect(footprintOf(many(500))).toBeGreaterThan(400 * 100)
    expect(footprintOf(many(50))).toBeLessThan(50 * 20)
    const objects = (count: number) => Array.from({ length: count }, (_, i) => ({ [`n${i}`]: 1 }))
    expect(footprintOf(objects(400))).toBeGreaterThan(390 * 180)
    expect(footprintOf(objects(8))).toBeLessThan(9 * 60)
  })

  test('is many times as large where that is so: of a thousand empty arrays', () => {
    const text = `[${'[],'.repeat(999)}[]]`
    expect(footprintOf(JSON.parse(text))).toBeGreaterThan(10 * text.length)
  })
})
