import { describe, expect, test } from 'vitest'
import { parseJsonObject } from '../../src/encoding/json.ts'
import { checkLifetime, isExpired, parseClaims } from '../../src/token/claims.ts'
import type { TokenExpectation } from '../../src/token/issuer.ts'
import { AUDIENCE, NOW, THUMBPRINT } from '../support/issuer.ts'

const expected: TokenExpectation = {
  issuer: 'https://as.example',
  audiences: [AUDIENCE, 'urn:bank:api'],
  algorithms: ['ES256'],
  clockSkew: 10,
  typeRequired: true,
  maxLifetime: undefined,
}
const honest = {
  iss: 'https://as.example',
  sub: 'alice',
  client_id: 'app',
  aud: AUDIENCE,
  iat: NOW,
  nbf: NOW,
  exp: NOW + 300,
  scope: 'accounts',
}

const judge = (changed: object, rule: Partial<TokenExpectation> = {}, now = NOW, isJwt = true) =>
  parseClaims({ ...honest, ...changed }, { ...expected, ...rule }, now, isJwt, 'ES256')

/** What {@link honest} says without one claim. */
const without = (name: keyof typeof honest) => ({ ...honest, [name]: undefined })

const accepted = (verdict: unknown) => expect(verdict).not.toHaveProperty('reason')
const refused = (verdict: unknown, reason: string) =>
  expect(verdict).toMatchObject({ error: 'invalid_token', reason })

const NO_TIMES = [
  ['a string', '"1700000300"'],
  ['null', 'null'],
  ['true', 'true'],
  ['an array', '[1700000300]'],
  ['an object', '{}'],
  ['a fraction', '1700000300.5'],
  ['nought', '0'],
  ['nought with a sign', '-0'],
  ['negative', '-1'],
  ['in milliseconds', '1700000300000'],
  ['1e11', '1e11'],
  ['1e308', '1e308'],
  ['2^53 + 1', '9007199254740993'],
  ['the word NaN', '"NaN"'],
] as const

describe('parseClaims', () => {
  test('RFC 9068 §4: an honest token is what it says', () => {
    expect(judge({})).toEqual({
      expiresAt: NOW + 300,
      subject: 'alice',
      clientId: 'app',
      audiences: [AUDIENCE],
      scopes: ['accounts'],
      confirmation: undefined,
      claims: honest,
      algorithm: 'ES256',
    })
  })

  test.each([
    ['a slash behind', 'https://as.example/'],
    ['another case of letters', 'https://AS.example'],
    ['http', 'http://as.example'],
    ['an explicit port', 'https://as.example:443'],
    ['a look-alike letter', 'https://\u0430s.example'],
    ['an array', ['https://as.example']],
    ['null', null],
    ['absent', undefined],
    ['empty', ''],
  ])('RFC 9068 §4: the issuer is compared byte for byte (%s) [J30, JWT-3]', (_title, iss) => {
    refused(judge({ iss }), 'token_issuer_mismatch')
  })

  test.each([
    ['one of ours', 'urn:bank:api'],
    ['ours alone in an array', [AUDIENCE]],
    ['ours among others', ['https://other.example', AUDIENCE]],
    ['ours as the last of a hundred', [...Array(99).fill('https://other.example'), AUDIENCE]],
  ])('RFC 7519 §4.1.3: a token for %s is accepted [J31, JWT-4]', (_title, aud) => {
    accepted(judge({ aud }))
  })

  test.each([
    ['absent', undefined],
    ['null', null],
    ['empty', ''],
    ['an empty array', []],
    ['a nested array', [[AUDIENCE]]],
    ['an array with a number beside ours', [AUDIENCE, 5]],
    ['an array with null beside ours', [AUDIENCE, null]],
    ['an object', { aud: AUDIENCE }],
    ['a number', 1],
    ['true', true],
    ['more than a hundred', [...Array(100).fill('https://other.example'), AUDIENCE]],
  ])(
    'apache/apisix#13829, RFC 7519 §4.1.3: an audience that is %s is refused [J31, JWT-4, PF-25, PF-34]',
    (_title, aud) => {
      refused(judge({ aud }), 'token_audience_malformed')
    },
  )

  test.each([
    ['another', 'https://other.example'],
    ['one that begins with ours', `${AUDIENCE}2`],
    ['one that ours begins with', AUDIENCE.slice(0, -1)],
    ['ours with a slash', `${AUDIENCE}/`],
    ['ours in another case', AUDIENCE.toUpperCase()],
    ['several in one string', `${AUDIENCE} https://other.example`],
    ['others', ['https://other.example', `${AUDIENCE}/accounts`]],
    ['an empty name', ['']],
  ])(
    'CWE-287, RFC 9068 §4, RFC 8707 §2: a token for %s is refused [J31, JWT-4, PF-34]',
    (_title, aud) => {
      refused(judge({ aud }), 'token_audience_mismatch')
    },
  )

  test('RFC 7519 §4.1.5: a beginning at 0 is none', () => {
    accepted(judge({ nbf: 0 }))
  })

  test('CWE-613, RFC 9068 §2.2: a token without an end is refused [J27, JWT-6, JWT-7, PF-33]', () => {
    refused(judge(without('exp')), 'token_exp_malformed')
  })

  describe.each([
    ['exp', 'token_exp_malformed'],
    ['nbf', 'token_nbf_malformed'],
    ['iat', 'token_iat_malformed'],
  ])('RFC 7519 §2: %s [J28]', (name, reason) => {
    const noTimes = NO_TIMES.filter(([, json]) => name !== 'nbf' || Number(json) !== 0)

    test.each(noTimes)('that is no time is refused (%s)', (_title, json) => {
      refused(judge(parseJsonObject(`{"${name}":${json}}`)!), reason)
    })
  })

  test.each([
    ['a second before its end', 299, false],
    ['at its end', 300, false],
    ['at its end and the skew, less a moment', 309.999, false],
    ['at its end and the skew', 310, true],
    ['an hour after', 3900, true],
  ])('RFC 7519 §4.1.4: a token %s [J29, JWT-6]', (_title, after, isRefused) => {
    const verdict = judge({}, {}, NOW + after)
    if (isRefused) refused(verdict, 'token_expired')
    else accepted(verdict)
  })

  test('RFC 7519 §4.1.4: without a skew, the end itself is too late [J29]', () => {
    accepted(judge({}, { clockSkew: 0 }, NOW + 299.999))
    refused(judge({}, { clockSkew: 0 }, NOW + 300), 'token_expired')
  })

  test.each([
    ['nbf', 'token_not_yet_valid'],
    ['iat', 'token_from_the_future'],
  ])(
    'RFC 7519 §4.1.5, FAPI 2.0 SP §5.3.2.1: %s ten seconds ahead and no more [J29, I15]',
    (name, reason) => {
      accepted(judge({ [name]: NOW + 10 }))
      refused(judge({ [name]: NOW + 11 }), reason)
      refused(judge({ [name]: NOW + 61 }), reason)
      refused(judge({ [name]: NOW + 3600 }), reason)
      accepted(judge({ [name]: NOW }, { clockSkew: 0 }))
      refused(judge({ [name]: NOW + 1 }, { clockSkew: 0 }), reason)
    },
  )

  test('RFC 7519 §4.1.5: nbf and, without RFC 9068, iat may be left out', () => {
    accepted(judge({ ...without('nbf'), iat: undefined }))
  })

  test('FAPI 1.0 Baseline §7: a token that was issued for longer than is accepted', () => {
    accepted(judge({}, { maxLifetime: 300 }))
    refused(judge({}, { maxLifetime: 299 }), 'token_lifetime_too_long')
    refused(judge(without('iat'), { maxLifetime: 300 }), 'token_lifetime_unknown')
  })

  test.each([
    ['null', null, 'cnf_malformed'],
    ['an empty object', {}, 'cnf_empty'],
    ['an unknown method', { kid: '1' }, 'cnf_method_unknown'],
    ['a malformed thumbprint', { jkt: '' }, 'cnf_thumbprint_malformed'],
  ])('RFC 7800 §3.1: a cnf of %s does not make a token unbound [J43]', (_title, cnf, reason) => {
    refused(judge({ cnf }), reason)
  })

  test('RFC 9449 §6.1: the confirmation of a token is read', () => {
    expect(judge({ cnf: { jkt: THUMBPRINT } })).toMatchObject({
      confirmation: { keyThumbprint: THUMBPRINT, certificateThumbprint: undefined },
    })
  })

  test('RFC 7519 §4: nothing is read from a prototype that the token brought [J35]', () => {
    const claims = parseJsonObject(
      `{"__proto__":{"iss":"https://as.example","aud":"${AUDIENCE}","exp":${NOW + 300}}}`,
    )!
    refused(parseClaims(claims, expected, NOW, true, 'ES256'), 'token_issuer_mismatch')
  })

  test.each([
    ['sub', 'subject'],
    ['client_id', 'clientId'],
  ])('RFC 9068 §2.2: %s that is no text, or empty, names nobody', (name, field) => {
    for (const value of [undefined, null, '', 5, ['alice'], {}]) {
      expect(judge({ [name]: value })).toMatchObject({ [field]: undefined })
    }
  })

  test('apache/apisix#13829, RFC 6749 §3.3: a scope that is an array grants nothing [J33, PF-25]', () => {
    expect(judge({ scope: ['accounts'] })).toMatchObject({ scopes: [] })
  })

  describe('of an introspection response', () => {
    const introspected = (changed: object, now = NOW) => judge(changed, {}, now, false)

    test('CVE-2025-46647, RFC 7662 §2.2: it need not name the issuer; if it does, it is the right one [PF-24]', () => {
      accepted(introspected(without('iss')))
      refused(introspected({ iss: 'https://other.example' }), 'token_issuer_mismatch')
      refused(introspected({ iss: null }), 'token_issuer_mismatch')
    })

    test('RFC 7662 §2.2: it has to name the audience [I11]', () => {
      refused(introspected(without('aud')), 'token_audience_malformed')
    })

    test('RFC 7662 §2.2: without an end it is good for this moment alone', () => {
      expect(introspected(without('exp'), NOW + 0.5)).toMatchObject({ expiresAt: NOW + 2 })
    })

    test('RFC 7662 §2.2: an end that has passed, or is no time, is one [I11]', () => {
      refused(introspected({ exp: NOW - 10 }), 'token_expired')
      refused(introspected({ exp: null }), 'token_exp_malformed')
      refused(introspected({ exp: String(NOW + 300) }), 'token_exp_malformed')
    })
  })
})

describe('checkLifetime', () => {
  test('FAPI 1.0 Baseline §7: without a limit nothing is asked, not even iat', () => {
    expect(checkLifetime(NOW, undefined, undefined)).toBeUndefined()
  })

  test('FAPI 1.0 Baseline §7: at the limit a life is accepted, a second longer it is not', () => {
    expect(checkLifetime(NOW + 60, NOW, 60)).toBeUndefined()
    refused(checkLifetime(NOW + 61, NOW, 60), 'token_lifetime_too_long')
  })

  test.each(NO_TIMES)('FAPI 1.0 Baseline §7: a life without a beginning (%s)', (_title, json) => {
    refused(checkLifetime(NOW, JSON.parse(json), 60), 'token_lifetime_unknown')
  })
})

describe('isExpired', () => {
  test('RFC 7519 §4.1.4: from the end and the skew on [JWT-6]', () => {
    expect(isExpired(NOW, 5, NOW + 4.999)).toBe(false)
    expect(isExpired(NOW, 5, NOW + 5)).toBe(true)
  })
})
