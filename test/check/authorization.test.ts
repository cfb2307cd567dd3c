import { describe, expect, test } from 'vitest'
import { authorization } from '../../src/check/authorization.ts'
import { createCheckedRoute, createRequest } from '../support/checked-request.ts'
import { AUDIENCE, NOW } from '../support/issuer.ts'

const NOTHING = { scopes: [], user_required: false }
type Policy = Parameters<typeof authorization.compile>[0]

const CONSENT = { type: 'account_information', actions: ['read'], accounts: ['22289'] }

function ask(policy: Partial<Policy>, scopes: readonly string[] = ['accounts', 'payments']) {
  const request = createRequest()
  request.token = {
    expiresAt: NOW + 300,
    subject: 'alice',
    clientId: 'app',
    audiences: [AUDIENCE],
    scopes,
    confirmation: undefined,
    claims: { acr: 'loa3', authorization_details: [CONSENT] },
    algorithm: 'ES256',
  }
  return authorization.compile({ ...NOTHING, ...policy }, createCheckedRoute())!(request)
}

describe('authorization', () => {
  test.each([
    ['nothing is asked', {}],
    ['one scope', { scopes: ['accounts'] }],
    ['all of several scopes', { scopes: ['payments', 'accounts'] }],
    ['one of several', { any_scope: ['admin', 'payments'] }],
    ['a claim', { claims: { acr: { one_of: ['loa2', 'loa3'] } } }],
    ['a consent', { authorization_details: { type: 'account_information', actions: ['read'] } }],
    ['a user', { user_required: true }],
  ] as [string, Partial<Policy>][])(
    'FAPI 2.0 SP §5.3.4-4: the token suffices where %s is wanted',
    (_title, policy) => {
      expect(ask(policy)).toBeUndefined()
    },
  )

  test.each([
    ['one that it has not', ['admin']],
    ['one of two that it has not', ['accounts', 'admin']],
    ['one that it has in another case', ['Accounts']],
    ['one that one of its own begins with', ['account']],
    ['one that begins with one of its own', ['accounts:read']],
  ])('RFC 6750 §3.1, RFC 6749 §3.3: of all scopes, %s [SC-1]', (_title, scopes) => {
    expect(ask({ scopes })).toMatchObject({
      error: 'insufficient_scope',
      reason: 'scope_insufficient',
    })
  })

  test('RFC 6750 §3.1: a token without scopes has none of them [J33]', () => {
    expect(ask({ scopes: ['accounts'] }, [])).toMatchObject({ reason: 'scope_insufficient' })
    expect(ask({ any_scope: ['accounts'] }, [])).toMatchObject({ reason: 'scope_none_of' })
  })

  test('RFC 6750 §3.1: of any of several scopes, none', () => {
    expect(ask({ any_scope: ['admin', 'Accounts'] })).toMatchObject({
      error: 'insufficient_scope',
      reason: 'scope_none_of',
    })
  })

  test('RFC 6750 §3.1: both kinds are asked for where both are wanted', () => {
    const policy = { scopes: ['accounts'], any_scope: ['admin'] }
    expect(ask(policy)).toMatchObject({ reason: 'scope_none_of' })
  })

  test.each([
    ['acr', { equals: 'loa4' }],
    ['amr', 'present'],
    ['constructor', 'present'],
  ] as const)('RFC 6750 §3.1: the claim %s is not %j', (name, rule) => {
    expect(ask({ claims: { [name]: rule } })).toMatchObject({
      error: 'insufficient_scope',
      reason: 'claim_mismatch',
      detail: { claim: name },
    })
  })

  test.each(['a b', 'a"b', 'a\\b', 'a\r\nb', 'é', ''])(
    'RFC 6749 §3.3: %j is no scope that a route could want',
    (scope) => {
      expect(authorization.policy.safeParse({ ...NOTHING, scopes: [scope] }).success).toBe(false)
      expect(authorization.policy.safeParse({ ...NOTHING, any_scope: [scope] }).success).toBe(false)
      expect(
        authorization.policy.safeParse({ ...NOTHING, scopes: ['accounts:read'] }).success,
      ).toBe(true)
    },
  )

  test('RFC 9396 §9: a consent of another type, or to less, is not enough [RAR-2, RAR-3]', () => {
    for (const rule of [
      { type: 'payment_initiation' },
      { type: 'account_information', actions: ['read', 'write'] },
      { type: 'account_information', members: { accounts: { path_segment: 1 } } },
    ]) {
      expect(ask({ authorization_details: rule })).toMatchObject({
        error: 'insufficient_scope',
        reason: 'authorization_details_insufficient',
      })
    }
  })

  test('FAPI 2.0 SP §6.7, F2-SEC-2, ATK-7: a token of the client alone is refused where a user is wanted', () => {
    const request = createRequest()
    request.token = {
      expiresAt: NOW + 300,
      subject: 'app',
      clientId: 'app',
      audiences: [AUDIENCE],
      scopes: [],
      confirmation: undefined,
      claims: {},
      algorithm: 'ES256',
    }
    const check = authorization.compile({ ...NOTHING, user_required: true }, createCheckedRoute())
    expect(check?.(request)).toMatchObject({ error: 'insufficient_scope', reason: 'user_missing' })
  })

  test('on a public route there is no check', () => {
    const route = createCheckedRoute({ isPublic: true })
    expect(authorization.compile({ ...NOTHING, scopes: ['accounts'] }, route)).toBeUndefined()
  })
})
