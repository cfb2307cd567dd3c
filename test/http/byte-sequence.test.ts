import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  byteSequence,
  parseByteSequence,
  parseByteSequences,
} from '../../src/http/byte-sequence.ts'

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))

describe('RFC 9651 §3.3.5: a byte sequence', () => {
  test('RFC 9651 §4.1.8: is read as it was written [CC-2]', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(byteSequence(value)).toMatch(/^:[A-Za-z0-9+/=]*:$/)
        expect(parseByteSequence(byteSequence(value))).toEqual(value)
      }),
    )
  })

  test('RFC 9651 §4.2.7: in one spelling alone', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40, unit: fc.constantFrom(...':AQ=/+,; "') }), (text) => {
        const value = parseByteSequence(text)
        expect(value === undefined || byteSequence(value) === text).toBe(true)
      }),
    )
  })

  test.each([
    ['without colons', 'QUJD'],
    ['with one', ':QUJD'],
    ['that is nothing but one', ':'],
    ['with a parameter', ':QUJD:;a=1'],
    ['with white space', ' :QUJD:'],
    ['twice', ':QUJD::QUJD:'],
    ['in a list', ':QUJD:, :QUJD:'],
    ['without padding', ':QQ:'],
    ['with a spare bit', ':QR==:'],
    ['in base64url', ':-_-_:'],
    ['in quotes', '":QUJD:"'],
    ['as text', '"QUJD"'],
  ])('%s is none [M18]', (_title, text) => {
    expect(parseByteSequence(text)).toBeUndefined()
  })
})

describe('RFC 9651 §4.2.1: a list of them', () => {
  test('is read as it was written, with white space around commas [CC-3]', () => {
    fc.assert(
      fc.property(
        fc.array(bytes, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(',', ', ', '\t,  '),
        (values, comma) => {
          expect(parseByteSequences(values.map(byteSequence).join(comma))).toEqual(values)
        },
      ),
    )
  })

  test.each(['', ':QUJD:,', ',:QUJD:', ':QUJD: :QUJD:', ':QUJD:,,:QUJD:', ':QUJD:, 1', '(:QUJD:)'])(
    '%j is none',
    (text) => {
      expect(parseByteSequences(text)).toBeUndefined()
    },
  )
})
