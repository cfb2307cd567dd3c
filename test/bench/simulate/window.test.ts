import { expect, test } from 'vitest'
import { profileWindows, type Windows } from './domain.ts'
import { simulateWindow } from './window.ts'

const run = (windows: Windows, callEvery: number) =>
  simulateWindow({ windows, rate: 20, callEvery, seconds: 240, seed: 7 })

test('with nonces, memory holds no more than two periods, and the store what any configuration may ask for', () => {
  const { memory, redis, attempts } = run(profileWindows('required'), 1)
  // A generation of the memory spans 10 s.
  expect(memory.most).toBeGreaterThan(110)
  expect(memory.most).toBeLessThan(2 * 60 * 1.1)
  expect(memory.mean).toBeCloseTo(90, -1)
  // 360 s, and the margin of 30 s.
  expect(redis.most).toBeCloseTo(390, -1.5)
  expect(attempts).toBeLessThan(1.01)
})

test('what the store holds ends as it came, with nonces too', () => {
  expect(run(profileWindows('required'), 1).endings).toBeLessThan(3)
  expect(run(profileWindows('off'), 1).endings).toBeLessThan(3)
})

test('a client that calls less often than nonces change asks twice', () => {
  // Good: the nonce of this period and of the one before; so what was given out 60 to 120 s ago is stale.
  const seldom = run(profileWindows('required'), 600).attempts
  expect(seldom).toBeCloseTo(1 + 10 * (Math.exp(-0.1) - Math.exp(-0.2)), 1)
  expect(run(profileWindows('off'), 600).attempts).toBe(1)
})

test('without nonces, what memory holds follows from proof_max_age, and what the store holds does not', () => {
  const windows = profileWindows('off')
  const [short, long] = [run({ ...windows, maxAge: 20 }, 1), run(windows, 1)]
  expect(long.memory.mean - short.memory.mean).toBeCloseTo(40, -1)
  expect(long.redis.mean).toBeCloseTo(short.redis.mean, -1)
})

test('two runs of one seed are one', () => {
  expect(run(profileWindows('required'), 10)).toEqual(run(profileWindows('required'), 10))
})
