import { describe, expect, test } from 'vitest'
import { isAuthenticatedAs, isAuthenticatedSince } from '../../src/token/authentication.ts'

describe('authentication of the user', () => {
  test('RFC 9470 §6.1: acr is one of the values that will do [SU-3]', () => {
    expect(isAuthenticatedAs({ acr: 'loa3' }, ['loa2', 'loa3'])).toBe(true)
  })

  test.each([
    ['another', 'loa1'],
    ['in another case', 'LOA3'],
    ['several in one', 'loa2 loa3'],
    ['a list', ['loa3']],
    ['a number', 3],
    ['null', null],
    ['absent', undefined],
  ])('RFC 9470 §3: acr that is %s counts as not met [SU-1]', (_title, acr) => {
    expect(isAuthenticatedAs({ acr }, ['loa2', 'loa3'])).toBe(false)
  })

  test.each([
    ['at the time', 1000, true],
    ['after it', 1001, true],
    ['a second before it', 999, false],
    ['a string', '1001', false],
    ['infinite', Number.POSITIVE_INFINITY, false],
    ['null', null, false],
    ['absent', undefined, false],
  ])('RFC 9470 §6.1: auth_time %s [SU-1, SU-3]', (_title, auth_time, enough) => {
    expect(isAuthenticatedSince({ auth_time }, 1000)).toBe(enough)
  })
})
