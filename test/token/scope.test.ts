import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseScope } from '../../src/token/scope.ts'

describe('parseScope', () => {
  test.each([
    ['accounts', ['accounts']],
    ['accounts payments', ['accounts', 'payments']],
    ['consent:urn:bank:1 openid', ['consent:urn:bank:1', 'openid']],
    ['Accounts accounts', ['Accounts', 'accounts']],
  ])('RFC 6749 §3.3: %s is its tokens, whole and in their case [SC-1]', (scope, tokens) => {
    expect(parseScope(scope)).toEqual(tokens)
  })

  test.each([
    ['an array', ['accounts']],
    ['a number', 5],
    ['null', null],
    ['absent', undefined],
    ['an object', { accounts: true }],
    ['empty', ''],
    ['two spaces', 'accounts  payments'],
    ['a space in front', ' accounts'],
    ['a space behind', 'accounts '],
    ['a tab between', 'accounts\tpayments'],
    ['a line feed between', 'accounts\npayments'],
    ['a line feed behind', 'accounts\n'],
    ['a no-break space between', 'accounts\u00a0payments'],
    ['an ideographic space between', 'accounts\u3000payments'],
    ['a comma and a quotation mark', 'accounts,"payments"'],
    ['a backslash', 'accounts\\payments'],
  ])('RFC 6749 §3.3: what is not of the grammar grants nothing (%s) [J33]', (_title, scope) => {
    expect(parseScope(scope)).toEqual([])
  })

  test('RFC 6749 §3.3: what is granted, put together again, is what was said', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ' ', '"', '\\', 'B', '\t', 'é') }),
        (text) => {
          const scopes = parseScope(text)
          if (scopes.length > 0) expect(scopes.join(' ')).toBe(text)
          for (const scope of scopes) expect(scope).toMatch(/^[aB]+$/)
        },
      ),
    )
  })
})
