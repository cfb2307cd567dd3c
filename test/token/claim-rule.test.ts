import { describe, expect, test } from 'vitest'
import { parseJsonObject } from '../../src/encoding/json.ts'
import { type ClaimRule, satisfiesClaimRule } from '../../src/token/claim-rule.ts'

const claims = {
  acr: 'loa3',
  roles: ['reader', 'payer'],
  level: 3,
  verified: false,
  nothing: null,
  nought: 0,
  blank: '',
  none: [],
  nested: { acr: 'loa3' },
}

describe('satisfiesClaimRule', () => {
  test.each([
    ['acr', 'present'],
    ['verified', 'present'],
    ['nought', 'present'],
    ['blank', 'present'],
    ['acr', { equals: 'loa3' }],
    ['level', { equals: 3 }],
    ['verified', { equals: false }],
    ['roles', { equals: 'payer' }],
    ['acr', { one_of: ['loa2', 'loa3'] }],
    ['roles', { one_of: ['admin', 'reader'] }],
  ] as [string, ClaimRule][])('RFC 7519 §4: %s is %j', (name, rule) => {
    expect(satisfiesClaimRule(claims, name, rule)).toBe(true)
  })

  test.each([
    ['absent', 'present'],
    ['nothing', 'present'],
    ['absent', { one_of: ['undefined'] }],
    ['acr', { equals: 'LOA3' }],
    ['acr', { equals: 'loa' }],
    ['level', { equals: '3' }],
    ['verified', { equals: true }],
    ['nought', { equals: false }],
    ['roles', { equals: 'pay' }],
    ['roles', { one_of: ['admin'] }],
    ['none', { one_of: ['admin'] }],
    ['nested', { equals: 'loa3' }],
  ] as [string, ClaimRule][])('RFC 7519 §4: %s is not %j', (name, rule) => {
    expect(satisfiesClaimRule(claims, name, rule)).toBe(false)
  })

  test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'RFC 7519 §4: %s is no claim because every object has one [J35]',
    (name) => {
      expect(satisfiesClaimRule({ acr: 'a' }, name, 'present')).toBe(false)
    },
  )

  test('RFC 7519 §4: a claim of that name is one if it was said [J35]', () => {
    const said = parseJsonObject('{"__proto__":"a"}')!
    expect(satisfiesClaimRule(said, '__proto__', { equals: 'a' })).toBe(true)
  })
})
