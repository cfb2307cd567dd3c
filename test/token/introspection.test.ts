import { describe, expect, test } from 'vitest'
import { parseIntrospection } from '../../src/token/introspection.ts'
import type { TokenExpectation } from '../../src/token/issuer.ts'
import { AUDIENCE, NOW, THUMBPRINT } from '../support/issuer.ts'

const expected: TokenExpectation = {
  issuer: 'https://as.example',
  audiences: [AUDIENCE],
  algorithms: ['ES256'],
  clockSkew: 10,
  typeRequired: true,
  maxLifetime: undefined,
}
const honest = {
  active: true,
  iss: 'https://as.example',
  aud: AUDIENCE,
  exp: NOW + 300,
  scope: 'accounts',
}

const read = (changed: object) => parseIntrospection({ ...honest, ...changed }, expected, NOW)

describe('parseIntrospection', () => {
  test('RFC 7662 §2.2: an active token is what the response says, and was not signed', () => {
    expect(read({})).toMatchObject({
      expiresAt: NOW + 300,
      scopes: ['accounts'],
      confirmation: undefined,
      algorithm: undefined,
    })
  })

  test.each(['access_token', 'access'])('RFC 7662 §2.2: a token used as %s is one', (use) => {
    expect(read({ token_use: use })).toMatchObject({ scopes: ['accounts'] })
  })

  test('RFC 7662 §2.2: a token that is not active is refused', () => {
    expect(read({ active: false })).toMatchObject({
      error: 'invalid_token',
      reason: 'token_inactive',
    })
  })

  test('RFC 7662 §2.2: whatever else is said of it', () => {
    expect(parseIntrospection({ active: false }, expected, NOW)).toMatchObject({
      reason: 'token_inactive',
    })
  })

  test.each([
    ['the word true', 'true'],
    ['1', 1],
    ['an object', {}],
    ['an array', [true]],
    ['null', null],
    ['absent', undefined],
  ])(
    'RFC 7662 §2.2, I10: active that is %s is no answer, and not the fault of the token',
    (_title, active) => {
      expect(read({ active })).toMatchObject({
        error: 'temporarily_unavailable',
        reason: 'introspection_response_invalid',
      })
    },
  )

  test.each([
    ['iss', { iss: 'https://other.example' }, 'token_issuer_mismatch'],
    ['no aud', { aud: undefined }, 'token_audience_malformed'],
    ['aud', { aud: 'https://other.example' }, 'token_audience_mismatch'],
    ['exp', { exp: NOW - 10 }, 'token_expired'],
    ['nbf', { nbf: NOW + 11 }, 'token_not_yet_valid'],
    ['iat', { iat: NOW + 11 }, 'token_from_the_future'],
    ['cnf', { cnf: {} }, 'cnf_empty'],
    ['token_use', { token_use: 'refresh_token' }, 'token_use_not_access'],
  ])('RFC 7662 §4, I11: an active token is judged as a JWT is (%s)', (_title, changed, reason) => {
    expect(read(changed)).toMatchObject({ error: 'invalid_token', reason })
  })

  test('RFC 8705 §3.2: the certificate that a token is bound to is said in cnf [HOLE-9]', () => {
    expect(read({ cnf: { 'x5t#S256': THUMBPRINT }, token_type: 'Bearer' })).toMatchObject({
      confirmation: { certificateThumbprint: THUMBPRINT, keyThumbprint: undefined },
    })
  })

  test.each([['DPoP'], ['dpop'], [undefined]])(
    'Kong 3.14.0.2, RFC 9449 §6.2: so is the key; token_type is %s [PF-27]',
    (type) => {
      expect(read({ cnf: { jkt: THUMBPRINT }, token_type: type })).toMatchObject({
        confirmation: { keyThumbprint: THUMBPRINT, certificateThumbprint: undefined },
      })
    },
  )

  test.each([
    ['Bearer for a bound token', { token_type: 'Bearer', cnf: { jkt: THUMBPRINT } }],
    ['DPoP for a bearer token', { token_type: 'DPoP' }],
    ['DPoP for a token of a certificate', { token_type: 'DPoP', cnf: { 'x5t#S256': THUMBPRINT } }],
  ])('RFC 9449 §6.2: a token_type that does not agree is refused (%s)', (_title, changed) => {
    expect(read(changed)).toMatchObject({ error: 'invalid_token', reason: 'token_type_mismatch' })
  })
})
