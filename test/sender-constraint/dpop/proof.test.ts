import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonObject } from '../../../src/encoding/json.ts'
import { parseRequestTarget } from '../../../src/http/path.ts'
import { normaliseTargetUri } from '../../../src/http/target-uri.ts'
import { checkProofClaims } from '../../../src/sender-constraint/dpop/proof.ts'
import { sha256 } from '../../support/checked-request.ts'
import { createKeyPair } from '../../support/compact-signing.ts'
import { NOW, THUMBPRINT } from '../../support/issuer.ts'

const { publicKey: key } = createKeyPair('ES256')
const expected = {
  method: 'POST',
  targetUri: 'https://rs.example/payments',
  accessTokenHash: sha256('token'),
}
const honest = {
  htm: 'POST',
  htu: 'https://rs.example/payments',
  iat: NOW,
  jti: 'jti',
  ath: sha256('token'),
}

const check = (changed: object, wanted: object = {}) =>
  checkProofClaims(
    { claims: { ...honest, ...changed }, key, keyThumbprint: THUMBPRINT },
    { ...expected, ...wanted },
  )
const refused = (verdict: unknown, reason: string) =>
  expect(verdict).toMatchObject({ error: 'invalid_dpop_proof', reason })

describe('checkProofClaims', () => {
  test('RFC 9449 §4.3: a proof for this request and this token', () => {
    expect(check({})).toEqual({
      keyThumbprint: THUMBPRINT,
      key,
      jti: 'jti',
      iat: NOW,
      nonce: undefined,
      acceptableUntil: 0,
    })
  })

  test('RFC 9449 §4.2: claims beyond those are passed over, nbf and exp among them [DPOP-4.2-2, DPOP-4.2-3]', () => {
    const more = { nbf: NOW + 300, exp: NOW - 300, sub: 'x', htx: {}, nonce: 'n' }
    expect(check(more)).toMatchObject({ jti: 'jti', nonce: 'n' })
  })

  test.each([
    ['absent', undefined],
    ['null', null],
    ['a number', 5],
    ['an array', ['jti']],
    ['empty', ''],
    ['257 characters', 'j'.repeat(257)],
    ['10 KiB', 'j'.repeat(10_240)],
  ])('RFC 9449 §4.3 (3): a jti that is %s is refused [D11, DPOP-4.3-3]', (_title, jti) => {
    refused(check({ jti }), 'dpop_jti_malformed')
  })

  test.each(['j', 'j'.repeat(256), 'a\0b', '*\r\n'])(
    'RFC 9449 §4.3 (3): any other is only an identifier (%#) [D11]',
    (jti) => {
      expect(check({ jti })).toMatchObject({ jti })
    },
  )

  test.each([
    ['a string', '"1700000000"'],
    ['null', 'null'],
    ['an array', '[1700000000]'],
    ['nought', '0'],
    ['negative', '-1'],
    ['in milliseconds', '1700000000000'],
    ['1e308', '1e308'],
  ])('RFC 9449 §4.3 (3): an iat that is %s is refused [D10, DPOP-4.3-3]', (_title, json) => {
    refused(check(parseJsonObject(`{"iat":${json}}`)!), 'dpop_iat_malformed')
  })

  test('RFC 9449 §4.3 (3): a proof without iat is refused [D10, DPOP-4.3-3]', () => {
    refused(check({ iat: undefined }), 'dpop_iat_malformed')
  })

  test('RFC 7519 §2: an iat may have a fraction', () => {
    expect(check({ iat: NOW + 0.5 })).toMatchObject({ iat: NOW + 0.5 })
  })

  test.each([[null], [5], [['n']], [{}], [true]])(
    'RFC 9449 §4.3 (3): a nonce that is no text is refused (%j) [DPOP-4.3-3]',
    (nonce) => {
      refused(check({ nonce }), 'dpop_nonce_malformed')
    },
  )

  test.each([
    ['another', 'GET'],
    ['in another case', 'post'],
    ['with a space', 'POST '],
    ['absent', undefined],
    ['null', null],
    ['an array', ['POST']],
    ['empty', ''],
  ])(
    'RFC 9449 §4.3 (8), RFC 9110 §9.1: the method %s is refused [D07, DPOP-4.3-8]',
    (_title, htm) => {
      refused(check({ htm }), 'dpop_htm_mismatch')
    },
  )

  test('RFC 9449 §4.3 (8): a proof for GET is none for HEAD [D07, DPOP-4.3-8]', () => {
    refused(check({ htm: 'GET' }, { method: 'HEAD' }), 'dpop_htm_mismatch')
  })

  test.each([
    'https://rs.example/payments?a=b',
    'https://rs.example/payments#c',
    'https://rs.example/payments?a=/../b#c?d',
    'HTTPS://RS.EXAMPLE/payments',
    'https://rs.example:443/payments',
    'https://rs.example:/payments',
    'https://rs.example/p%61yments',
    'https://rs.example/a/../payments',
    'https://rs.example/./payments',
  ])('RFC 9449 §4.3 (9): %s is the same target [D08, DPOP-4.3-9, DPOP-4.3-9n]', (htu) => {
    expect(check({ htu })).toMatchObject({ jti: 'jti' })
  })

  test.each([
    'http://rs.example/payments',
    'https://rs.example:8443/payments',
    'https://rs.example./payments',
    'https://rs.example/payments/',
    'https://rs.example//payments',
    'https://rs.example/Payments',
    'https://rs.example/accounts',
    'https://rs.example/',
    'https://rs.example',
    'https://evil.example/payments',
    'https://rs.example@evil.example/payments',
    'https://user@rs.example/payments',
    'https://rs.example/payments%2F',
    'https://rs.example/payments;a',
    'https://rs.example\\payments',
    'https://rs.example/pay\tments',
    ' https://rs.example/payments',
    '/payments',
    'payments',
    '//rs.example/payments',
    '',
  ])('RFC 9449 §4.3 (9): %s is another [D08, DPOP-4.3-9]', (htu) => {
    refused(check({ htu }), 'dpop_htu_mismatch')
  })

  test('RFC 9449 §4.3 (9): the log is told the origin that was wanted, and no path', () => {
    expect(check({ htu: '' })).toMatchObject({ detail: { expected_origin: 'https://rs.example' } })
  })

  test.each([[undefined], [null], [5], [['https://rs.example/payments']], [{}]])(
    'RFC 9449 §4.3 (3): an htu that is no text is refused (%j) [DPOP-4.3-3]',
    (htu) => {
      refused(check({ htu }), 'dpop_htu_malformed')
    },
  )

  test('RFC 9449 §4.3 (9): the target of every request is in the form it is compared in', () => {
    const segment = fc.string({
      unit: fc.constantFrom(..."aZ09-._~!$&'()*+,=:@%2f3A"),
      maxLength: 6,
    })
    let compared = 0
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 4 }), (segments) => {
        const target = parseRequestTarget(`/${segments.join('/')}`)
        if ('reason' in target) return
        compared += 1
        const uri = `https://rs.example${target.path}`
        expect(normaliseTargetUri(uri)).toBe(uri)
      }),
    )
    expect(compared).toBeGreaterThan(0)
  })

  test.each([
    ['absent', undefined],
    ['of another token', sha256('other')],
    ['padded', `${sha256('token')}=`],
    ['empty', ''],
    ['null', null],
    ['the token itself', 'token'],
    ['hexadecimal', Buffer.from(sha256('token'), 'base64url').toString('hex')],
    ['an array', [sha256('token')]],
  ])('RFC 9449 §4.3 (12): an ath that is %s is refused [D17, D27, DPOP-4.3-12a]', (_title, ath) => {
    refused(check({ ath }), 'dpop_ath_mismatch')
  })
})
