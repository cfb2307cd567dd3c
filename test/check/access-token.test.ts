import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { accessToken } from '../../src/check/access-token.ts'
import { authorization } from '../../src/check/authorization.ts'
import { fail, TOKEN_NOT_ACCEPTED } from '../../src/failure/failure.ts'
import type { AccessToken } from '../../src/token/access-token.ts'
import type { Issuer } from '../../src/token/issuer.ts'
import { createCheckedRoute, createTokenRequest } from '../support/checked-request.ts'
import { AUDIENCE, createIssuer, type MemoryIssuer, NOW } from '../support/issuer.ts'

type Policy = Parameters<typeof accessToken.compile>[0]

const loosest: Policy = {
  algorithms: ['ES256', 'PS256'],
  clock_skew: 10,
  type_required: true,
  max_lifetime: undefined,
  revocation_max_delay: undefined,
}

/** An issuer that is introspected for what is opaque. */
function createIntrospected(id: string, rule: Partial<Issuer> = {}): MemoryIssuer {
  const memory = createIssuer(id, rule)
  return { ...memory, issuer: { ...memory.issuer, introspection: memory.introspection } }
}

const active = ({ issuer }: MemoryIssuer, changed: object = {}) => ({
  active: true,
  iss: issuer.issuer,
  aud: AUDIENCE,
  exp: NOW + 300,
  iat: NOW,
  scope: 'accounts',
  ...changed,
})

const encode = (text: string) => Buffer.from(text).toString('base64url')

/** Asks whether a route with these issuers accepts a token. */
function routeOf(issuers: readonly MemoryIssuer[], policy: Partial<Policy> = {}) {
  const route = createCheckedRoute({ issuers: issuers.map(({ issuer }) => issuer) })
  const check = accessToken.compile({ ...loosest, ...policy }, route)!
  return (token: string, receivedAt = NOW) => {
    const request = createTokenRequest(token, { receivedAt })
    return { request, outcome: check(request) }
  }
}

const refused = (outcome: unknown, reason: string) =>
  expect(outcome).toMatchObject({
    error: 'invalid_token',
    reason,
    description: TOKEN_NOT_ACCEPTED,
  })

describe('access_token: a JWT', () => {
  test('RFC 9068 §4: with the keys at hand it is accepted at once, without a promise', () => {
    const as = createIssuer('as')
    const { request, outcome } = routeOf([as])(as.sign())
    expect(outcome).toBeUndefined()
    expect(request.issuer).toBe(as.issuer)
    expect(request.token).toMatchObject({ subject: 'alice', clientId: 'app', algorithm: 'ES256' })
  })

  test('RFC 9068 §4: with keys that have to be fetched it is accepted later', async () => {
    const as = createIssuer('as')
    as.keys.isLate = true
    const { request, outcome } = routeOf([as])(as.sign())
    expect(outcome).toBeInstanceOf(Promise)
    expect(request.hasToken).toBe(false)
    expect(await outcome).toBeUndefined()
    expect(request.token.subject).toBe('alice')
  })

  test('RFC 9068 §4: or refused later, by the same rules', async () => {
    const as = createIssuer('as')
    as.keys.isLate = true
    const { request, outcome } = routeOf([as])(as.sign({ exp: NOW - 10 }))
    expect(outcome).toBeInstanceOf(Promise)
    refused(await outcome, 'token_expired')
    expect(request.hasToken).toBe(false)
  })

  test('RFC 9068 §4: of each issuer of the route, by the keys of that issuer', () => {
    const [one, other] = [createIssuer('one'), createIssuer('other')]
    const ask = routeOf([one, other])
    for (const as of [one, other]) {
      const { request, outcome } = ask(as.sign())
      expect(outcome).toBeUndefined()
      expect(request.issuer).toBe(as.issuer)
    }
    expect([one.keys.asked, other.keys.asked]).toEqual([1, 1])
  })

  test.each([
    ['malformed', (as: MemoryIssuer) => `${as.sign()}=`, 'token_not_a_jwt'],
    ['with a crit', (as: MemoryIssuer) => as.sign({}, { crit: [] }), 'token_malformed'],
    [
      'of another issuer',
      (as: MemoryIssuer) => as.sign({ iss: 'https://x.example' }),
      'token_issuer_unknown',
    ],
    ['of no issuer', (as: MemoryIssuer) => as.sign({ iss: undefined }), 'token_issuer_unknown'],
    [
      'of two issuers',
      (as: MemoryIssuer) => as.sign({ iss: ['https://as.example'] }),
      'token_issuer_unknown',
    ],
    ['of another type', (as: MemoryIssuer) => as.sign({}, { typ: 'JWT' }), 'token_typ'],
    ['of another key', (as: MemoryIssuer) => as.sign({}, { kid: 'x' }), 'token_kid_unknown'],
    ['of a malformed key', (as: MemoryIssuer) => as.sign({}, { kid: 5 }), 'token_kid_malformed'],
    [
      'with another signature',
      (as: MemoryIssuer) => as.sign().replace(/[^.]*$/, 'A'.repeat(86)),
      'token_signature_invalid',
    ],
    [
      'for another audience',
      (as: MemoryIssuer) => as.sign({ aud: 'x' }),
      'token_audience_mismatch',
    ],
    ['that has expired', (as: MemoryIssuer) => as.sign({ exp: NOW - 10 }), 'token_expired'],
    ['with an empty cnf', (as: MemoryIssuer) => as.sign({ cnf: {} }), 'cnf_empty'],
  ])(
    'RFC 6750 §3.1: that is faulty is refused by one text for all, and its reason is kept (%s)',
    (_title, tokenOf, reason) => {
      const as = createIssuer('as')
      const { request, outcome } = routeOf([as])(tokenOf(as))
      refused(outcome, reason)
      expect(request.hasToken).toBe(false)
    },
  )

  test.each([
    ['another', ['urn:third']],
    ['the beginning of one', ['urn:sec']],
  ])(
    'RFC 8707 §2: that is not for this route (%s) is refused as any other, also when it is known [RI-1, JWT-4, J31, RT-11]',
    (_title, audience) => {
      const as = createIssuer('as')
      const token = as.sign({ aud: [AUDIENCE, 'urn:second'] })
      expect(
        routeOf([as], { audience: ['urn:third', 'urn:second'] })(token).outcome,
      ).toBeUndefined()
      expect(routeOf([as])(token).outcome).toBeUndefined()
      const { request, outcome } = routeOf([as], { audience })(token)
      refused(outcome, 'audience_not_of_route')
      expect(request.hasToken).toBe(false)
    },
  )

  test('RFC 8707 §2: nor is one that is introspected, and not for this route', () => {
    const as = createIntrospected('as')
    as.introspection.answers.set('opaque', active(as))
    expect(routeOf([as])('opaque').outcome).toBeUndefined()
    const { outcome } = routeOf([as], { audience: ['urn:second'] })('opaque')
    refused(outcome, 'audience_not_of_route')
  })

  test('RFC 9068 §4: without keys it is not known whether it is good [JWT-14]', () => {
    const as = createIssuer('as')
    as.keys.failure = fail('temporarily_unavailable', 'jwks_unavailable')
    expect(routeOf([as])(as.sign()).outcome).toMatchObject({
      error: 'temporarily_unavailable',
      description: 'jwks_unavailable',
    })
    const keyless = { ...as, issuer: { ...as.issuer, keys: undefined } }
    expect(routeOf([keyless])(as.sign()).outcome).toMatchObject({
      error: 'temporarily_unavailable',
      reason: 'jwks_unavailable',
    })
  })

  test('RFC 8725 §3.10: a header that is refused has no key looked for [J09]', () => {
    const as = createIssuer('as')
    routeOf([as])(as.sign({}, { typ: 'JWT' }))
    routeOf([as])(as.sign({}, { kid: 'k'.repeat(257) }))
    expect(as.keys.asked).toBe(0)
  })
})

describe('access_token: of several issuers', () => {
  const one = createIssuer('one')
  const other = createIssuer('other')

  test('GHSA-4mq7-pvjg-xp2r, RFC 8725 §3.8, GHSA-4mq7: what one issuer signed is not accepted on a route of another [JWT-3, J10, PF-1]', () => {
    const token = other.sign()
    expect(routeOf([other])(token).outcome).toBeUndefined()
    refused(routeOf([one])(token).outcome, 'token_issuer_unknown')
  })

  test.each([
    ['its own key', {}, 'token_kid_unknown'],
    ['the name of the other’s key', { kid: 'one-ES256' }, 'token_signature_invalid'],
    ['no name of a key', { kid: undefined }, 'token_signature_invalid'],
  ])(
    'RFC 8725 §3.8: an issuer cannot sign in the name of another, with %s [J10, JWT-3]',
    (_title, header, reason) => {
      const token = other.sign({ iss: one.issuer.issuer }, header)
      refused(routeOf([one, other])(token).outcome, reason)
      refused(routeOf([other, one])(token).outcome, reason)
    },
  )

  test('GHSA-4mq7: a refused token is remembered by nobody', () => {
    const token = other.sign({ iss: one.issuer.issuer })
    const ask = routeOf([one, other])
    refused(ask(token).outcome, 'token_kid_unknown')
    refused(ask(token).outcome, 'token_kid_unknown')
    refused(routeOf([other])(token).outcome, 'token_issuer_unknown')
  })
})

describe('access_token: what is remembered', () => {
  test('a token is verified once [J45]', () => {
    const as = createIssuer('as')
    const [ask, token] = [routeOf([as]), as.sign()]
    for (let i = 0; i < 5; i++) expect(ask(token).outcome).toBeUndefined()
    expect(as.keys.asked).toBe(1)
  })

  test('a token is verified once, though many bring it while the keys are fetched [J45]', async () => {
    let verified = 0
    class Counting extends Map<string, AccessToken> {
      override set(digest: string, token: AccessToken): this {
        verified += 1
        return super.set(digest, token)
      }
    }
    const as = createIssuer('as', { verified: new Counting() })
    as.keys.isLate = true
    const [ask, token] = [routeOf([as]), as.sign()]
    const asked = Array.from({ length: 1000 }, () => ask(token))
    for (const { request, outcome } of asked) {
      expect(await outcome).toBeUndefined()
      expect(request.token.subject).toBe('alice')
    }
    expect(verified).toBe(1)
  })

  test('whatever is changed in a token that is remembered, the changed one is not it [J46, J21]', () => {
    const as = createIssuer('as')
    const [ask, token] = [routeOf([as]), as.sign()]
    expect(ask(token).outcome).toBeUndefined()
    const character = fc.constantFrom(...'AZaz09-_.~+/=')
    const changed = fc.oneof(
      fc
        .tuple(fc.nat(token.length - 1), character)
        .map(([at, one]) => token.slice(0, at) + one + token.slice(at + 1)),
      fc
        .tuple(fc.nat(token.length), character)
        .map(([at, one]) => token.slice(0, at) + one + token.slice(at)),
      fc.nat(token.length - 1).map((at) => token.slice(0, at) + token.slice(at + 1)),
      fc.nat(token.length - 1).map((at) => token.slice(0, at)),
    )
    fc.assert(
      fc.property(changed, (other) => {
        fc.pre(other !== token)
        const { request, outcome } = ask(other)
        expect(outcome).toMatchObject({ error: 'invalid_token' })
        expect(request.hasToken).toBe(false)
      }),
      { numRuns: 2000 },
    )
    expect(ask(token).outcome).toBeUndefined()
  })

  test('a token that differs in its signature alone is another [J46]', () => {
    const as = createIssuer('as')
    const [ask, token] = [routeOf([as]), as.sign()]
    expect(ask(token).outcome).toBeUndefined()
    refused(ask(token.replace(/[^.]*$/, 'A'.repeat(86))).outcome, 'token_signature_invalid')
    refused(ask(token.slice(0, -1)).outcome, 'token_malformed')
  })

  test('CWE-613, RFC 7519 §4.1.4: nothing that is remembered outlives its token [JWT-6, J45, PF-31]', () => {
    const as = createIssuer('as')
    const [ask, token] = [routeOf([as]), as.sign()]
    expect(ask(token).outcome).toBeUndefined()
    expect(ask(token, NOW + 309.9).outcome).toBeUndefined()
    const { request, outcome } = ask(token, NOW + 310)
    refused(outcome, 'token_expired_since')
    expect(request.hasToken).toBe(false)
    expect(as.keys.asked).toBe(1)
  })

  test('GHSA-qvp4-rpmr-xwrr, GHSA-qvp4: a token remembered on one route is authorized anew on another [PF-4]', () => {
    const as = createIssuer('as')
    const token = as.sign({ scope: 'accounts' })
    const authorize = (scope: string) => {
      const { request, outcome } = routeOf([as])(token)
      expect(outcome).toBeUndefined()
      return authorization.compile(
        { scopes: [scope], user_required: false },
        createCheckedRoute(),
      )!(request)
    }
    expect(authorize('accounts')).toBeUndefined()
    expect(authorize('payments')).toMatchObject({ reason: 'scope_insufficient' })
    expect(as.keys.asked).toBe(1)
  })

  test('two requests that are judged at the same time do not see each other’s token [PF-30]', async () => {
    const as = createIssuer('as')
    as.keys.isLate = true
    const ask = routeOf([as])
    const [one, other] = [ask(as.sign({ sub: 'one' })), ask(as.sign({ sub: 'other' }))]
    await Promise.all([other.outcome, one.outcome])
    expect([one.request.token.subject, other.request.token.subject]).toEqual(['one', 'other'])
  })

  test.each([
    ['algorithms', { algorithms: ['ES256'] }, {}, { alg: 'PS256' }, 'token_alg_not_allowed'],
    ['the type', { type_required: true }, {}, { typ: 'JWT' }, 'token_typ'],
    ['the skew', { clock_skew: 0 }, { exp: NOW - 5 }, {}, 'token_expired'],
    ['the skew, of iat', { clock_skew: 0 }, { iat: NOW + 5 }, {}, 'token_from_the_future'],
    ['the life', { max_lifetime: 60 }, {}, {}, 'token_lifetime_too_long'],
  ] as [string, Partial<Policy>, object, object, string][])(
    'a route that is stricter than its issuer is so, whatever another remembers (%s)',
    (_title, stricter, claims, header, reason) => {
      const as = createIssuer('as', { algorithms: ['ES256', 'PS256'], typeRequired: false })
      const token = as.sign({ ...claims }, { ...header })
      const loose = routeOf([as], { type_required: false })
      const strict = routeOf([as], { type_required: false, ...stricter })
      refused(strict(token).outcome, reason)
      expect(loose(token).outcome).toBeUndefined()
      refused(strict(token).outcome, reason)
      expect(loose(token).outcome).toBeUndefined()
    },
  )

  test('FAPI 1.0 Baseline §7: of two limits of a life the shorter counts', () => {
    const as = createIssuer('as', { maxLifetime: 600 })
    refused(routeOf([as], { max_lifetime: 60 })(as.sign()).outcome, 'token_lifetime_too_long')
    expect(routeOf([as], { max_lifetime: 900 })(as.sign()).outcome).toBeUndefined()
    expect(routeOf([as])(as.sign()).outcome).toBeUndefined()
  })

  test('a route cannot be looser than its issuer', () => {
    const as = createIssuer('as', { clockSkew: 0, maxLifetime: 60 })
    const ask = routeOf([as], { clock_skew: 300, type_required: false, max_lifetime: 900 })
    refused(ask(as.sign({ exp: NOW })).outcome, 'token_expired')
    refused(ask(as.sign()).outcome, 'token_lifetime_too_long')
    refused(ask(as.sign({ exp: NOW + 30 }, { typ: 'JWT' })).outcome, 'token_typ')
  })
})

describe('access_token: an opaque token', () => {
  test('RFC 7662 §2: is the matter of the issuer that can be asked, and is asked once', () => {
    const [jwt, as] = [createIssuer('jwt'), createIntrospected('as')]
    as.introspection.answers.set('opaque', active(as))
    const ask = routeOf([jwt, as])
    for (let i = 0; i < 3; i++) {
      const { request, outcome } = ask('opaque')
      expect(outcome).toBeUndefined()
      expect(request.issuer).toBe(as.issuer)
      expect(request.token).toMatchObject({ scopes: ['accounts'], algorithm: undefined })
    }
    expect(as.introspection.asked).toEqual(['opaque'])
  })

  const jwe = `${encode('{"alg":"RSA1_5","enc":"A128CBC-HS256"}')}.a.b.c.d`
  const padded = `${Buffer.from('{"alg":"ES256" ,"x":"?>"}').toString('base64')}.e30.e30`

  test.each<[string, (as: MemoryIssuer) => string]>([
    ['a JWT and =', (as) => `${as.sign()}=`],
    ['a JWT and ==', (as) => `${as.sign()}==`],
    ['a JWT with a + in it', (as) => as.sign().replace('.', '+.')],
    ['a JWT with a / behind it', (as) => `${as.sign()}/`],
    ['a JWT with a tilde before it', (as) => `~${as.sign()}`],
    ['a JWT of another type and ==', (as) => `${as.sign({}, { typ: 'JWT' })}==`],
    ['a JWT in the other alphabet, with its padding', () => padded],
    ['a JWT of four segments', (as) => `${as.sign()}.e30`],
    ['a JWE, though none was agreed on', () => jwe],
    ['a JWE and ==', () => `${jwe}==`],
  ])(
    'RFC 7515 §5.2 (2): is not %s, and its issuer is not asked to read it more kindly',
    (_, tokenOf) => {
      const as = createIntrospected('as')
      const token = tokenOf(as)
      as.introspection.answers.set(token, active(as))
      refused(routeOf([as])(token).outcome, 'token_malformed')
      // RFC 9068 §4: nor where encryption was agreed on.
      const decryption = { accepts: () => false, decrypt: () => Promise.reject(new Error('asked')) }
      const encrypting = { ...as, issuer: { ...as.issuer, decryption } }
      refused(routeOf([encrypting])(token).outcome, 'token_not_encrypted')
      expect(as.introspection.asked).toEqual([])
    },
  )

  test('RFC 9068 §4: is nothing that an issuer issues that encrypts its tokens', () => {
    const decryption = { accepts: () => false, decrypt: () => Promise.reject(new Error('asked')) }
    const as = createIntrospected('as', { decryption })
    as.introspection.answers.set('opaque', active(as))
    refused(routeOf([as])('opaque').outcome, 'token_not_encrypted')
    expect(as.introspection.asked).toEqual([])
  })

  test('RFC 7662 §2: may be of any form, where the issuer is asked about all of its tokens', () => {
    const as = createIntrospected('as', { tokens: 'introspection' })
    as.introspection.answers.set(jwe, active(as))
    expect(routeOf([as])(jwe).outcome).toBeUndefined()
  })

  test('RFC 7662 §2: where no issuer can be asked it is refused', () => {
    refused(routeOf([createIssuer('as')])('opaque').outcome, 'token_not_a_jwt')
    refused(routeOf([])('opaque').outcome, 'token_not_a_jwt')
  })

  test('RFC 7662 §2: an answer that has to be waited for is waited for', async () => {
    const as = createIntrospected('as')
    as.introspection.isLate = true
    as.introspection.answers.set('opaque', active(as))
    const [good, bad] = [routeOf([as])('opaque'), routeOf([as])('other')]
    expect(good.outcome).toBeInstanceOf(Promise)
    expect(await good.outcome).toBeUndefined()
    refused(await bad.outcome, 'token_inactive')
  })

  test('RFC 7662 §2.2: an answer that is none is not the fault of the token [I10]', () => {
    const as = createIntrospected('as')
    as.introspection.answers.set('opaque', active(as, { active: 'true' }))
    expect(routeOf([as])('opaque').outcome).toMatchObject({
      error: 'temporarily_unavailable',
      reason: 'introspection_response_invalid',
      description: 'introspection_response_invalid',
    })
  })

  test('GHSA-4mq7: what one issuer said of a token is not what another says [PF-1]', () => {
    const [one, other] = [createIntrospected('one'), createIntrospected('other')]
    one.introspection.answers.set('opaque', active(one))
    expect(routeOf([one])('opaque').outcome).toBeUndefined()
    refused(routeOf([other])('opaque').outcome, 'token_inactive')
    expect(other.introspection.asked).toEqual(['opaque'])
  })

  test('RFC 7662 §4: what is remembered of it does not outlive it', () => {
    const as = createIntrospected('as')
    as.introspection.answers.set('opaque', active(as))
    const ask = routeOf([as])
    expect(ask('opaque', NOW).outcome).toBeUndefined()
    refused(ask('opaque', NOW + 310).outcome, 'token_expired_since')
    expect(as.introspection.asked).toHaveLength(1)
  })

  test('FAPI 1.0 Baseline §7: it too may live no longer than the route accepts', () => {
    const as = createIntrospected('as')
    as.introspection.answers.set('opaque', active(as))
    as.introspection.answers.set('ageless', active(as, { iat: undefined }))
    const ask = routeOf([as], { max_lifetime: 60 })
    refused(ask('opaque').outcome, 'token_lifetime_too_long')
    refused(ask('ageless').outcome, 'token_lifetime_unknown')
    expect(routeOf([as])('opaque').outcome).toBeUndefined()
  })
})

describe('access_token: a JWT where tokens are introspected', () => {
  test('RFC 7662 §2: of an issuer that is always asked, it is asked about and not verified', () => {
    const as = createIntrospected('as', { tokens: 'introspection' })
    const token = as.sign()
    refused(routeOf([as])(token).outcome, 'token_inactive')
    as.introspection.answers.set(token, active(as))
    expect(routeOf([as])(token).outcome).toBeUndefined()
    expect(as.keys.asked).toBe(0)
  })

  test('it is not shown to an issuer that it does not name [INT-6]', () => {
    const [jwt, as] = [createIssuer('jwt'), createIntrospected('as')]
    const ask = routeOf([jwt, as])
    expect(ask(jwt.sign()).outcome).toBeUndefined()
    refused(ask(jwt.sign({ iss: 'https://x.example' })).outcome, 'token_issuer_unknown')
    refused(ask(jwt.sign({ exp: NOW - 10 })).outcome, 'token_expired')
    expect(as.introspection.asked).toEqual([])
  })

  test('CVE WSO2-2020-0752: of an issuer that signs, it is verified and never only asked about [PF-42]', () => {
    const as = createIntrospected('as')
    const tampered = as.sign().replace(/[^.]*$/, 'A'.repeat(86))
    as.introspection.answers.set(tampered, active(as))
    refused(routeOf([as])(tampered).outcome, 'token_signature_invalid')
    expect(as.introspection.asked).toEqual([])
  })

  test('RFC 7662 §2: one that names no issuer is opaque, if its issuer is asked about all', () => {
    const as = createIntrospected('as', { tokens: 'introspection' })
    const token = as.sign({ iss: undefined })
    as.introspection.answers.set(token, active(as))
    expect(routeOf([as])(token).outcome).toBeUndefined()
  })

  test('RFC 9068 §4: one that names no issuer is not verified in the name of one', () => {
    const as = createIntrospected('as')
    refused(routeOf([as])(as.sign({ iss: undefined })).outcome, 'token_issuer_mismatch')
  })

  test('RFC 7662 §2: of an issuer that has to be asked and cannot be, it is refused', () => {
    const as = createIssuer('as', { tokens: 'introspection' })
    refused(routeOf([as])(as.sign()).outcome, 'token_not_introspectable')
  })
})

test('on a public route no token is judged', () => {
  expect(accessToken.compile(loosest, createCheckedRoute({ isPublic: true }))).toBeUndefined()
})
