import { createHmac } from 'node:crypto'
import { CompactEncrypt, SignJWT } from 'jose'
import { beforeEach, describe, expect, test } from 'vitest'
import { Failure, fail } from '../../src/failure/failure.ts'
import type { Claims } from '../../src/token/claims.ts'
import { parseIntrospection } from '../../src/token/introspection.ts'
import { verifyIntrospectionJwt } from '../../src/token/introspection-jwt.ts'
import { createKeyPair, signCompact } from '../support/compact-signing.ts'
import { AUDIENCE, createIssuer, type MemoryIssuer, NOW } from '../support/issuer.ts'

const GATEWAY = 'gateway'
const RECIPIENTS = [GATEWAY, AUDIENCE]

let as: MemoryIssuer
beforeEach(() => {
  as = createIssuer('as', { algorithms: ['ES256', 'PS256'] })
})

/** What is said of the token. */
const members = { active: true, aud: AUDIENCE, exp: NOW + 300, sub: 'alice', scope: 'accounts' }

const claimsOf = (changed: object = {}) => ({
  iss: as.issuer.issuer,
  aud: GATEWAY,
  iat: NOW - 1,
  token_introspection: members,
  ...changed,
})

const headerOf = (changed: object = {}) => ({
  typ: 'token-introspection+jwt',
  alg: 'ES256',
  kid: 'as-ES256',
  ...changed,
})

const ownKey = (name = 'as-ES256') => as.keys.pairs.get(name)!.pair

const sign = (changed: object = {}, header: object = {}, key = ownKey()) =>
  signCompact(headerOf(header), claimsOf(changed), 'ES256', key.privateKey)

const verify = (text: string, now = NOW) =>
  verifyIntrospectionJwt(text, as.keys, as.issuer, RECIPIENTS, now)

/** INT-8: whatever is wrong with a response is not the client's fault. */
const expectFault = (verdict: unknown, reason: string) =>
  expect(verdict).toMatchObject({ error: 'temporarily_unavailable', reason })

const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')

describe('a signed introspection response', () => {
  test('RFC 9701 §5: is what it says of the token [INT-8]', async () => {
    expect(await verify(sign())).toEqual(members)
  })

  test('RFC 9701 §5: may be signed by whatever jose signs with a key of the issuer [INT-8]', async () => {
    const text = await new SignJWT(claimsOf())
      .setProtectedHeader({ typ: 'token-introspection+jwt', alg: 'PS256', kid: 'as-PS256' })
      .sign(ownKey('as-PS256').privateKey)
    expect(await verify(text)).toEqual(members)
  })

  test.each([
    ['Token-Introspection+JWT'],
    ['application/token-introspection+jwt'],
    ['Application/Token-Introspection+JWT'],
  ])('RFC 7515 §4.1.9: typ may be written as %s', async (typ) => {
    expect(await verify(sign({}, { typ }))).toEqual(members)
  })

  test.each<[string, unknown]>([
    ['the client_id of the gateway', GATEWAY],
    ['an audience of the issuer', AUDIENCE],
    ['one of several', ['https://other.example', GATEWAY]],
  ])('RFC 9701 §5: aud identifies this resource server: %s [INT-8]', async (_title, aud) => {
    expect(await verify(sign({ aud }))).toEqual(members)
  })

  test.each([
    ['at the last moment', NOW - 70],
    ['by a clock that is ahead', NOW + 10],
  ])('RFC 9701 §5: iat is fresh %s [INT-8]', async (_title, iat) => {
    expect(await verify(sign({ iat }))).toEqual(members)
  })

  test('RFC 9701 §5: without a kid is tried with the keys of its algorithm [INT-8]', async () => {
    expect(await verify(sign({}, { kid: undefined }))).toEqual(members)
  })

  test('RFC 9701 §5: waits for keys that are not at hand [INT-8]', async () => {
    as.keys.isLate = true
    expect(await verify(sign())).toEqual(members)
  })
})

describe('RFC 9701 §5: of the token is said only what stands in token_introspection [INT-9]', () => {
  const contrary = { active: false, sub: 'mallory', exp: NOW - 1000, scope: 'payments', cnf: {} }

  test('whatever stands beside it', async () => {
    expect(await verify(sign(contrary))).toEqual(members)
  })

  test('and not that it is active, if that stands beside it alone', async () => {
    const text = sign({ ...members, aud: GATEWAY, token_introspection: { active: false } })
    const response = await verify(text)
    if (response instanceof Failure) throw new Error(response.reason)
    expect(parseIntrospection(response, as.issuer, NOW)).toMatchObject({
      error: 'invalid_token',
      reason: 'token_inactive',
    })
  })

  test.each<[string, unknown]>([
    ['absent', undefined],
    ['null', null],
    ['a list', [members]],
    ['text', JSON.stringify(members)],
    ['true', true],
  ])('and nothing where it is %s', async (_title, nested) => {
    const text = sign({ ...members, aud: GATEWAY, token_introspection: nested })
    expectFault(await verify(text), 'introspection_jwt_without_response')
  })
})

describe('RFC 9701 §5: what is no signed response of this issuer for this gateway [I16]', () => {
  test.each<[string, Claims, string]>([
    ['iss of another', { iss: 'https://other.example' }, 'introspection_jwt_issuer_mismatch'],
    ['iss with a slash', { iss: 'https://as.example/' }, 'introspection_jwt_issuer_mismatch'],
    ['no iss', { iss: undefined }, 'introspection_jwt_issuer_mismatch'],
    ['aud of another', { aud: 'other-gateway' }, 'introspection_jwt_audience_mismatch'],
    ['aud in other letters', { aud: 'Gateway' }, 'introspection_jwt_audience_mismatch'],
    ['aud of several others', { aud: ['a', 'b'] }, 'introspection_jwt_audience_mismatch'],
    ['aud of none', { aud: [] }, 'introspection_jwt_audience_mismatch'],
    ['aud in an object', { aud: { gateway: 1 } }, 'introspection_jwt_audience_mismatch'],
    ['no aud', { aud: undefined }, 'introspection_jwt_audience_mismatch'],
    ['no iat', { iat: undefined }, 'introspection_jwt_iat_malformed'],
    ['iat as text', { iat: String(NOW) }, 'introspection_jwt_iat_malformed'],
    ['iat in milliseconds', { iat: NOW * 1000 }, 'introspection_jwt_iat_malformed'],
    ['iat of long ago', { iat: NOW - 71 }, 'introspection_jwt_too_old'],
    ['iat of the future', { iat: NOW + 11 }, 'introspection_jwt_from_the_future'],
  ])('%s', async (_title, changed, reason) => {
    expectFault(await verify(sign(changed)), reason)
  })

  test.each<[string, Claims, string]>([
    ['no typ', { typ: undefined }, 'introspection_jwt_typ'],
    ['typ JWT', { typ: 'JWT' }, 'introspection_jwt_typ'],
    ['typ at+jwt', { typ: 'at+jwt' }, 'introspection_jwt_typ'],
    ['typ in a list', { typ: ['token-introspection+jwt'] }, 'introspection_jwt_typ'],
    ['typ of another tree', { typ: 'text/token-introspection+jwt' }, 'introspection_jwt_typ'],
    ['no alg', { alg: undefined }, 'introspection_jwt_alg_not_allowed'],
    ['alg in other letters', { alg: 'es256' }, 'introspection_jwt_alg_not_allowed'],
    ['alg that is not the issuer’s', { alg: 'ES384' }, 'introspection_jwt_alg_not_allowed'],
    ['kid that is a number', { kid: 1 }, 'introspection_jwt_kid_malformed'],
    ['kid that nobody has', { kid: 'other' }, 'introspection_jwt_key_unknown'],
    ['kid of a key for another algorithm', { kid: 'as-PS256' }, 'introspection_jwt_key_unknown'],
    ['a critical extension', { crit: ['b64'], b64: true }, 'introspection_jwt_malformed'],
  ])('%s', async (_title, header, reason) => {
    expectFault(await verify(sign({}, header)), reason)
  })

  test('RFC 9701 §5: a signature of a key that is not the issuer’s [I16]', async () => {
    const text = sign({}, {}, createKeyPair('ES256'))
    expectFault(await verify(text), 'introspection_jwt_signature_invalid')
  })

  test('RFC 9701 §5: no signature, or one by what everybody knows [I16]', async () => {
    const none = `${encode(headerOf({ alg: 'none' }))}.${encode(claimsOf())}.`
    expectFault(await verify(none), 'introspection_jwt_malformed')
    expectFault(await verify(`${none}AA`), 'introspection_jwt_alg_not_allowed')

    const input = `${encode(headerOf({ alg: 'HS256' }))}.${encode(claimsOf())}`
    const known = ownKey().publicKey.export({ type: 'spki', format: 'pem' })
    const mac = createHmac('sha256', known).update(input).digest('base64url')
    expectFault(await verify(`${input}.${mac}`), 'introspection_jwt_alg_not_allowed')
  })

  test('RFC 9701 §5: the signature of another response [I16]', async () => {
    const [header, , signature] = sign().split('.')
    const payload = encode(claimsOf({ token_introspection: { ...members, scope: 'payments' } }))
    expectFault(
      await verify(`${header}.${payload}.${signature}`),
      'introspection_jwt_signature_invalid',
    )
  })

  test.each<[string, () => string]>([
    ['nothing', () => ''],
    ['plain JSON', () => JSON.stringify(members)],
    ['a line behind it', () => `${sign()}\n`],
    [
      'two claims of one name',
      () =>
        signCompact(
          headerOf(),
          JSON.stringify(claimsOf()).replace('{', '{"iss":"https://other.example",'),
          'ES256',
          ownKey().privateKey,
        ),
    ],
    ['a list of claims', () => signCompact(headerOf(), [], 'ES256', ownKey().privateKey)],
  ])('RFC 9701 §5: %s [INT-8]', async (_title, text) => {
    expectFault(await verify(text()), 'introspection_jwt_malformed')
  })
})

describe('RFC 9701 §8.1: what the issuer signed for something else is no response [I16]', () => {
  test('a JWT access token for this very resource', async () => {
    expectFault(await verify(as.sign()), 'introspection_jwt_typ')
  })

  test('not even one into which its client has brought a response', async () => {
    const token = as.sign({ token_introspection: members, aud: [GATEWAY, AUDIENCE] })
    expectFault(await verify(token), 'introspection_jwt_typ')
  })

  test.each([[undefined], ['JWT']])('an ID token for the gateway (typ %s)', async (typ) => {
    const token = as.sign({ aud: GATEWAY, nonce: 'n', token_introspection: members }, { typ })
    expectFault(await verify(token), 'introspection_jwt_typ')
  })
})

test('RFC 9701 §6: an encrypted response is refused [INT-10]', async () => {
  const text = await new CompactEncrypt(Buffer.from(sign()))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'JWT', typ: 'token-introspection+jwt' })
    .encrypt(new Uint8Array(32))
  expectFault(await verify(text), 'introspection_jwt_malformed')
})

describe('the keys of a signed response', () => {
  test('RFC 8725 §3.1: are not asked for what no key of the issuer may sign', async () => {
    await verify(sign({}, { typ: 'JWT' }))
    await verify(sign({}, { alg: 'ES384' }))
    expect(as.keys.asked).toBe(0)
  })

  test('RFC 9701 §5: that could not be had leave the token unknown [INT-8]', async () => {
    as.keys.failure = fail('temporarily_unavailable', 'jwks_not_loaded')
    expect(await verify(sign())).toBe(as.keys.failure)
  })

  test('RFC 9701 §5: are asked for anew where another may stand under its kid [INT-8]', async () => {
    const { keys } = createIssuer('as')
    const text = sign({}, {}, keys.pairs.get('as-ES256')!.pair)
    expectFault(await verify(text), 'introspection_jwt_signature_invalid')
    as.keys.renewal = async () => {
      Object.assign(as.keys, { pairs: keys.pairs })
    }
    expect(await verify(text)).toEqual(members)
  })

  test('RFC 9701 §5: that are gone when they are asked for anew verify nothing [INT-8]', async () => {
    const text = sign({}, {}, createKeyPair('ES256'))
    as.keys.renewal = async () => {
      as.keys.failure = fail('temporarily_unavailable', 'jwks_not_loaded')
    }
    expect(await verify(text)).toMatchObject({ reason: 'jwks_not_loaded' })
  })
})
