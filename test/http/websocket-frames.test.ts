import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameBorders, GOING_AWAY } from '../../src/http/websocket-frames.ts'

/** A frame of this opcode, with as many octets of payload. */
function frame(length: number, opcode = 2, masked = false): Buffer {
  const mask = masked ? 0x80 : 0
  const short = length < 126 ? length : length < 65_536 ? 126 : 127
  const extended = Buffer.alloc(short === 127 ? 8 : short === 126 ? 2 : 0)
  if (short === 126) extended.writeUInt16BE(length)
  if (short === 127) extended.writeBigUInt64BE(BigInt(length))
  const head = Buffer.of(0x80 | opcode, mask | short)
  return Buffer.concat([
    head,
    extended,
    Buffer.alloc(masked ? 4 : 0, 1),
    Buffer.alloc(length, 0x88),
  ])
}

describe('RFC 6455 §5.2: where frames end', () => {
  test.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])('of %d octets', (length) => {
    for (const isMasked of [false, true]) {
      const whole = frame(length, 2, isMasked)
      const borders = new FrameBorders()
      expect(borders.isBetween).toBe(true)
      expect(borders.passFrame(whole.subarray(0, -1))).toBeUndefined()
      expect(borders.isBetween).toBe(false)
      expect(borders.passFrame(whole.subarray(-1))).toBe(1)
      expect(borders.isBetween).toBe(true)
      expect(borders.hasClosed).toBe(false)
    }
  })

  test('however they are cut', () => {
    const frames = fc.array(fc.tuple(fc.nat(300), fc.boolean()), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 200 })), (made, cuts) => {
        const all = made.map(([length, isMasked]) => frame(length, 1, isMasked))
        const bytes = Buffer.concat(all)
        const ends = all.map((_, i) => Buffer.concat(all.slice(0, i + 1)).length)
        const [borders, single] = [new FrameBorders(), new FrameBorders()]
        let from = 0
        for (const size of [...cuts, bytes.length]) {
          const to = Math.min(from + size, bytes.length)
          const chunk = bytes.subarray(from, to)
          const first = ends.find((end) => end > from && end <= to)
          const found = single.passFrame(chunk)
          expect(found === undefined ? undefined : from + found).toBe(first)
          if (found !== undefined) single.pass(chunk.subarray(found))
          borders.pass(chunk)
          expect(single.isBetween).toBe(borders.isBetween)
          expect(borders.isBetween).toBe(to === 0 || ends.includes(to))
          from = to
        }
      }),
    )
  })

  test('of a length that nobody can count: nowhere', () => {
    const borders = new FrameBorders()
    borders.pass(Buffer.from('827fffffffffffffffff', 'hex'))
    expect(borders.passFrame(Buffer.alloc(1_000_000))).toBeUndefined()
    expect(borders.isBetween).toBe(false)
  })
})

test('RFC 6455 §5.5.1: a Close is seen, and that of a server that goes away is one', () => {
  const borders = new FrameBorders()
  borders.pass(frame(10))
  expect(borders.hasClosed).toBe(false)
  expect(borders.passFrame(GOING_AWAY)).toBe(GOING_AWAY.length)
  expect(borders.hasClosed).toBe(true)
  // RFC 6455 §7.4.1.
  expect(GOING_AWAY.readUInt16BE(2)).toBe(1001)
})
