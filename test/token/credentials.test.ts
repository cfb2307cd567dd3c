import { describe, expect, test } from 'vitest'
import { parseCredentials } from '../../src/token/credentials.ts'

const read = (...values: string[]) =>
  parseCredentials(
    values.flatMap((value) => ['Authorization', value]),
    12,
  )

describe('parseCredentials', () => {
  test.each([
    ['Bearer abc', 'Bearer', 'abc'],
    ['bearer abc', 'Bearer', 'abc'],
    ['bEARER abc', 'Bearer', 'abc'],
    ['DPoP abc', 'DPoP', 'abc'],
    ['dpOp abc', 'DPoP', 'abc'],
    ['DPOP abc', 'DPoP', 'abc'],
    ['Bearer a-._~+/b==', 'Bearer', 'a-._~+/b=='],
    ['Bearer abcdefghijkl', 'Bearer', 'abcdefghijkl'],
  ])('RFC 9110 §11.1, RFC 6750 §2.1: %s [J38]', (value, scheme, token) => {
    expect(read(value)).toEqual({ scheme, token })
  })

  test('RFC 9110 §5.1: the name of the field is read in any case', () => {
    expect(parseCredentials(['aUTHORIZATION', 'Bearer abc'], 12)).toMatchObject({ token: 'abc' })
  })

  test('RFC 6750 §3.1: no credentials at all', () => {
    expect(read()).toMatchObject({ error: 'missing_token', reason: 'token_missing' })
  })

  test.each([
    ['DPoP: a proof', 'DPoP'],
    ['Authorization_', 'Authorization_'],
    ['Proxy-Authorization', 'Proxy-Authorization'],
    ['X-Access-Token', 'X-Access-Token'],
  ])('RFC 6750 §2.1: no other field is read for a token (%s)', (_title, name) => {
    expect(parseCredentials([name, 'Bearer abc'], 12)).toMatchObject({
      error: 'missing_token',
      reason: 'token_missing',
    })
  })

  test.each([
    ['different', ['Bearer abc', 'DPoP abc']],
    ['the same', ['Bearer abc', 'Bearer abc']],
    ['one of them empty', ['', 'Bearer abc']],
    ['one of them of another scheme', ['Basic abc', 'Bearer abc']],
  ])('RFC 9449 §7.2, RFC 9110 §5.3: two fields are refused (%s) [J39]', (_title, values) => {
    expect(read(...values)).toMatchObject({
      error: 'invalid_request',
      reason: 'authorization_several',
    })
  })

  test.each([
    ['Basic', 'Basic abc'],
    ['empty', ''],
    ['a token without a scheme', 'abc'],
    ['a tab after the scheme', 'Bearer\tabc'],
    ['a colon after the scheme', 'Bearer: abc'],
    ['a scheme that begins alike', 'Bearers abc'],
    ['a space in front', ' Bearer abc'],
    ['the other schemes of a prototype', 'constructor abc'],
  ])('RFC 6750 §3.1: another scheme is no access token (%s) [J38]', (_title, value) => {
    expect(read(value)).toMatchObject({ error: 'missing_token', reason: 'scheme_unknown' })
  })

  test.each([
    ['no token', 'Bearer'],
    ['no token after the space', 'Bearer '],
    ['two spaces', 'Bearer  abc'],
    ['a space behind', 'Bearer abc '],
    ['two tokens', 'Bearer abc def'],
    ['two credentials', 'Bearer a, DPoP b'],
    ['a quoted token', 'Bearer "abc"'],
    ['a parameter', 'DPoP token="abc"'],
    ['padding in the middle', 'Bearer a=b'],
    ['padding alone', 'Bearer =='],
    ['a tab in it', 'Bearer a\tb'],
    ['a character beyond ASCII', 'Bearer ab\xe9'],
    ['a NUL in it', 'Bearer a\0b'],
  ])('RFC 6750 §2.1: one space and one b64token (%s) [BT-2, J38]', (_title, value) => {
    expect(read(value)).toMatchObject({ error: 'invalid_request', reason: 'credentials_malformed' })
  })

  test('RFC 6750 §2.1: a token one character too long is refused [J37, JWT-16]', () => {
    expect(read('Bearer abcdefghijklm')).toMatchObject({
      error: 'invalid_request',
      reason: 'token_too_long',
    })
  })
})
