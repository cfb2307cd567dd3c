import { describe, expect, test } from 'vitest'
import { findGrowth, type Sample, secondHalf, slopeOf } from './measurement.ts'

const MIB = 1_048_576

/** A sample every ten seconds of half an hour, with memory as it is told to be. */
function run(rss: (at: number) => number, seconds = 1800): Sample[] {
  return Array.from({ length: seconds / 10 + 1 }, (_, i) => ({
    at: i * 10,
    requests: i,
    wrong: 0,
    rss: rss(i * 10),
    heap: 0,
    sockets: 0,
    delay: 0,
    cached: 0,
    proofs: 0,
  }))
}

const REST = { sockets: 3, timers: 0, heap: 30 * MIB, external: 10 * MIB }

test('the slope is that of a line through the samples, however they jump about it', () => {
  const jumping = run((at) => 100 + 3 * at + (at % 20 === 0 ? 40 : -40))
  expect(slopeOf(jumping, ({ rss }) => rss)).toBeCloseTo(3, 1)
  expect(slopeOf(jumping.slice(0, 1), ({ rss }) => rss)).toBe(0)
})

describe('growth is found', () => {
  test.each<[string, (at: number) => number, boolean]>([
    ['in memory that grows by two MiB a minute', (at) => (at / 60) * 2 * MIB, true],
    ['not by half of one', (at) => (at / 60) * 0.5 * MIB, false],
    ['not where it grows at first and stays', (at) => Math.min(at, 800) * MIB, false],
    ['not where it comes and goes', (at) => (at % 100) * MIB, false],
  ])('%s [O17]', (_, rss, isFound) => {
    expect(findGrowth(run(rss), REST, REST).length > 0).toBe(isFound)
  })

  test('not in a run that is too short to say', () => {
    expect(
      findGrowth(
        run((at) => at * MIB, 300),
        REST,
        REST,
      ),
    ).toEqual([])
    expect(secondHalf(run(() => 0, 300)).at(0)?.at).toBe(150)
  })

  test.each<[string, object]>([
    ['sockets', { sockets: 4 }],
    ['timers', { timers: 1 }],
    ['what is alive', { heap: 63 * MIB }],
    ['what is alive beside the heap', { external: 43 * MIB }],
  ])('in %s that are not given back [O17]', (_, left) => {
    expect(findGrowth([], REST, { ...REST, ...left })).toHaveLength(1)
  })

  test('not in less than there was', () => {
    const less = { sockets: 2, timers: 0, heap: 0, external: 0 }
    expect(findGrowth([], REST, less)).toEqual([])
  })
})
