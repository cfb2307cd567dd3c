import { describe, expect, test } from 'vitest'
import { MemoryReplayStore } from '../../src/adapter/replay-memory.ts'

const NOW = 1_700_000_000

describe('RFC 9449 §11.1: a key', () => {
  test('is used once, as long as it is remembered', () => {
    const store = new MemoryReplayStore(10)
    expect(store.useOnce('a', NOW + 60, NOW)).toBe('first')
    expect(store.useOnce('a', NOW + 60, NOW)).toBe('again')
    expect(store.useOnce('a', NOW + 90, NOW + 60)).toBe('again')
    expect(store.useOnce('b', NOW + 60, NOW)).toBe('first')
    expect(store.size).toBe(2)
  })

  test.each([0, 0.5, 1, 9, 10, 11, 59.999])(
    'is remembered at least until its end, wherever in a generation that lies: %d s',
    (life) => {
      const store = new MemoryReplayStore(10)
      const until = NOW + life
      store.useOnce('a', until, NOW)
      expect(store.useOnce('a', until + 60, until)).toBe('again')
    },
  )

  test('is forgotten soon after its end, and its place is free', () => {
    const store = new MemoryReplayStore(1)
    expect(store.useOnce('a', NOW + 5, NOW)).toBe('first')
    expect(store.useOnce('b', NOW + 90, NOW + 30)).toBe('first')
    expect(store.size).toBe(1)
  })

  test('is not forgotten by a clock that goes back, and forward again', () => {
    const store = new MemoryReplayStore(10)
    store.useOnce('a', NOW + 60, NOW)
    expect(store.useOnce('a', NOW, NOW - 3600)).toBe('again')
    expect(store.useOnce('a', NOW + 60, NOW + 1)).toBe('again')
    expect(store.size).toBe(1)
  })
})

describe('a store that is full', () => {
  test('forgets nothing that lives, and says so', () => {
    const store = new MemoryReplayStore(2)
    store.useOnce('a', NOW + 60, NOW)
    store.useOnce('b', NOW + 60, NOW)
    expect(store.useOnce('c', NOW + 60, NOW)).toBe('full')
    expect(store.size).toBe(2)
    for (const key of ['a', 'b']) expect(store.useOnce(key, NOW + 60, NOW)).toBe('again')
  })

  test('does not hold what it refused: a second try is not one time too many', () => {
    const store = new MemoryReplayStore(1)
    store.useOnce('a', NOW + 5, NOW)
    expect(store.useOnce('b', NOW + 60, NOW)).toBe('full')
    expect(store.useOnce('b', NOW + 60, NOW + 30)).toBe('first')
  })
})

test('of any number of uses at once, one is the first', () => {
  const store = new MemoryReplayStore(100)
  const uses = Array.from({ length: 50 }, () => store.useOnce('a', NOW + 60, NOW))
  expect(uses.filter((use) => use === 'first')).toHaveLength(1)
  expect(store.size).toBe(1)
})
