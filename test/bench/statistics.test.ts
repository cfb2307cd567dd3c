import { describe, expect, test } from 'vitest'
import { pairedRatios, percentile, spreadOf } from './statistics.ts'

describe('spreadOf', () => {
  test('gives the middle, the least and the greatest, in whatever order they come', () => {
    expect(spreadOf([9, 1, 10, 2, 100])).toEqual({ median: 9, least: 1, greatest: 100 })
  })

  test('takes the mean of the two in the middle', () => {
    expect(spreadOf([4, 1, 3, 2]).median).toBe(2.5)
  })

  test('refuses to speak of nothing', () => {
    expect(() => spreadOf([])).toThrow(RangeError)
  })
})

describe('pairedRatios', () => {
  test('divides each run by its neighbour, so that a slow round changes nothing', () => {
    expect(pairedRatios([10, 20, 100], [20, 40, 200])).toEqual({
      median: 0.5,
      least: 0.5,
      greatest: 0.5,
    })
  })

  test('refuses runs without a partner', () => {
    expect(() => pairedRatios([1, 2], [1])).toThrow(RangeError)
  })
})

describe('percentile', () => {
  test('interpolates between two neighbours', () => {
    const sorted = Array.from({ length: 101 }, (_, i) => i)
    expect([0, 50, 99, 100].map((percent) => percentile(sorted, percent))).toEqual([0, 50, 99, 100])
    expect(percentile([0, 10], 25)).toBe(2.5)
  })

  test('of one value is that value', () => {
    expect(percentile([7], 99)).toBe(7)
  })
})
