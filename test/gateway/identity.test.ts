import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  appendIdentity,
  bindingOf,
  fieldValue,
  identityFieldNames,
} from '../../src/gateway/identity.ts'
import type { AccessToken } from '../../src/token/access-token.ts'
import { createRequest } from '../support/checked-request.ts'
import { FORWARD } from '../support/exchange.ts'
import { createIssuer, NOW, OTHER_THUMBPRINT, THUMBPRINT } from '../support/issuer.ts'

const { issuer } = createIssuer('as')
const token: AccessToken = {
  expiresAt: NOW + 300,
  subject: 'alice',
  clientId: 'app',
  audiences: [],
  scopes: ['accounts', 'payments'],
  confirmation: { keyThumbprint: THUMBPRINT, certificateThumbprint: undefined },
  claims: {},
  algorithm: 'ES256',
}

function told(changed: Partial<AccessToken> = {}, forward: Partial<typeof FORWARD> = {}) {
  const request = createRequest()
  request.issuer = issuer
  request.token = { ...token, ...changed }
  const headers: string[] = []
  appendIdentity(headers, { ...FORWARD, ...forward }, request)
  return headers
}

describe('appendIdentity', () => {
  test('FAPI 1.0 Baseline §6.2.1-6: the upstream is told what was verified', () => {
    expect(told()).toEqual([
      ...['X-Client-Id', 'app'],
      ...['X-Subject', 'alice'],
      ...['X-Scope', 'accounts payments'],
      ...['X-Issuer', issuer.issuer],
      ...['X-Binding', 'dpop'],
      ...['X-Thumbprint', THUMBPRINT],
    ])
  })

  test('CVE-2026-44087: what the token does not have leaves no field', () => {
    const bare = { subject: undefined, clientId: undefined, scopes: [], confirmation: undefined }
    expect(told(bare)).toEqual(['X-Issuer', issuer.issuer, 'X-Binding', 'none'])
  })

  test('what a route does not name is not told', () => {
    const nothing = Object.fromEntries(Object.keys(FORWARD).map((name) => [name, undefined]))
    expect(told({}, nothing)).toEqual([])
  })

  test('RFC 9110 §5.5: what a token says cannot end its field line, or begin another', () => {
    expect(told({ subject: 'a\r\nX-Client-Id: admin', clientId: '\u20ac\0' })).toEqual(
      expect.arrayContaining([
        ...['X-Subject', 'a%0D%0AX-Client-Id: admin'],
        ...['X-Client-Id', '%E2%82%AC%00'],
      ]),
    )
  })
})

describe('identityFieldNames', () => {
  test('RFC 9700 §4.13, H20: every name that the gateway uses is one that no client may', () => {
    const used = told().filter((_, index) => index % 2 === 0)
    expect(identityFieldNames(FORWARD)).toEqual(used.map((name) => name.toLowerCase()))
    expect(identityFieldNames({ ...FORWARD, subject: undefined })).not.toContain('x-subject')
  })
})

describe('bindingOf', () => {
  test.each([
    ['none', undefined],
    ['mtls', { certificateThumbprint: THUMBPRINT, keyThumbprint: undefined }],
    ['dpop', { certificateThumbprint: undefined, keyThumbprint: THUMBPRINT }],
    ['mtls+dpop', { certificateThumbprint: OTHER_THUMBPRINT, keyThumbprint: THUMBPRINT }],
  ])('RFC 7800 §3.1: %s', (binding, confirmation) => {
    expect(bindingOf({ ...token, confirmation })).toBe(binding)
  })
})

describe('fieldValue', () => {
  test.each([
    ['alice', 'alice'],
    ['a b', 'a b'],
    ['100%', '100%25'],
    ['%41', '%2541'],
    [' a ', '%20a%20'],
    ['  ', '%20%20'],
    [' ', '%20'],
    ['a\tb', 'a%09b'],
    ['a\nb', 'a%0Ab'],
    ['\x7f', '%7F'],
    ['é', '%C3%A9'],
    ['💶', '%F0%9F%92%B6'],
  ])('RFC 9110 §5.5: %j is written %j', (text, value) => {
    expect(fieldValue(text)).toBe(value)
  })

  test('RFC 9110 §5.5: every value is a field value that is trimmed by nobody, and read back', () => {
    const unit = fc.constantFrom(
      'a',
      ' ',
      '%',
      '4',
      '1',
      '\t',
      '\r',
      '\n',
      'é',
      '💶',
      '\x7f',
      '\u2028',
    )
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit }), fc.string({ unit: 'binary' })), (text) => {
        fc.pre(text.isWellFormed())
        const value = fieldValue(text)
        expect(value).toMatch(/^[\x20-\x7e]*$/)
        expect(value.trim()).toBe(value)
        // So no two texts have one value.
        expect(decodeURIComponent(value)).toBe(text)
      }),
      { numRuns: 500 },
    )
  })
})
