import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BoundedCache } from '../../src/adapter/bounded-cache.ts'

interface Value {
  readonly bytes: number
}

const open = (entries: number, bytes: number) =>
  new BoundedCache<Value>({ entries, bytes }, (value) => value.bytes)

describe('a bounded cache', () => {
  test('never holds more than it may, in entries and in bytes, and gives back nothing else than was put in', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      bytes: fc.nat({ max: 3000 }),
      kind: fc.constantFrom('set', 'get', 'delete'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const cache = open(4, 4000)
        const last = new Map<string, Value>()
        for (const { key, bytes, kind } of steps) {
          if (kind === 'set') {
            const value = { bytes }
            cache.set(key, value)
            last.set(key, value)
          } else if (kind === 'delete') {
            cache.delete(key)
            last.delete(key)
          }
          const found = cache.get(key)
          if (found !== undefined) expect(found).toBe(last.get(key))
          expect(cache.size).toBeLessThanOrEqual(4)
          expect(cache.bytes).toBeLessThanOrEqual(4000)
        }
      }),
    )
  })

  test('makes room for large entries by several small ones, those used longest ago', () => {
    const cache = open(100, 3000)
    for (const key of ['a', 'b', 'c', 'd']) cache.set(key, { bytes: 500 })
    cache.get('a')
    cache.set('e', { bytes: 1000 })
    const kept = ['a', 'b', 'c', 'd', 'e'].filter((key) => cache.get(key) !== undefined)
    expect(kept).toEqual(['a', 'd', 'e'])
    expect(cache.takeUse().evictions).toBe(2)
  })

  test('keeps nothing that would not fit by itself, and loses nothing else to it', () => {
    const cache = open(100, 3000)
    cache.set('a', { bytes: 1 })
    cache.set('b', { bytes: 1 })
    cache.set('b', { bytes: 3001 })
    expect(cache.get('a')).toEqual({ bytes: 1 })
    expect(cache.get('b')).toBeUndefined()
  })

  test('counts how it is used since it was last asked', () => {
    const cache = open(1, 3000)
    cache.get('a')
    cache.set('a', { bytes: 1 })
    cache.get('a')
    cache.get('a')
    cache.set('b', { bytes: 1 })
    expect(cache.takeUse()).toEqual({ hits: 2, misses: 1, evictions: 1 })
    cache.clear()
    expect(cache.takeUse()).toEqual({ hits: 0, misses: 0, evictions: 0 })
    expect([cache.size, cache.bytes]).toEqual([0, 0])
  })
})
