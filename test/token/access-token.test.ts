import { describe, expect, test } from 'vitest'
import { parseJsonObject } from '../../src/encoding/json.ts'
import { parseConfirmation } from '../../src/token/access-token.ts'
import { OTHER_THUMBPRINT, THUMBPRINT } from '../support/issuer.ts'

describe('parseConfirmation', () => {
  test('RFC 7800 §3.1: a token without the claim is bound to nothing', () => {
    expect(parseConfirmation(undefined)).toBeUndefined()
  })

  test('RFC 8705 §3.1: a certificate', () => {
    expect(parseConfirmation({ 'x5t#S256': THUMBPRINT })).toEqual({
      certificateThumbprint: THUMBPRINT,
      keyThumbprint: undefined,
    })
  })

  test('RFC 9449 §6.1: a key', () => {
    expect(parseConfirmation({ jkt: THUMBPRINT })).toEqual({
      certificateThumbprint: undefined,
      keyThumbprint: THUMBPRINT,
    })
  })

  test('RFC 7800 §3.1: both, each in its place [J43]', () => {
    expect(parseConfirmation({ jkt: THUMBPRINT, 'x5t#S256': OTHER_THUMBPRINT })).toEqual({
      certificateThumbprint: OTHER_THUMBPRINT,
      keyThumbprint: THUMBPRINT,
    })
  })

  test.each([
    ['null', null],
    ['a string', THUMBPRINT],
    ['an empty string', ''],
    ['an array', [{ jkt: THUMBPRINT }]],
    ['an empty array', []],
    ['a number', 0],
    ['true', true],
    ['false', false],
  ])('RFC 7800 §3.1: a confirmation that is no object is refused (%s) [J43]', (_title, cnf) => {
    expect(parseConfirmation(cnf)).toMatchObject({
      error: 'invalid_token',
      reason: 'cnf_malformed',
    })
  })

  test('RFC 7800 §3.1: one that names no method is refused [J43]', () => {
    expect(parseConfirmation({})).toMatchObject({ error: 'invalid_token', reason: 'cnf_empty' })
  })

  test.each([
    ['x5t of SHA-1', '{"x5t":"dGh1bWJwcmludA"}'],
    ['a whole key', '{"jwk":{"kty":"EC"}}'],
    ['kid', '{"kid":"1"}'],
    ['jku', '{"jku":"https://evil.example"}'],
    ['another case of letters', `{"JKT":"${THUMBPRINT}"}`],
    ['an unknown method beside one we know', `{"jkt":"${THUMBPRINT}","kid":"1"}`],
    ['an unknown method before one we know', `{"kid":"1","jkt":"${THUMBPRINT}"}`],
    ['__proto__ with a key in it', `{"__proto__":{"jkt":"${THUMBPRINT}"}}`],
    ['__proto__ beside a key', `{"jkt":"${THUMBPRINT}","__proto__":{}}`],
    ['constructor', '{"constructor":{}}'],
  ])('RFC 7800 §3.1: what cannot be checked is refused (%s) [J35]', (_title, text) => {
    expect(parseConfirmation(parseJsonObject(text))).toMatchObject({
      error: 'invalid_token',
      reason: 'cnf_method_unknown',
    })
  })

  test('RFC 7800 §3.1: a key that stands in the prototype is not one of the token [J35]', () => {
    expect(parseConfirmation(Object.create({ jkt: THUMBPRINT }))).toMatchObject({
      error: 'invalid_token',
      reason: 'cnf_empty',
    })
  })

  describe.each(['jkt', 'x5t#S256'])('RFC 8705 §3.1, RFC 9449 §6.1: %s [J43, MTLS-2]', (method) => {
    test.each([
      ['null', null],
      ['a number', 5],
      ['an array', [THUMBPRINT]],
      ['an object', { value: THUMBPRINT }],
      ['true', true],
      ['empty', ''],
      ['one character short', THUMBPRINT.slice(1)],
      ['one character long', `${THUMBPRINT}A`],
      ['padded', `${THUMBPRINT}=`],
      ['base64', THUMBPRINT.replaceAll('-', '+').replaceAll('_', '/')],
      ['with a spare bit set', `${THUMBPRINT.slice(0, -1)}V`],
      ['with a line feed', `${THUMBPRINT}\n`],
      ['hexadecimal', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
      ['of SHA-1', '2jmj7l5rSw0yVb_vlWAYkK_YBwk'],
    ])('malformed is refused (%s)', (_title, thumbprint) => {
      expect(parseConfirmation({ [method]: thumbprint })).toMatchObject({
        error: 'invalid_token',
        reason: 'cnf_thumbprint_malformed',
      })
    })
  })

  test('RFC 7800 §3.1: one malformed method beside a sound one is refused [J43]', () => {
    expect(parseConfirmation({ jkt: THUMBPRINT, 'x5t#S256': '' })).toMatchObject({
      error: 'invalid_token',
      reason: 'cnf_thumbprint_malformed',
    })
  })
})
