import { hash } from 'node:crypto'
import fc from 'fast-check'
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
    'is remembered at least until its end, wherever in a generation that lies: %d s [D15]',
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

describe('RFC 9449 §11.1: when proofs are accepted for longer than before, a key', () => {
  /** A proof of a client whose clock is a minute ahead, by the former window of ten seconds. */
  const widened = (capacity = 10) => {
    const store = new MemoryReplayStore(capacity, NOW - 100)
    store.useOnce('a', NOW + 71, NOW)
    store.widen(NOW + 1)
    return store
  }

  test('that lives is remembered for as long as its iat may be good from now on [D15]', () => {
    const store = widened()
    expect(store.since).toBe(NOW + 1)
    expect(store.useOnce('a', NOW + 361, NOW + 100)).toBe('again')
    expect(store.useOnce('a', NOW + 361, NOW + 361)).toBe('again')
  })

  test('of a request that was judged by the former window, too [D15]', () => {
    const store = widened()
    store.useOnce('b', NOW + 81, NOW + 20)
    expect(store.useOnce('b', NOW + 381, NOW + 200)).toBe('again')
  })

  test('that comes later goes with its own end, and those of before in the end', () => {
    const store = widened(2)
    expect(store.useOnce('b', NOW + 71, NOW + 65)).toBe('first')
    expect(store.useOnce('c', NOW + 200, NOW + 90)).toBe('first')
    expect(store.useOnce('d', NOW + 200, NOW + 90)).toBe('full')
    expect(store.useOnce('d', NOW + 600, NOW + 500)).toBe('first')
    expect(store.size).toBe(1)
  })
})

test('RFC 9449 §11.1: uses are known from the first whole second on, for iat has no fractions [R11]', () => {
  expect(new MemoryReplayStore(10, NOW + 0.2).since).toBe(NOW + 1)
  expect(new MemoryReplayStore(10, NOW).since).toBe(NOW)
})

describe('a store that is full', () => {
  test('forgets nothing that lives, and says so [D22]', () => {
    const store = new MemoryReplayStore(2)
    store.useOnce('a', NOW + 60, NOW)
    store.useOnce('b', NOW + 60, NOW)
    expect(store.useOnce('c', NOW + 60, NOW)).toBe('full')
    expect(store.size).toBe(2)
    for (const key of ['a', 'b']) expect(store.useOnce(key, NOW + 60, NOW)).toBe('again')
  })

  test('holds no more than it may, however many proofs come, and has room when some have ended [D22]', () => {
    const store = new MemoryReplayStore(10_000)
    let first = 0
    let most = 0
    // Five thousand a second, of which ten thousand find room in seventy seconds.
    for (let i = 0; i < 500_000; i++) {
      const now = NOW + Math.floor(i / 5000)
      if (store.useOnce(`${i}`, now + 60, now) === 'first') first += 1
      most = Math.max(most, store.size)
    }
    expect(most).toBe(10_000)
    expect(first).toBe(20_000)
  })

  test('does not hold what it refused: a second try is not one time too many', () => {
    const store = new MemoryReplayStore(1)
    store.useOnce('a', NOW + 5, NOW)
    expect(store.useOnce('b', NOW + 60, NOW)).toBe('full')
    expect(store.useOnce('b', NOW + 60, NOW + 30)).toBe('first')
  })
})

test('entries cost at most 160 bytes each, at whatever moment [D22]', () => {
  const store = new MemoryReplayStore(2_000_000)
  for (let i = 0; i < 300_000; i++) {
    const now = NOW + i / 3000
    store.useOnce(hash('sha256', `${i}`, 'base64url'), now + 70, now)
    if (i % 10_000 === 9_999) expect(store.bytes / store.size).toBeLessThanOrEqual(160)
  }
  expect(store.size).toBeGreaterThan(200_000)
})

test('of any number of uses at once, one is the first [D13]', () => {
  const store = new MemoryReplayStore(100)
  const uses = Array.from({ length: 50 }, () => store.useOnce('a', NOW + 60, NOW))
  expect(uses.filter((use) => use === 'first')).toHaveLength(1)
  expect(store.size).toBe(1)
})

describe('RFC 9449 §11.1: a clock that jumps [D24, O16]', () => {
  const LIFE = 70

  test.each([3600, 86_400 * 365 * 5])('by %d s, and back: it is served again', (far) => {
    const store = new MemoryReplayStore(1000)
    expect(store.useOnce('a', NOW + LIFE, NOW)).toBe('first')
    expect(store.useOnce('b', NOW + far + LIFE, NOW + far)).toBe('first')
    // What was used before the jump has been forgotten, and is not let through for that.
    expect(store.useOnce('a', NOW + LIFE, NOW + 1)).toBe('unavailable')
    for (const later of [LIFE, LIFE + 1, 10 * LIFE]) {
      const now = NOW + later
      expect(store.useOnce(`${later}`, now + LIFE, now)).toBe('first')
      expect(store.useOnce(`${later}`, now + LIFE, now)).toBe('again')
    }
  })

  test('back to where it was before: nothing of that time is used again [OPS-6]', () => {
    const store = new MemoryReplayStore(1000)
    for (let now = NOW; now < NOW + 3600; now += 10) store.useOnce(`${now}`, now + LIFE, now)
    for (let now = NOW; now < NOW + 3600; now += 10) {
      expect(store.useOnce(`${now}`, now + LIFE, now)).not.toBe('first')
    }
    expect(store.useOnce('new', NOW + 3600 + LIFE, NOW + 3600)).toBe('first')
  })

  test('however often: no stretch of time is too many', () => {
    const store = new MemoryReplayStore(1000)
    const times = Array.from({ length: 300 }, (_, i) => NOW + i * i * 100)
    for (const now of times) expect(store.useOnce('a', now + LIFE, now)).toBe('first')
    for (const now of times) expect(store.useOnce('a', now + LIFE, now)).not.toBe('first')
  })

  test('in whatever way: nothing is used twice that a memory without end would know', () => {
    const used = fc.record({
      now: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 100_000 })),
      life: fc.integer({ min: 0, max: LIFE }),
      key: fc.constantFrom('a', 'b', 'c'),
      /** Whether an earlier use is tried again, where its time has not ended. */
      again: fc.option(fc.nat()),
    })
    fc.assert(
      fc.property(fc.array(used, { maxLength: 60 }), (uses) => {
        const store = new MemoryReplayStore(1000)
        const memory = new Set<string>()
        const accepted: { key: string; until: number }[] = []
        for (const { now, life, key, again } of uses) {
          const earlier = again === null ? undefined : accepted[again % (accepted.length || 1)]
          const isRepeated = earlier !== undefined && earlier.until >= now
          const proof = isRepeated ? earlier : { key: `${key} ${now + life}`, until: now + life }
          const use = store.useOnce(proof.key, proof.until, now)
          if (memory.has(proof.key)) expect(use).not.toBe('first')
          else expect(['first', 'unavailable']).toContain(use)
          if (use === 'first') {
            memory.add(proof.key)
            accepted.push(proof)
          }
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('forward alone: nobody is refused who was not here before', () => {
    const steps = fc.array(fc.nat({ max: 200 }), { maxLength: 100 })
    fc.assert(
      fc.property(steps, (all) => {
        const store = new MemoryReplayStore(1000)
        let now = NOW
        all.forEach((step, i) => {
          now += step
          expect(store.useOnce(`${i}`, now + LIFE, now)).toBe('first')
          expect(store.useOnce(`${i}`, now + LIFE, now)).toBe('again')
        })
      }),
    )
  })
})
