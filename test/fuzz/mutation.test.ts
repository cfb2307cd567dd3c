import { expect, test } from 'vitest'
import { damaged, planRequest } from './mutation.ts'
import { createRandom } from './random.ts'
import { readSeedRequests } from './seed-request.ts'

const seeds = readSeedRequests(undefined)
const plans = (seed: number, count = 500) =>
  Array.from({ length: count }, (_, index) => planRequest(seed, index, seeds))

test('the same seed gives the same requests', () => {
  expect(plans(7)).toEqual(plans(7))
})

test('a request can be had without those before it', () => {
  expect(planRequest(7, 321, seeds)).toEqual(plans(7)[321])
})

test('another seed gives other requests', () => {
  const texts = new Set(plans(7).map(({ template }) => template))
  const others = plans(8).filter(({ template }) => !texts.has(template))
  expect(others.length).toBeGreaterThan(200)
})

test('some requests are honest, some are in pieces, some are damaged, and all holders are among them', () => {
  const made = plans(7)
  expect(made.filter(({ honest }) => honest !== undefined).length).toBeGreaterThan(10)
  expect(made.filter(({ pieces }) => pieces.length > 0).length).toBeGreaterThan(10)
  expect(made.filter(({ damage }) => damage.length > 0).length).toBeGreaterThan(10)
  expect(new Set(made.map(({ holder }) => holder)).size).toBe(8)
})

test('what counts as honest is a seed as it is', () => {
  const honest = plans(7).filter((plan) => plan.honest !== undefined)
  expect(honest.map(({ template }) => seeds.find(({ text }) => text === template)?.honest)).toEqual(
    honest.map((plan) => plan.honest),
  )
})

test('damage changes one byte, and stays within', () => {
  expect(damaged(Buffer.from('abcd'), [[0.5, 0x21]]).toString()).toBe('ab!d')
  expect(damaged(Buffer.from('abcd'), [[0.999999, 0x21]]).toString()).toBe('abc!')
  expect(damaged(Buffer.alloc(0), [[0.5, 0x21]]).length).toBe(0)
})

test('the numbers are spread over their range', () => {
  const random = createRandom(1, 2)
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 4000; i++) counts[random.below(4)]! += 1
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
})
