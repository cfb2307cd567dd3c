import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseEscapedPem, parsePem } from '../../src/http/escaped-pem.ts'

const BEGIN = '-----BEGIN CERTIFICATE-----'
const END = '-----END CERTIFICATE-----'

/** RFC 7468 §2, as OpenSSL writes it. */
function pem(der: Buffer, line = '\n', width = 64): string {
  const lines = der.toString('base64').match(new RegExp(`.{1,${width}}`, 'g')) ?? []
  return [BEGIN, ...lines, END, ''].join(line)
}

const der = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array))
const ONE = Buffer.from('a certificate of some length, so that it takes more than one line of PEM')

/** As each of them encodes. */
const ENCODERS: Readonly<Record<string, (text: string) => string>> = {
  'all but letters and digits, as nginx does': encodeURIComponent,
  'all but +=/, as AWS does': (text) =>
    encodeURIComponent(text).replace(/%2B|%3D|%2F/g, decodeURIComponent),
  'in small letters': (text) =>
    encodeURIComponent(text).replace(/%../g, (byte) => byte.toLowerCase()),
  'every byte': (text) =>
    Buffer.from(text)
      .toString('hex')
      .replace(/../g, (byte) => `%${byte}`),
}

describe.each(Object.entries(ENCODERS))('RFC 7468 §5: PEM encoded %s', (_title, encode) => {
  test('is read back, one or several', () => {
    fc.assert(
      fc.property(fc.array(der, { minLength: 1, maxLength: 4 }), (all) => {
        expect(parseEscapedPem(encode(all.map((one) => pem(one)).join('')))).toEqual(all)
      }),
    )
  })

  test('with CR LF, and without an end of the last line', () => {
    expect(parseEscapedPem(encode(pem(ONE, '\r\n')))).toEqual([ONE])
    expect(parseEscapedPem(encode(pem(ONE).trimEnd()))).toEqual([ONE])
  })
})

describe('RFC 7468 §3: what is not strictly PEM is none', () => {
  const good = pem(ONE)
  const [, first = ''] = good.split('\n')

  test.each([
    ['nothing', ''],
    ['text before it', `hello\n${good}`],
    ['text behind it', `${good}hello`],
    ['an empty line behind it', `${good}\n`],
    ['an empty line within', good.replace(first, `${first}\n`)],
    ['a header within', good.replace(first, `Proc-Type: 4,ENCRYPTED\n${first}`)],
    ['white space at the end of a line', good.replace(first, `${first} `)],
    ['a beginning within', good.replace(first, `${BEGIN}\n${first}`)],
    ['no end', good.replace(END, '')],
    ['no beginning', good.replace(`${BEGIN}\n`, '')],
    ['another label', good.replaceAll('CERTIFICATE', 'X509 CRL')],
    ['a trusted certificate', good.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE')],
    ['a foreign character', good.replace(first, `${first.slice(1)}*`)],
    ['nothing in it', `${BEGIN}\n${END}\n`],
    ['padding within', good.replace(first, `${first.slice(4)}QQ==`)],
    ['a lone CR', good.replace('\n', '\r')],
    ['a NUL', `${good}\0`],
    ['a field line behind it', `${good}\r\nX-Subject: admin`],
  ])('%s [M18]', (_title, text) => {
    expect(parsePem(text)).toBeUndefined()
    expect(parseEscapedPem(encodeURIComponent(text))).toBeUndefined()
  })

  test.each([
    ['plain', good],
    ['a plus for a space', encodeURIComponent(good).replaceAll('%20', '+')],
    ['half an escape', `${encodeURIComponent(good)}%0`],
    ['an escape that is none', encodeURIComponent(good).replace('%20', '%2G')],
    ['encoded twice', encodeURIComponent(encodeURIComponent(good))],
    ['a comma behind it', `${encodeURIComponent(good)},${encodeURIComponent(good)}`],
    ['in quotes', `"${encodeURIComponent(good)}"`],
  ])('nor what is not strictly encoded: %s [M18]', (_title, value) => {
    expect(parseEscapedPem(value)).toBeUndefined()
  })
})
