import { expect, test } from 'vitest'
import { CHECKS } from '../../src/check/index.ts'
import { readReasons, renderReason } from '../../src/config/reason.ts'
import { REASONS } from '../../src/config/reason-catalogue.ts'

const written = Object.values(REASONS).flatMap((meanings) => Object.entries<string>(meanings))

test('every reason of the source has a meaning, and every meaning a reason [OPS-2]', () => {
  const reasons = readReasons().map(({ reason }) => reason)
  expect(written.map(([reason]) => reason).sort()).toEqual(reasons.sort())
})

test.each(written)('%s is explained in one sentence', (_, meaning) => {
  expect(meaning).toMatch(/^[A-Z].{15,}\.$/)
})

test('every check that refuses is there, in the order of the checks', () => {
  const names = CHECKS.map(({ name }) => name as string)
  const askers = Object.keys(REASONS).filter((asker) => names.includes(asker))
  expect(askers).toEqual(names)
  expect(Object.keys(REASONS).filter((asker) => !names.includes(asker))).toEqual([
    'message',
    'routing',
    'gateway',
  ])
})

test('what is no reason is not explained', () => {
  const reasons = readReasons()
  expect(renderReason('constructor', reasons)).toBeUndefined()
  expect(renderReason('invalid_token', reasons)).toBeUndefined()
})
