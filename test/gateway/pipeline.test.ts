import { describe, expect, test } from 'vitest'
import type { Check } from '../../src/check/check.ts'
import { fail } from '../../src/failure/failure.ts'
import { authorize } from '../../src/gateway/pipeline.ts'
import { createRequest } from '../support/checked-request.ts'

const failure = fail('invalid_token', 'token_expired')
const request = createRequest()

/** Checks that note in what order they were asked. */
function createChecks(kinds: readonly ('pass' | 'refuse' | 'pass late' | 'refuse late')[]) {
  const asked: number[] = []
  const checks = kinds.map((kind, index): Check => {
    const outcome = kind.startsWith('pass') ? undefined : failure
    return (given) => {
      expect(given).toBe(request)
      asked.push(index)
      return kind.endsWith('late') ? Promise.resolve(outcome) : outcome
    }
  })
  return { checks, asked }
}

describe('authorize', () => {
  test('without a check that waits there is no promise', () => {
    const { checks, asked } = createChecks(['pass', 'pass', 'pass'])
    expect(authorize(checks, request)).toBeUndefined()
    expect(asked).toEqual([0, 1, 2])
  })

  test('what one refuses the next is not asked', () => {
    const { checks, asked } = createChecks(['pass', 'refuse', 'pass'])
    expect(authorize(checks, request)).toBe(failure)
    expect(asked).toEqual([0, 1])
  })

  test('after one that waits the others are asked, in order', async () => {
    const { checks, asked } = createChecks(['pass', 'pass late', 'pass', 'pass late', 'pass'])
    const outcome = authorize(checks, request)
    expect(outcome).toBeInstanceOf(Promise)
    expect(asked).toEqual([0, 1])
    expect(await outcome).toBeUndefined()
    expect(asked).toEqual([0, 1, 2, 3, 4])
  })

  test.each([
    ['by the one that waited', ['pass late', 'refuse late', 'pass'] as const, [0, 1]],
    ['by one after it', ['pass late', 'pass', 'refuse', 'pass'] as const, [0, 1, 2]],
  ])('a request can be refused late, %s', async (_title, kinds, order) => {
    const { checks, asked } = createChecks(kinds)
    expect(await authorize(checks, request)).toBe(failure)
    expect(asked).toEqual(order)
  })

  test('a check that throws lets nothing pass, early or late', async () => {
    const broken: Check = () => {
      throw new Error('a bug')
    }
    const { checks } = createChecks(['pass late'])
    expect(() => authorize([broken], request)).toThrow('a bug')
    await expect(authorize([...checks, broken], request)).rejects.toThrow('a bug')
    await expect(authorize([() => Promise.reject(new Error('late'))], request)).rejects.toThrow(
      'late',
    )
  })

  test('a route without checks asks nothing', () => {
    expect(authorize([], request)).toBeUndefined()
  })
})
