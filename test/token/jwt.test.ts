import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { jwtVerify, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/failure/failure.ts'
import type { AlgorithmName } from '../../src/jose/algorithm.ts'
import { importPublicJwk, parsePublicJwk } from '../../src/jose/jwk.ts'
import type { TokenExpectation } from '../../src/token/issuer.ts'
import { parseKeyHint, parseUnverifiedJwt, verifyJwt } from '../../src/token/jwt.ts'
import { createKeyPair, signCompact } from '../support/compact-signing.ts'
import { AUDIENCE, createIssuer, NOW } from '../support/issuer.ts'

const ALGORITHMS = ['ES256', 'PS256', 'EdDSA'] as const
const as = createIssuer('as', { algorithms: ALGORITHMS })
const expected: TokenExpectation = as.issuer
const pairs = as.keys.pairs

/** The whole way of a token, with the keys of the issuer for its header. */
function judge(token: string, rule: Partial<TokenExpectation> = {}, now = NOW) {
  const by = { ...expected, ...rule }
  const jwt = parseUnverifiedJwt(token)
  if (jwt instanceof Failure) return jwt
  const hint = parseKeyHint(jwt.jws.header, by)
  if (hint instanceof Failure) return hint
  const keys = as.keys.find(hint.kid, hint.algorithm)
  if (!Array.isArray(keys)) throw new Error('the keys of this test are at hand')
  return verifyJwt(jwt, keys, hint.algorithm, by, now)
}

const refused = (verdict: unknown, reason: string) =>
  expect(verdict).toMatchObject({ error: 'invalid_token', reason })

/** Three segments of a header and payload of our own, with a signature that is given. */
const forge = (header: unknown, payload: unknown, signature: string) =>
  `${[header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.${signature}`

describe('a JWT access token', () => {
  test.each(ALGORITHMS)('RFC 9068 §4: that jose signed is accepted (%s) [J01]', async (alg) => {
    const token = await new SignJWT(as.claims)
      .setProtectedHeader({ alg, typ: 'at+jwt', kid: `as-${alg}` })
      .sign(pairs.get(`as-${alg}`)!.pair.privateKey)
    expect(judge(token)).toMatchObject({ subject: 'alice', clientId: 'app', algorithm: alg })
  })

  test('RFC 9068 §4: a token is accepted no more easily than by jose', async () => {
    const key = pairs.get('as-ES256')!.pair
    const or = <T>(honest: T, ...odd: unknown[]) =>
      fc.oneof({ weight: 12, arbitrary: fc.constant(honest) }, fc.constantFrom<unknown>(...odd))
    const times = [
      undefined,
      null,
      NOW - 11,
      NOW - 10,
      NOW - 9,
      NOW + 10,
      NOW + 11,
      '5',
      1.5,
      1e308,
    ]
    const claims = fc.record({
      iss: or('https://as.example', undefined, null, 'https://as.example/', ['https://as.example']),
      aud: or(AUDIENCE, undefined, [], [AUDIENCE], [AUDIENCE, 5], [[AUDIENCE]], 'x', null),
      exp: or(NOW + 300, ...times),
      nbf: or(NOW, ...times),
      iat: or(NOW, ...times),
      sub: or('alice', undefined, null, 5),
      client_id: or('app', undefined, null, 5),
      jti: or('1', undefined, null, 5),
    })
    const header = fc.record({
      alg: or('ES256', 'es256', 'none', 'PS256', 'HS256', undefined),
      typ: or('at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT', 'dpop+jwt', undefined, null),
      kid: or('as-ES256', undefined),
      crit: or(undefined, ['exp'], []),
      b64: or(undefined, true),
    })
    const count = { accepted: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(header, claims, async (head, payload) => {
        const token = signCompact(head, payload, 'ES256', key.privateKey)
        if (judge(token) instanceof Failure) {
          count.refused += 1
          return
        }
        count.accepted += 1
        await jwtVerify(token, key.publicKey, {
          issuer: expected.issuer,
          audience: [...expected.audiences],
          algorithms: [...expected.algorithms],
          typ: 'at+jwt',
          clockTolerance: expected.clockSkew,
          currentDate: new Date(NOW * 1000),
          requiredClaims: ['iss', 'aud', 'exp', 'sub', 'client_id', 'iat', 'jti'],
        })
      }),
      { numRuns: 400 },
    )
    expect(count.accepted).toBeGreaterThan(0)
    expect(count.refused).toBeGreaterThan(0)
  })

  test.each([
    ['empty', ''],
    ['one segment', 'abc'],
    ['two segments', as.sign().split('.').slice(0, 2).join('.')],
    ['four segments', `${as.sign()}.abc`],
    ['five segments, as of a JWE', `${as.sign()}.abc.def`],
    ['no signature', as.sign().replace(/[^.]*$/, '')],
    ['padding', `${as.sign()}=`],
    ['a line feed', `${as.sign()}\n`],
    ['a header that is no object', signWith('[]')],
    ['a header that says alg twice', signWith('{"alg":"none","alg":"ES256","typ":"at+jwt"}')],
    ['crit', as.sign({}, { crit: ['exp'] })],
    ['an empty crit', as.sign({}, { crit: [] })],
    ['b64', as.sign({}, { b64: false })],
    ['zip', as.sign({}, { zip: 'DEF' })],
    ['enc', as.sign({}, { enc: 'A256GCM' })],
    ['17 KiB', as.sign({ note: 'x'.repeat(13_000) })],
  ])(
    'RFC 7515 §7.1: that is malformed is refused (%s) [J21, J22, J23, J24, J25, J26, JWT-9, JWT-10, JWT-15, JWT-16]',
    (_title, token) => {
      refused(judge(token), 'token_malformed')
    },
  )

  function signWith(header: string, payload: unknown = as.claims): string {
    return signCompact(header, payload, 'ES256', pairs.get('as-ES256')!.pair.privateKey)
  }

  const HEADER = '{"alg":"ES256","typ":"at+jwt","kid":"as-ES256"}'

  test.each([
    ['an array', '[]'],
    ['a string', '"x"'],
    ['a number', '1'],
    ['null', 'null'],
    ['exp twice', JSON.stringify(as.claims).replace('{', '{"exp":9999999999,')],
    ['cnf twice', '{"cnf":{},"cnf":{}}'],
    ['an infinite number', JSON.stringify(as.claims).replace(String(NOW + 300), '1e999')],
    ['a byte order mark', `\ufeff${JSON.stringify(as.claims)}`],
    ['text behind it', `${JSON.stringify(as.claims)} x`],
    ['a comment', `${JSON.stringify(as.claims)}/**/`],
    ['half a surrogate pair', '{"sub":"\\ud800"}'],
    ['deep nesting', `{"a":${'['.repeat(50)}${']'.repeat(50)}}`],
  ])('RFC 7519 §4: whose claims are %s is refused [J23, J34]', (_title, payload) => {
    refused(judge(signWith(HEADER, payload)), 'token_claims_malformed')
  })

  test.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt'])(
    'RFC 9068 §2.1: of the type %s is accepted [J32, JWT-1]',
    (typ) => {
      expect(judge(as.sign({}, { typ }))).toMatchObject({ subject: 'alice' })
    },
  )

  test.each([
    'JWT',
    'dpop+jwt',
    'logout+jwt',
    'at+jwt ',
    'xat+jwt',
    '',
    null,
    5,
    ['at+jwt'],
    undefined,
  ])('RFC 9068 §4, RFC 8725 §3.11: of the type %j is refused [J32, JWT-1]', (typ) => {
    refused(judge(as.sign({}, { typ })), 'token_typ')
  })

  test.each([undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt'])(
    'RFC 8725 §3.11: of an issuer older than RFC 9068 the type may be %s [JWT-1]',
    (typ) => {
      expect(judge(as.sign({}, { typ }), { typeRequired: false })).toMatchObject({
        clientId: 'app',
      })
    },
  )

  test.each(['dpop+jwt', 'logout+jwt', 'secevent+jwt', 'token-introspection+jwt', '', null, 5])(
    'RFC 8725 §3.11: of such an issuer too, the type %j is that of something else [J32, JWT-1]',
    (typ) => {
      refused(judge(as.sign({}, { typ }), { typeRequired: false }), 'token_typ')
    },
  )

  test.each([
    'none',
    'None',
    'NONE',
    'nOnE',
    'es256',
    'ES256 ',
    'ES256\0',
    'HS256',
    'RS256',
    'ES384',
    'Ed25519',
    'constructor',
    '__proto__',
    '',
    null,
    5,
    ['ES256'],
    undefined,
  ])('RFC 8725 §3.1: whose alg is %j is refused [J02, J04, J05, JWT-5]', (alg) => {
    const { privateKey } = pairs.get('as-ES256')!.pair
    const header = { typ: 'at+jwt', kid: 'as-ES256', alg }
    refused(judge(signCompact(header, as.claims, 'ES256', privateKey)), 'token_alg_not_allowed')
  })

  test.each(['spki', 'pkcs1'] as const)(
    'RFC 8725 §3.1: that is a MAC under the public key is refused (%s) [J03, JWT-8]',
    (type) => {
      const { publicKey } = pairs.get('as-PS256')!.pair
      const header = { typ: 'at+jwt', alg: 'HS256', kid: 'as-PS256' }
      const input = forge(header, as.claims, '').slice(0, -1)
      const pem = publicKey.export({ type, format: 'pem' })
      const mac = createHmac('sha256', pem).update(input).digest('base64url')
      refused(judge(`${input}.${mac}`), 'token_alg_not_allowed')
    },
  )

  test('RFC 8725 §3.1: an algorithm that the issuer does not use is refused, though its key would do', () => {
    refused(
      judge(as.sign({}, { alg: 'PS256', kid: 'as-PS256' }), { algorithms: ['ES256'] }),
      'token_alg_not_allowed',
    )
  })

  test.each([
    ['null', null],
    ['a number', 5],
    ['an array', ['as-ES256']],
    ['an object', {}],
    ['257 characters', 'k'.repeat(257)],
  ])('RFC 8725 §3.10: whose kid is %s is refused [J09, JWT-12]', (_title, kid) => {
    refused(judge(as.sign({}, { kid })), 'token_kid_malformed')
  })

  test.each(['', '../../../../dev/null', "' OR 1=1", 'a\0b\r\nc', 'k'.repeat(256)])(
    'CWE-918, RFC 8725 §3.10: kid %j is text to look up and nothing more [J09, JWT-12, PF-36]',
    (kid) => {
      expect(parseKeyHint({ typ: 'at+jwt', alg: 'ES256', kid }, expected)).toEqual({
        kid,
        algorithm: 'ES256',
      })
    },
  )

  test('FAPI 2.0 SP §5.4.2: a key that the token brings is not looked at [J06, J07, J08]', () => {
    const foreign = createKeyPair('ES256')
    const jwk = foreign.publicKey.export({ format: 'jwk' })
    for (const carried of [
      { jwk },
      { jku: 'https://evil.example' },
      { x5u: 'https://evil.example' },
      { x5c: ['AA'] },
    ]) {
      const header = { typ: 'at+jwt', alg: 'ES256', kid: 'as-ES256', ...carried }
      refused(
        judge(signCompact(header, as.claims, 'ES256', foreign.privateKey)),
        'token_signature_invalid',
      )
      expect(judge(as.sign({}, carried))).toMatchObject({ subject: 'alice' })
    }
  })

  test.each([
    [
      'of another key',
      signCompact(JSON.parse(HEADER), as.claims, 'ES256', createKeyPair('ES256').privateKey),
    ],
    ['of nothing (r = s = 0)', as.sign().replace(/[^.]*$/, 'A'.repeat(86))],
    ['a byte short', as.sign().replace(/[^.]*$/, (it) => it.slice(0, 84))],
    ['of another payload', as.sign().replace(/[^.]*$/, as.sign({ sub: 'bob' }).split('.')[2]!)],
    [
      'of other claims',
      forge(JSON.parse(HEADER), { ...as.claims, sub: 'admin' }, as.sign().split('.')[2]!),
    ],
  ])('RFC 9068 §4: whose signature is %s is refused [J17, J18, JWT-5]', (_title, token) => {
    refused(judge(token), 'token_signature_invalid')
  })

  test('RFC 9068 §4: without a key nothing is accepted [JWT-5]', () => {
    const jwt = parseUnverifiedJwt(as.sign())
    if (jwt instanceof Failure) throw new Error(jwt.reason)
    refused(verifyJwt(jwt, [], 'ES256', expected, NOW), 'token_signature_invalid')
  })

  test('RFC 9068 §4: any one key of several may have signed', () => {
    const jwt = parseUnverifiedJwt(as.sign())
    if (jwt instanceof Failure) throw new Error(jwt.reason)
    const keys = [createKeyPair('ES256').publicKey, pairs.get('as-ES256')!.pair.publicKey]
    expect(verifyJwt(jwt, keys, 'ES256', expected, NOW)).toMatchObject({ subject: 'alice' })
  })

  test('RFC 8725 §3.1: a key of another kind verifies nothing', () => {
    const jwt = parseUnverifiedJwt(as.sign())
    if (jwt instanceof Failure) throw new Error(jwt.reason)
    const others: AlgorithmName[] = ['PS256', 'EdDSA']
    const keys = others.map((alg) => pairs.get(`as-${alg}`)!.pair.publicKey)
    refused(verifyJwt(jwt, keys, 'ES256', expected, NOW), 'token_signature_invalid')
  })

  test('RFC 7517 §4: keys that are imported from their JWK verify alike', () => {
    const jwk = parsePublicJwk(pairs.get('as-ES256')!.pair.publicKey.export({ format: 'jwk' }))
    const jwt = parseUnverifiedJwt(as.sign())
    if (jwt instanceof Failure || jwk === undefined) throw new Error('a token and a key')
    const verdict = verifyJwt(jwt, [importPublicJwk(jwk)!], 'ES256', expected, NOW)
    expect(verdict).toMatchObject({ subject: 'alice' })
  })

  describe.each(['sub', 'client_id', 'jti'])('RFC 9068 §2.2: without %s [JWT-7]', (name) => {
    test.each([undefined, null, 5, ['a']])('as text it is refused (%j)', (value) => {
      refused(judge(as.sign({ [name]: value })), 'token_claim_missing')
    })

    test('of an issuer older than RFC 9068 it is accepted', () => {
      const verdict = judge(as.sign({ [name]: undefined }), { typeRequired: false })
      expect(verdict).toMatchObject({ expiresAt: NOW + 300 })
    })
  })

  test('RFC 9068 §2.2: without iat it is refused [JWT-7]', () => {
    refused(judge(as.sign({ iat: undefined })), 'token_iat_missing')
    expect(judge(as.sign({ iat: undefined }), { typeRequired: false })).toMatchObject({
      subject: 'alice',
    })
  })

  test('RFC 9068 §4: its signature is judged before its claims', () => {
    const tampered = as.sign({ exp: NOW - 1000 }).replace(/[^.]*$/, 'A'.repeat(86))
    refused(judge(tampered), 'token_signature_invalid')
  })

  test.each([
    ['iss', { iss: 'https://other.example' }, 'token_issuer_mismatch'],
    ['aud', { aud: 'app' }, 'token_audience_mismatch'],
    ['exp', { exp: NOW - 10 }, 'token_expired'],
  ])('RFC 9068 §4: and its claims are judged (%s)', (_title, changed, reason) => {
    refused(judge(as.sign(changed)), reason)
  })
})
