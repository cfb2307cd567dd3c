import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitSequences } from '../../src/encoding/der.ts'

/** A SEQUENCE with this content. */
function sequence(content: Uint8Array): Buffer {
  const { length } = content
  const size =
    length < 0x80 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([0x30, ...size]), content])
}

const hex = (text: string) => Buffer.from(text, 'hex')

describe('splitSequences', () => {
  test('X.690 §8.1.3: finds what was put behind one another, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 5 }), (contents) => {
        const all = contents.map(sequence)
        expect(splitSequences(Buffer.concat(all))).toEqual(all)
      }),
    )
  })

  test('X.690 §8.1.3: and nothing that is cut off, or has something behind it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), (content, at) => {
        const whole = sequence(content)
        const cut = whole.subarray(0, 1 + (at % (whole.length - 1)))
        expect(splitSequences(cut)).toBeUndefined()
        expect(splitSequences(Buffer.concat([whole, Buffer.from([0])]))).toBeUndefined()
      }),
    )
  })

  test.each([
    ['another tag', '3100'],
    ['no length', '30'],
    ['no end', '30800000'],
    ['a length of more than it holds', '3004020100'],
    ['a length in more bytes than it needs', '308103020105'],
    ['the same with a zero in front', '30820003020105'],
    ['a length of four bytes', '308400000003020105'],
    ['half a length', '3082'],
  ])('X.690 §10.1: %s is none', (_title, bytes) => {
    expect(splitSequences(hex(bytes))).toBeUndefined()
  })
})
