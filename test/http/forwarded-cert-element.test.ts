import { describe, expect, test } from 'vitest'
import { parseForwardedCertElement } from '../../src/http/forwarded-cert-element.ts'

describe('X-Forwarded-Client-Cert of one proxy', () => {
  test.each([
    ['Cert=abc', { cert: 'abc', chain: undefined }],
    ['Cert="a%20b"', { cert: 'a%20b', chain: undefined }],
    ['Hash=00ff;Cert="abc";Chain="def"', { cert: 'abc', chain: 'def' }],
    [
      'By=spiffe://a/b;Hash=00ff;Subject="CN=a, O=\\"b\\";c";URI=http://a;DNS=x;DNS=y;Cert="abc"',
      { cert: 'abc', chain: undefined },
    ],
    ['hash=00ff;CHAIN="def"', { cert: undefined, chain: 'def' }],
    ['By=;Hash=00ff;Subject=""', { cert: undefined, chain: undefined }],
  ])('%s', (value, expected) => {
    expect(parseForwardedCertElement(value)).toEqual(expected)
  })

  test.each([
    ['two elements', 'Cert="abc",Cert="def"'],
    ['two, the second without a certificate', 'Cert="abc",Hash=00ff'],
    ['two, with white space', 'Hash=00ff;Cert="abc", Hash=00ff;Cert="def"'],
    ['a key that comes twice', 'Cert="abc";Cert="abc"'],
    ['the same in other letters', 'Cert="abc";cert="def"'],
    ['quotes that do not end', 'Cert="abc'],
    ['quotes that end early', 'Cert="ab"c"'],
    ['an escape of anything', 'Cert="a\\bc"'],
    ['an escape at the end', 'Cert="abc\\"'],
    ['no value', 'Cert'],
    ['no key', '="abc"'],
    ['a semicolon at the end', 'Cert="abc";'],
    ['a semicolon too many', 'Hash=a;;Cert="abc"'],
    ['a comma at the end', 'Cert="abc",'],
    ['white space', ' Cert="abc"'],
    ['nothing', ''],
    ['an equals sign in a plain value', 'Cert=a=b'],
  ])('%s is none [M18]', (_title, value) => {
    expect(parseForwardedCertElement(value)).toBeUndefined()
  })

  test('what ends a value stands in quotes: a subject cannot begin another element', () => {
    const subject = 'CN=\\",Cert=\\"evil\\"'
    expect(parseForwardedCertElement(`Subject="${subject}";Cert="abc"`)).toMatchObject({
      cert: 'abc',
    })
  })
})
