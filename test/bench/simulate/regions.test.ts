import { describe, expect, test } from 'vitest'
import { profileWindows } from './domain.ts'
import { simulateMoves, simulateTheft, type Topology } from './regions.ts'

const steal = (
  topology: Topology,
  nonce: 'off' | 'required',
  delay: readonly [number, number] = [0, 1],
  lag = 0.5,
) => {
  const windows = profileWindows(nonce)
  return simulateTheft({ topology, windows, regions: 3, lag, delay, proofs: 300, seed: 7 })
}

describe('RFC 9449 §11.1: an overheard proof', () => {
  test('is good for nothing where all regions ask one store', () => {
    expect(steal('one store', 'required')).toBe(0)
    expect(steal('one store', 'off')).toBe(0)
  })

  test('is good for nothing where each region has its own Redis, for nonces are those of a store', () => {
    expect(steal('Redis', 'required')).toBe(0)
    expect(steal('Redis', 'required', [0, 120])).toBe(0)
    expect(steal('Redis that replicates', 'required')).toBe(0)
  })

  test('is good for nothing where regions have only their memory, and own secrets', () => {
    expect(steal('memory and own secret', 'required')).toBe(0)
    expect(steal('memory', 'required')).toBe(2)
  })

  test('is good once in every other region that wants no nonce', () => {
    expect(steal('Redis', 'off')).toBe(2)
    expect(steal('memory and own secret', 'off')).toBe(2)
  })

  test('is good in no region any longer once its time has passed', () => {
    expect(steal('memory', 'required', [121, 122])).toBe(0)
    expect(steal('memory', 'off', [62, 63])).toBe(0)
  })

  test('is good where it is not known yet, and no longer than that', () => {
    const soon = steal('Redis that replicates', 'off', [0, 0.1])
    const late = steal('Redis that replicates', 'off', [1, 2])
    expect(soon).toBeGreaterThan(1.6)
    // The mean of e^(-t/0.5) from 1 to 2 s, in each of two regions.
    expect(late).toBeCloseTo(2 * 0.5 * (Math.exp(-2) - Math.exp(-4)), 1)
    expect(steal('Redis that replicates', 'off', [1, 2], 0.01)).toBe(0)
  })
})

test('a client that goes to another region with own nonces asks twice there', () => {
  const windows = profileWindows('required')
  expect(simulateMoves(windows, { regions: 3, moving: 0, seed: 7 })).toBeLessThan(1.01)
  expect(simulateMoves(windows, { regions: 3, moving: 0.1, seed: 7 })).toBeCloseTo(1.1, 1)
  expect(simulateMoves(windows, { regions: 3, moving: 1, seed: 7 })).toBeCloseTo(2, 1)
})
