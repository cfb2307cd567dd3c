import { describe, expect, test } from 'vitest'
import { authentication } from '../../src/check/authentication.ts'
import { createCheckedRoute, createRequest } from '../support/checked-request.ts'
import { AUDIENCE, NOW } from '../support/issuer.ts'

type Policy = Parameters<typeof authentication.compile>[0]

function ask(policy: Policy, claims: object) {
  const request = createRequest()
  request.token = {
    expiresAt: NOW + 300,
    subject: 'alice',
    clientId: 'app',
    audiences: [AUDIENCE],
    scopes: [],
    confirmation: undefined,
    claims: { ...claims },
    algorithm: 'ES256',
  }
  return authentication.compile(policy, createCheckedRoute())?.(request)
}

describe('authentication', () => {
  const policy = { acr_values: ['loa3'], max_age: 300 }

  test('RFC 9470 §3: a user authenticated so, and so recently, is enough', () => {
    expect(ask(policy, { acr: 'loa3', auth_time: NOW - 300 })).toBeUndefined()
  })

  test.each([
    ['acr', { acr: 'loa2', auth_time: NOW }, 'acr_insufficient'],
    ['no acr', { auth_time: NOW }, 'acr_insufficient'],
    ['auth_time', { acr: 'loa3', auth_time: NOW - 301 }, 'auth_too_old'],
    ['no auth_time', { acr: 'loa3' }, 'auth_too_old'],
  ])('RFC 9470 §3: %s falls short [SU-1]', (_title, claims, reason) => {
    expect(ask(policy, claims)).toMatchObject({ error: 'insufficient_user_authentication', reason })
  })

  test('where nothing is asked, or the route is public, there is no check', () => {
    expect(authentication.compile({}, createCheckedRoute())).toBeUndefined()
    expect(authentication.compile(policy, createCheckedRoute({ isPublic: true }))).toBeUndefined()
  })

  test('RFC 9470 §3: a value that a challenge could not carry is refused in the configuration', () => {
    for (const acr of ['', 'a b', 'a"b', 'a\\b', 'é']) {
      expect(authentication.policy.safeParse({ acr_values: [acr] }).success).toBe(false)
    }
    const known = { acr_values: ['urn:openbanking:psd2:sca'], max_age: '5m' }
    expect(authentication.policy.parse(known)).toEqual({ ...known, max_age: 300 })
  })
})
