import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CheckedRoute } from '../../src/check/check.ts'
import { credentials } from '../../src/check/credentials.ts'
import { createCheckedRoute, createRequest, sha256 } from '../support/checked-request.ts'

function ask(value: string | undefined, route: Partial<CheckedRoute> = {}) {
  const request = createRequest({
    rawFields: value === undefined ? [] : ['Authorization', value],
  })
  return { request, outcome: credentials.compile({}, createCheckedRoute(route))!(request) }
}

describe('credentials', () => {
  test.each([
    ['Bearer abc', 'Bearer'],
    ['dPoP abc', 'DPoP'],
  ])('RFC 6750 §2.1, RFC 9449 §7.1: %s is taken, with its digest', (value, scheme) => {
    const { request, outcome } = ask(value)
    expect(outcome).toBeUndefined()
    expect(request).toMatchObject({ scheme, credentials: 'abc', credentialsDigest: sha256('abc') })
  })

  test('RFC 9449 §4.3 (12): the digest is that of the token as sent, whole [J46, DPOP-4.3-12a]', () => {
    const [one, other] = [ask(`Bearer ${'a'.repeat(500)}b`), ask(`Bearer ${'a'.repeat(500)}c`)]
    expect(one.request.credentialsDigest).not.toBe(other.request.credentialsDigest)
  })

  test('two tokens have one digest, by which they are remembered, only if they are one [J46, INT-4]', () => {
    const token = fc.string({
      unit: fc.constantFrom(...'aA0-._~+/'),
      minLength: 1,
      maxLength: 40,
    })
    const near = fc.tuple(token, fc.constantFrom('', '=', '==', 'a')).map((parts) => parts.join(''))
    fc.assert(
      fc.property(near, near, (one, other) => {
        const digest = (text: string) => ask(`Bearer ${text}`).request.credentialsDigest
        expect(digest(one)).toBeDefined()
        expect(digest(one) === digest(other)).toBe(one === other)
      }),
    )
  })

  test('RFC 9449 §7.2: a bearer token is none where only DPoP is accepted', () => {
    const { request, outcome } = ask('Bearer abc', { schemes: ['DPoP'] })
    expect(outcome).toMatchObject({ error: 'invalid_token', reason: 'dpop_scheme_required' })
    // The challenge is in the scheme that the client used, so that much is known of it.
    expect(request.scheme).toBe('Bearer')
    expect(request.credentials).toBeUndefined()
  })

  test('RFC 6750 §3.1: DPoP where it is not accepted is a scheme like any other [DPOP-7.1-1]', () => {
    expect(ask('DPoP abc', { schemes: ['Bearer'] }).outcome).toMatchObject({
      error: 'missing_token',
      reason: 'scheme_not_accepted',
    })
  })

  test.each([
    ['RFC 6750 §3.1: nothing', undefined, 'missing_token', 'token_missing'],
    ['RFC 6750 §3.1: another scheme', 'Basic abc', 'missing_token', 'scheme_unknown'],
    ['RFC 6750 §2.1: no b64token', 'Bearer a b', 'invalid_request', 'credentials_malformed'],
    ['a token over the limit', 'Bearer abcd', 'invalid_request', 'token_too_long'],
  ])('%s is refused, and nothing is established', (_title, value, error, reason) => {
    const { request, outcome } = ask(value, { maxToken: 3 })
    expect(outcome).toMatchObject({ error, reason })
    expect(request).toMatchObject({ scheme: undefined, credentials: undefined })
  })

  test('on a public route no token is asked for', () => {
    expect(credentials.compile({}, createCheckedRoute({ isPublic: true }))).toBeUndefined()
  })
})
