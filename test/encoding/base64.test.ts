import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBase64 } from '../../src/encoding/base64.ts'

describe('RFC 4648 §4: base64 has one text for one sequence of bytes', () => {
  test('which is read back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64')
        expect(decodeBase64(text)).toEqual(Buffer.from(bytes))
      }),
    )
  })

  test('and every other text is none', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const bytes = decodeBase64(text)
        expect(bytes === undefined || bytes.toString('base64') === text).toBe(true)
      }),
    )
  })

  test.each([
    ['no padding', 'QQ'],
    ['half of it', 'QQ='],
    ['too much of it', 'QUI=='],
    ['padding of nothing', '===='],
    ['padding in the middle', 'QQ==QUJD'],
    ['a spare bit that is set', 'QR=='],
    ['another', 'QUJ='],
    ['white space', 'QUJD QUJD'],
    ['the end of a line', 'QUJD\n'],
    ['base64url', 'QUJ-_w=='],
    ['a quote', '"QUJD"'],
  ])('%s', (_title, text) => {
    expect(decodeBase64(text)).toBeUndefined()
  })
})
