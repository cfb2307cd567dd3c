import fc from 'fast-check'
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

  test('RFC 7662 §2.2: a token that is not active is refused [INT-2]', () => {
    expect(read({ active: false })).toMatchObject({
      error: 'invalid_token',
      reason: 'token_inactive',
    })
  })

  test('RFC 7662 §2.2, §4: an accepted token is active, for us, of its issuer, in its time, and bound as it says [INT-2, INT-5, I10, I11]', () => {
    const or = <T>(honest: T, ...odd: unknown[]) =>
      fc.oneof(
        { weight: 10, arbitrary: fc.constant<unknown>(honest) },
        { weight: 3, arbitrary: fc.constantFrom<unknown>(undefined, null, ...odd) },
        { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
      )
    const times = [NOW - 11, NOW - 10, NOW - 9, NOW + 10, NOW + 11, '5', 1.5, 1e308, -1, 0]
    const response = fc.record({
      active: or(true, false, 'true', 1, [true]),
      iss: or('https://as.example', 'https://as.example/', ['https://as.example']),
      aud: or(AUDIENCE, [AUDIENCE], [], [AUDIENCE, 5], [[AUDIENCE]], 'x', ''),
      exp: or(NOW + 300, ...times),
      nbf: or(NOW, ...times),
      iat: or(NOW, ...times),
      token_type: or(undefined, 'Bearer', 'DPoP', 'dpop'),
      cnf: or(undefined, {}, { jkt: THUMBPRINT }, { jkt: 'x' }, { 'x5t#S256': THUMBPRINT }, []),
      scope: or('accounts', ['accounts'], ''),
      token_use: or(undefined, 'access_token', 'refresh_token'),
    })
    const count = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(response, (said) => {
        const text = JSON.stringify(said)
        const claims = JSON.parse(text)
        const token = parseIntrospection(claims, expected, NOW)
        if ('reason' in token) {
          count.refused += 1
          return
        }
        count.accepted += 1
        const { active, iss, aud, exp, nbf, iat, cnf, token_use: use } = claims
        expect(active).toBe(true)
        expect([undefined, expected.issuer]).toContain(iss)
        expect([aud].flat()).toContain(AUDIENCE)
        if (exp !== undefined) expect(exp).toBeGreaterThan(NOW - 10)
        for (const begun of [nbf ?? 0, iat ?? 0]) expect(begun).toBeLessThanOrEqual(NOW + 10)
        expect([undefined, 'access_token', 'access']).toContain(use)
        expect(token.confirmation === undefined).toBe(cnf === undefined)
        expect(token.confirmation?.keyThumbprint).toBe(cnf?.jkt)
        expect(token.confirmation?.certificateThumbprint).toBe(cnf?.['x5t#S256'])
        expect(token.scopes).toEqual(claims.scope === 'accounts' ? ['accounts'] : token.scopes)
      }),
      { numRuns: 5000 },
    )
    expect(count.accepted).toBeGreaterThan(0)
    expect(count.refused).toBeGreaterThan(0)
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
    'RFC 7662 §2.2: active that is %s is no answer, and not the fault of the token [I10, INT-2]',
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
  ])(
    'RFC 7662 §4: an active token is judged as a JWT is (%s) [I11, INT-5]',
    (_title, changed, reason) => {
      expect(read(changed)).toMatchObject({ error: 'invalid_token', reason })
    },
  )

  test('RFC 8705 §3.2: the certificate that a token is bound to is said in cnf [HOLE-9]', () => {
    expect(read({ cnf: { 'x5t#S256': THUMBPRINT }, token_type: 'Bearer' })).toMatchObject({
      confirmation: { certificateThumbprint: THUMBPRINT, keyThumbprint: undefined },
    })
  })

  test.each([['DPoP'], ['dpop'], [undefined]])(
    'Kong 3.14.0.2, RFC 9449 §6.2: so is the key; token_type is %s [DPOP-6.2, PF-27]',
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
  ])(
    'RFC 9449 §6.2: a token_type that does not agree is refused (%s) [DPOP-6.2]',
    (_title, changed) => {
      expect(read(changed)).toMatchObject({ error: 'invalid_token', reason: 'token_type_mismatch' })
    },
  )
})
