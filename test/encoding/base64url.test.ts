import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBase64url, isSha256Thumbprint } from '../../src/encoding/base64url.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

describe('decodeBase64url', () => {
  test('RFC 7515 §2: every sequence of bytes comes back from its encoding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64url')
        expect(decodeBase64url(text)).toEqual(Buffer.from(bytes))
      }),
    )
  })

  test('RFC 7515 §2: the empty text is no bytes', () => {
    expect(decodeBase64url('')).toEqual(Buffer.alloc(0))
  })

  test('RFC 7515 Appendix C: the example', () => {
    expect(decodeBase64url('A-z_4ME')).toEqual(Buffer.from([3, 236, 255, 224, 193]))
  })

  test('RFC 7515 §2: bytes have one spelling: what decodes, encodes to the same text [J21]', () => {
    const characters = fc.constantFrom(...ALPHABET, '=', '+', '/', ' ', '\n', '\u0141')
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 12 }), (text) => {
        const bytes = decodeBase64url(text)
        const canonical = Buffer.from(text, 'base64url').toString('base64url') === text
        expect(bytes !== undefined).toBe(canonical)
      }),
      { numRuns: 2000 },
    )
  })

  test('RFC 7515 §2: of all last characters, only those with zero spare bits are accepted [J21]', () => {
    const accepted = (before: string) =>
      [...ALPHABET].filter((last) => decodeBase64url(before + last) !== undefined).join('')
    expect(accepted('A')).toBe('AQgw')
    expect(accepted('AA')).toBe('AEIMQUYcgkosw048')
    expect(accepted('AAA')).toBe(ALPHABET)
    expect(accepted('AAAA')).toBe('')
  })

  test.each([
    ['padding', 'A-z_4ME='],
    ['padding in full groups', 'A-z_4M=='],
    ['the alphabet of base64', 'A+z/4ME'],
    ['a space inside', 'A-z_ 4ME'],
    ['a space at the end', 'A-z_4ME '],
    ['a line feed at the end', 'A-z_4ME\n'],
    ['a line feed inside', 'A-z_\n4ME'],
    ['NUL', 'A-z_4ME\0'],
    ['a letter beyond ASCII', 'A-z_4M\u00c9'],
    ['a full-width letter', 'A-z_4M\uff25'],
    ['a length that no bytes have', 'A-z_4'],
  ])('RFC 7515 §2: %s is refused [J21]', (_, text) => {
    expect(decodeBase64url(text)).toBeUndefined()
  })
})

describe('isSha256Thumbprint', () => {
  const thumbprint = 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0'

  test('RFC 7638 §3: the encoding of any 32 bytes is one [J43]', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        expect(isSha256Thumbprint(Buffer.from(bytes).toString('base64url'))).toBe(true)
      }),
    )
  })

  test('RFC 8705 §3.1: the thumbprint printed as the example is not canonical, and refused [J43]', () => {
    // It ends in `g2`, whose spare bits are 10. The bytes it stands for are spelled with `g0`.
    expect(isSha256Thumbprint('bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2')).toBe(false)
    expect(isSha256Thumbprint(thumbprint)).toBe(true)
  })

  test.each([
    ['padded', `${thumbprint}=`],
    ['too short', thumbprint.slice(1)],
    ['too long', `A${thumbprint}`],
    ['followed by a line feed', `${thumbprint}\n`],
    ['in base64', thumbprint.replace('_', '/').replace('-', '+')],
    ['in hexadecimal', 'a'.repeat(64)],
    ['empty', ''],
    ['a list of one', [thumbprint]],
    ['an object that prints as one', { toString: () => thumbprint }],
    ['a number', 43],
    ['null', null],
    ['undefined', undefined],
  ])('RFC 7638 §3: what is %s is not a thumbprint [J43]', (_, value) => {
    expect(isSha256Thumbprint(value)).toBe(false)
  })
})
