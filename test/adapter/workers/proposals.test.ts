import { beforeEach, expect, test } from 'vitest'
import { Proposals } from '../../../src/adapter/workers/proposals.ts'

let log: string[]
let proposals: Proposals

beforeEach(() => {
  log = []
  proposals = new Proposals()
})

const preparing = (name: string) => ({
  commit: () => void log.push(`${name} in force`),
  abandon: async () => void log.push(`${name} abandoned`),
})

test('what was prepared is put in force, once', async () => {
  expect(await proposals.prepare(1, async () => preparing('one'))).toBeUndefined()
  proposals.commit(1)
  expect(() => proposals.commit(1)).toThrow('another configuration')
  expect(log).toEqual(['one in force'])
})

test('what cannot be prepared cannot be put in force', async () => {
  expect(await proposals.prepare(1, async () => 'limits changed')).toBe('limits changed')
  expect(() => proposals.commit(1)).toThrow()
})

test('what was abandoned is not put in force', async () => {
  await proposals.prepare(1, async () => preparing('one'))
  await proposals.abandon()
  expect(() => proposals.commit(1)).toThrow()
  expect(log).toEqual(['one abandoned'])
})

test('what is ready after it was given up is abandoned then, and never taken for what came after', async () => {
  const slow = Promise.withResolvers<void>()
  const late = proposals.prepare(1, async () => {
    await slow.promise
    return preparing('one')
  })
  await proposals.abandon()
  expect(await proposals.prepare(2, async () => preparing('two'))).toBeUndefined()
  slow.resolve()
  expect(await late).toContain('another configuration')
  proposals.commit(2)
  expect(log).toEqual(['one abandoned', 'two in force'])
})
