import { describe, expect, test } from 'vitest'
import { compilePattern } from '../../src/policy/pattern.ts'

test.each([
  ['PSDGB-FCA-1', 'PSDGB-FCA-1', true],
  ['PSDGB-FCA-1', 'PSDGB-FCA-12', false],
  ['PSDGB-FCA-1', 'psdgb-fca-1', false],
  ['PSDGB-*', 'PSDGB-FCA-1', true],
  ['PSDGB-*', 'PSDGB-', true],
  ['PSDGB-*', 'XPSDGB-FCA', false],
  ['*.bank.example', 'a.bank.example', true],
  ['*.bank.example', 'a.bank.example.evil', false],
  ['a*b*c', 'a--b--c', true],
  ['a*b*c', 'abc', true],
  ['a*b*c', 'acb', false],
  ['a*bc*c', 'abc', false],
  ['ab*ba', 'aba', false],
  ['*', '', true],
  ['**', 'x', true],
  ['a.c', 'abc', false],
  ['[a]', 'a', false],
])('%s on %s: %s', (pattern, text, expected) => {
  expect(compilePattern(pattern)(text)).toBe(expected)
})

describe('a pattern made to be slow', () => {
  test('is not', () => {
    const fits = compilePattern(`${'*a'.repeat(2000)}*b`)
    // A backtracking matcher would not be done in the lifetime of this universe.
    expect(fits('a'.repeat(30_000))).toBe(false)
  })
})
