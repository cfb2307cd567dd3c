import { describe, expect, test } from 'vitest'
import { challenges, type Protection } from '../../src/failure/challenge.ts'
import { ERRORS, type ErrorCode } from '../../src/failure/errors.ts'
import { conceal, Failure, fail } from '../../src/failure/failure.ts'

const protection: Protection = {
  realm: 'api.bank.example',
  schemes: ['Bearer', 'DPoP'],
  scope: 'accounts payments',
  acrValues: 'urn:openbanking:psd2:sca loa3',
  maxAge: 300,
  algs: 'PS256 ES256 EdDSA',
}
const errors = Object.keys(ERRORS) as ErrorCode[]
const invalidToken = fail('invalid_token', 'token_expired')

/** A challenge by its grammar: a scheme, one space, and parameters whose values are quoted-strings. */
function parseChallenge(value: string): { scheme: string; parameters: Record<string, string> } {
  const whole =
    /^([A-Za-z]+) ([a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:, [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*)$/
  const [, scheme = '', list = ''] = whole.exec(value) ?? []
  expect(scheme, value).not.toBe('')
  const pairs = [...list.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, text]) => [name, text])
  expect(new Set(pairs.map(([name]) => name)).size, 'each parameter once').toBe(pairs.length)
  return { scheme, parameters: Object.fromEntries(pairs) }
}

const parsed = (failure: Failure, presented?: string, changed: Partial<Protection> = {}) =>
  challenges(failure, { ...protection, ...changed }, presented).map(parseChallenge)

describe('challenges', () => {
  test.each(
    errors.flatMap((error) =>
      [undefined, 'Bearer', 'DPoP'].map((presented) => [error, presented] as const),
    ),
  )('RFC 6750 §3, RFC 9110 §11.6.1: the grammar holds (%s, %s) [BT-8]', (error, presented) => {
    const failure = conceal(new Failure(error, 'a_reason', undefined, 'a_reason'))
    const values = parsed(failure, presented)
    expect(values).toHaveLength(ERRORS[error].challenge === 'none' ? 0 : 2)
    for (const { scheme, parameters } of values) {
      expect(parameters['realm']).toBe(protection.realm)
      expect(parameters['algs']).toBe(scheme === 'DPoP' ? protection.algs : undefined)
    }
  })

  test('RFC 6750 §3.1: without credentials no error information is given [DPOP-7.1-2]', () => {
    expect(challenges(fail('missing_token', 'token_missing'), protection, undefined)).toEqual([
      'Bearer realm="api.bank.example"',
      'DPoP realm="api.bank.example", algs="PS256 ES256 EdDSA"',
    ])
  })

  test('RFC 6750 §3.1: a scheme that is known and not accepted is told no error either', () => {
    const values = parsed(fail('missing_token', 'scheme_not_accepted'), 'DPoP', {
      schemes: ['Bearer'],
    })
    expect(values).toEqual([{ scheme: 'Bearer', parameters: { realm: protection.realm } }])
  })

  test.each([
    ['Bearer', 'DPoP'],
    ['DPoP', 'Bearer'],
  ])(
    'RFC 9449 §7.2: the error is in the challenge of the scheme used (%s) [DPOP-7.2-3]',
    (used, other) => {
      const [first, second, ...more] = parsed(invalidToken, used)
      expect(more).toEqual([])
      expect(first).toMatchObject({ scheme: used, parameters: { error: 'invalid_token' } })
      expect(second?.scheme).toBe(other)
      expect(second?.parameters).not.toHaveProperty('error')
      expect(second?.parameters).not.toHaveProperty('error_description')
    },
  )

  test('RFC 9449 §7.2: where the scheme cannot be told, each challenge has the error', () => {
    const values = parsed(fail('invalid_request', 'authorization_several'))
    expect(values.map(({ scheme, parameters }) => [scheme, parameters['error']])).toEqual([
      ['Bearer', 'invalid_request'],
      ['DPoP', 'invalid_request'],
    ])
  })

  test('RFC 9449 §7.1: a bearer token where only DPoP succeeds is told so beside the error', () => {
    const values = parsed(fail('invalid_token', 'dpop_scheme_required'), 'Bearer', {
      schemes: ['DPoP'],
    })
    expect(values).toMatchObject([
      { scheme: 'Bearer', parameters: { error: 'invalid_token' } },
      { scheme: 'DPoP', parameters: { algs: protection.algs } },
    ])
  })

  test('RFC 9449 §9: the demand for a nonce is made in the DPoP challenge [DPOP-8-1]', () => {
    const [first] = parsed(fail('use_dpop_nonce', 'dpop_nonce_required'), 'DPoP')
    expect(first).toMatchObject({ scheme: 'DPoP', parameters: { error: 'use_dpop_nonce' } })
  })

  test('RFC 6750 §3.1: insufficient_scope says which scopes are needed [BT-9]', () => {
    const [first, second] = parsed(fail('insufficient_scope', 'scope_insufficient'), 'Bearer')
    expect(first?.parameters).toMatchObject({
      error: 'insufficient_scope',
      scope: 'accounts payments',
    })
    expect(second?.parameters).not.toHaveProperty('scope')
  })

  test('RFC 6750 §3: an empty scope is left out', () => {
    const failure = fail('insufficient_scope', 'claim_mismatch')
    expect(parsed(failure, 'Bearer', { scope: '' })[0]?.parameters).not.toHaveProperty('scope')
  })

  test.each(errors.filter((error) => error !== 'insufficient_scope'))(
    'RFC 6750 §3.1: scope is said with no other error (%s)',
    (error) => {
      for (const { parameters } of parsed(fail(error, 'a_reason'), 'Bearer')) {
        expect(parameters).not.toHaveProperty('scope')
      }
    },
  )

  test('a public route, where no scheme succeeds, challenges for none', () => {
    const failure = fail('invalid_request', 'token_in_query')
    expect(challenges(failure, { ...protection, schemes: [] }, undefined)).toEqual([])
  })

  test('RFC 9470 §3: a step-up says what would be enough, and nobody else is told [SU-1]', () => {
    const weak = fail('insufficient_user_authentication', 'acr_insufficient')
    const [own, other] = challenges(weak, protection, 'DPoP').map(parseChallenge)
    expect(own).toEqual({
      scheme: 'DPoP',
      parameters: {
        realm: 'api.bank.example',
        error: 'insufficient_user_authentication',
        error_description: 'acr_insufficient',
        acr_values: 'urn:openbanking:psd2:sca loa3',
        max_age: '300',
        algs: 'PS256 ES256 EdDSA',
      },
    })
    expect(other?.parameters).toEqual({ realm: 'api.bank.example' })
    expect(challenges(invalidToken, protection, 'Bearer')[0]).not.toContain('acr_values')
    const nothing = { ...protection, acrValues: '', maxAge: undefined }
    expect(challenges(weak, nothing, 'Bearer')[0]).not.toMatch(/acr_values|max_age/)
  })
})
