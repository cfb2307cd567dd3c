import { expect, test } from 'vitest'
import { Random } from './random.ts'

const many = (seed: number, draw: (random: Random) => number) => {
  const random = new Random(seed)
  return Array.from({ length: 20_000 }, () => draw(random))
}
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length

test('one seed gives one row of numbers, and another another', () => {
  expect(many(1, (random) => random.next())).toEqual(many(1, (random) => random.next()))
  expect(many(1, (random) => random.next())).not.toEqual(many(2, (random) => random.next()))
})

test('numbers lie evenly between 0 and 1', () => {
  const values = many(3, (random) => random.next())
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...values)).toBeLessThan(1)
  for (const tenth of Array.from({ length: 10 }, (_, i) => i / 10)) {
    const part = values.filter((one) => one >= tenth && one < tenth + 0.1).length / values.length
    expect(part).toBeCloseTo(0.1, 1)
  }
})

test('waits have the mean that is asked for, and no memory', () => {
  const waits = many(4, (random) => random.exponential(5))
  expect(mean(waits)).toBeCloseTo(5, 0)
  const longer = waits.filter((one) => one > 5).map((one) => one - 5)
  expect(mean(longer)).toBeCloseTo(5, 0)
})
