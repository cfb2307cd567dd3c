import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  added,
  allOf,
  anyOf,
  atMost,
  demand,
  duration,
  level,
  settingKind,
  size,
} from '../../src/policy/field.ts'

describe('a duration always has a unit', () => {
  test.each([
    ['500ms', 0.5],
    ['0s', 0],
    ['10s', 10],
    ['5m', 300],
    ['24h', 86_400],
    ['2d', 172_800],
  ])('%s is %d seconds', (text, seconds) => {
    expect(duration().parse(text)).toBe(seconds)
  })

  test.each([['10'], [10], ['10 s'], ['-1s'], ['1.5s'], ['1S'], ['1m30s'], [''], ['10000000000s']])(
    '%j is none',
    (text) => {
      expect(duration().safeParse(text).success).toBe(false)
    },
  )
})

describe('a size always has a unit', () => {
  test.each([
    ['512B', 512],
    ['16KiB', 16_384],
    ['1MiB', 1_048_576],
    ['1GiB', 1_073_741_824],
  ])('%s is %d bytes', (text, bytes) => {
    expect(size().parse(text)).toBe(bytes)
  })

  test.each([['16'], [16], ['16KB'], ['16kib'], ['1.5MiB'], ['-1B']])('%j is none', (text) => {
    expect(size().safeParse(text).success).toBe(false)
  })
})

describe('a setting knows which way it may be changed, and where narrowing starts', () => {
  test.each([
    ['any of', anyOf(['a', 'b']), { order: 'subset', loosest: ['a', 'b'] }],
    ['all of', allOf(z.string()), { order: 'superset', loosest: [] }],
    ['at most', atMost(60), { order: 'at_most', loosest: 60 }],
    ['a demand', demand(), { order: 'demand', loosest: false }],
    ['a level', level(['off', 'on']), { order: 'level', loosest: 'off', steps: ['off', 'on'] }],
    ['added', added(z.string()), { order: 'added' }],
  ])('%s', (_, schema, kind) => {
    expect(settingKind(schema)).toEqual(kind)
    expect(settingKind(schema.describe('Words do not change it.'))).toMatchObject(kind)
  })

  test('a schema without a kind is a mistake of ours', () => {
    expect(() => settingKind(z.string())).toThrow('without a kind')
  })

  test('what a setting accepts ends where the gateway could not obey', () => {
    expect(atMost(60).safeParse('61s').error?.issues[0]?.message).toBe('at most 60s')
    expect(atMost(60).parse('1m')).toBe(60)
    expect(anyOf(['a']).safeParse([]).success).toBe(false)
    expect(anyOf(['a']).safeParse(['b']).success).toBe(false)
    expect(level(['off', 'on']).safeParse(true).success).toBe(false)
    expect(added(z.string()).parse(undefined)).toBeUndefined()
  })
})
