import { expect, test } from 'vitest'
import { profileWindows, type Windows } from './domain.ts'
import { simulateWindow } from './window.ts'

const run = (windows: Windows, callEvery: number) =>
  simulateWindow({ windows, rate: 20, callEvery, seconds: 240, seed: 7 })

test('with nonces, no more is remembered than two periods, and the margin of the store', () => {
  const { memory, redis, attempts } = run(profileWindows('required'), 1)
  // A generation of the memory spans 10 s.
  expect(memory.most).toBeGreaterThan(110)
  expect(memory.most).toBeLessThan(2 * 60 * 1.1)
  expect(memory.mean).toBeCloseTo(90, -1)
  expect(redis.most - memory.most).toBeCloseTo(30, -1)
  expect(attempts).toBeLessThan(1.01)
})

test('with nonces, all proofs of a period end at once', () => {
  expect(run(profileWindows('required'), 1).endings).toBeCloseTo(60, -1)
  expect(run(profileWindows('off'), 1).endings).toBeLessThan(3)
})

test('a client that calls less often than nonces change asks twice', () => {
  // Good: the nonce of this period and of the one before; so what was given out 60 to 120 s ago is stale.
  const seldom = run(profileWindows('required'), 600).attempts
  expect(seldom).toBeCloseTo(1 + 10 * (Math.exp(-0.1) - Math.exp(-0.2)), 1)
  expect(run(profileWindows('off'), 600).attempts).toBe(1)
})

test('without nonces, what is remembered follows from proof_max_age', () => {
  const windows = profileWindows('off')
  const short = run({ ...windows, maxAge: 20 }, 1)
  expect(short.redis.mean).toBeCloseTo(20 + 30, -1)
  expect(run(windows, 1).redis.mean - short.redis.mean).toBeCloseTo(40, -1)
})

test('two runs of one seed are one', () => {
  expect(run(profileWindows('required'), 10)).toEqual(run(profileWindows('required'), 10))
})
