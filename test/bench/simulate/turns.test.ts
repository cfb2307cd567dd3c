import { expect, test } from 'vitest'
import { busiestShard, simulateTurns } from './turns.ts'

const run = (load: number) => simulateTurns({ load, shards: [1, 16], proofs: 10_000, seed: 7 })

test('an idle process asks about proofs one by one: two commands each', () => {
  const { proofsPerTurn, commandsPerProof } = run(0.01)
  expect(proofsPerTurn).toBeCloseTo(1, 1)
  expect(commandsPerProof.get(1)).toBeCloseTo(2, 1)
})

test('a busy one asks about several at once, with one command more for all of them', () => {
  const { proofsPerTurn, commandsPerProof } = run(0.9)
  expect(proofsPerTurn).toBeGreaterThan(2)
  expect(commandsPerProof.get(1)).toBeCloseTo(1 + 1 / proofsPerTurn, 5)
})

test('where there are many servers, hardly anything is saved', () => {
  expect(run(0.9).commandsPerProof.get(16)).toBeGreaterThan(1.8)
})

test('keys are spread evenly over the servers', () => {
  expect(busiestShard(1, 1000)).toBe(1)
  expect(busiestShard(4, 20_000)).toBeLessThan(1.05)
  expect(busiestShard(4, 20_000)).toBeGreaterThan(1)
})
