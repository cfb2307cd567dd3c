import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SettingKind } from '../../src/policy/field.ts'
import { isAsStrict } from '../../src/policy/narrow.ts'

const subset: SettingKind = { order: 'subset' }
const superset: SettingKind = { order: 'superset' }
const atMost: SettingKind = { order: 'at_most' }
const demand: SettingKind = { order: 'demand' }
const level: SettingKind = { order: 'level', steps: ['off', 'optional', 'required'] }
const added: SettingKind = { order: 'added' }

describe('as strict as', () => {
  test.each([
    ['fewer are accepted', subset, ['a', 'b'], ['b']],
    ['the same are accepted, in another order', subset, ['a', 'b'], ['b', 'a']],
    ['more are required', superset, ['a'], ['b', 'a']],
    ['the limit is lower', atMost, 60, 59],
    ['the limit is the same', atMost, 60, 60],
    ['a demand is turned on', demand, false, true],
    ['nothing was demanded', demand, false, false],
    ['a step up', level, 'off', 'required'],
    ['the same step', level, 'optional', 'optional'],
    ['a condition where there was none', added, undefined, { acr: 'present' }],
    ['the same condition', added, ['a'], ['a']],
    ['one condition more', added, { acr: 'present' }, { acr: 'present', amr: 'present' }],
  ])('%s', (_, kind, parent, child) => {
    expect(isAsStrict(kind, parent, child)).toBe(true)
  })
})

describe('looser than', () => {
  test.each([
    ['one more is accepted', subset, ['a'], ['a', 'b']],
    ['another is accepted', subset, ['a'], ['b']],
    ['one fewer is required', superset, ['a', 'b'], ['a']],
    ['the limit is higher', atMost, 60, 61],
    ['a demand is turned off', demand, true, false],
    ['a step down', level, 'required', 'optional'],
    ['a word that is no step', level, 'off', 'never'],
    ['a condition is changed', added, { acr: 'present' }, { acr: { equals: 'x' } }],
    ['a condition is taken away', added, { acr: 'present' }, { amr: 'present' }],
    ['a condition is dropped', added, ['a'], undefined],
    ['a list of conditions is another', added, ['a'], ['a', 'b']],
    ['a map is replaced by a list', added, { a: 'present' }, ['a']],
  ])('%s', (_, kind, parent, child) => {
    expect(isAsStrict(kind, parent, child)).toBe(false)
  })
})

describe('strictness is an order', () => {
  const words = fc.subarray(['a', 'b', 'c', 'd'])
  const values: [string, SettingKind, fc.Arbitrary<unknown>][] = [
    ['subset', subset, words],
    ['superset', superset, words],
    ['at_most', atMost, fc.integer({ min: 0, max: 5 })],
    ['demand', demand, fc.boolean()],
    ['level', level, fc.constantFrom(...(level.steps ?? []))],
    ['added', added, fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('x', 'y'))],
  ]
  test.each(values)('%s: every value is as strict as itself', (_, kind, value) => {
    fc.assert(fc.property(value, (one) => isAsStrict(kind, one, one)))
  })

  test.each(values)(
    '%s: what is as strict as the middle is as strict as the top',
    (_, kind, value) => {
      fc.assert(
        fc.property(value, value, value, (top, middle, bottom) => {
          fc.pre(isAsStrict(kind, top, middle) && isAsStrict(kind, middle, bottom))
          return isAsStrict(kind, top, bottom)
        }),
      )
    },
  )
})
