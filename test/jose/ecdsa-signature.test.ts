import { generateKeyPairSync, sign, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ecdsaSigValue } from '../../src/jose/ecdsa-signature.ts'

const CURVES = [
  ['prime256v1', 32],
  ['secp384r1', 48],
  ['secp521r1', 66],
] as const

/** Reads DER as X.690 says, and nothing that is not the shortest form. */
function read(der: Buffer): { r: Buffer; s: Buffer } {
  const begin = der[1] === 0x81 ? 3 : 2
  expect(der[0]).toBe(0x30)
  expect(der[begin - 1]).toBe(der.length - begin)
  expect(begin === 3).toBe(der.length - begin > 127)
  const integer = (at: number) => {
    expect(der[at]).toBe(0x02)
    const octets = der.subarray(at + 2, at + 2 + der[at + 1]!)
    expect(octets.length).toBeGreaterThan(0)
    expect(octets[0]! < 0x80).toBe(true)
    if (octets.length > 1 && octets[0] === 0) expect(octets[1]! > 0x7f).toBe(true)
    return octets
  }
  const r = integer(begin)
  const s = integer(begin + 2 + r.length)
  expect(begin + 4 + r.length + s.length).toBe(der.length)
  return { r, s }
}

const numberOf = (octets: Buffer) => BigInt(`0x${octets.toString('hex')}`)

describe('ecdsaSigValue', () => {
  test.each(CURVES)(
    'RFC 3279 §2.2.3, X.690 §8.3: %s, any two numbers are written as they are, in the shortest form',
    (_, half) => {
      const octets = fc.oneof(
        fc.uint8Array({ minLength: half, maxLength: half }),
        // Numbers that are small, or whose first octet that counts has the bit of the sign.
        fc
          .tuple(fc.nat({ max: half }), fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0xff))
          .map(([zeros, first]) => new Uint8Array(half).fill(first, zeros)),
      )
      fc.assert(
        fc.property(octets, octets, (r, s) => {
          const written = read(ecdsaSigValue(Buffer.concat([r, s])))
          expect(numberOf(written.r)).toBe(numberOf(Buffer.from(r)))
          expect(numberOf(written.s)).toBe(numberOf(Buffer.from(s)))
        }),
      )
    },
  )

  test.each(CURVES)(
    'RFC 7518 §3.4: %s, OpenSSL accepts what node:crypto signed in the other form',
    (namedCurve) => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
      for (let i = 0; i < 100; i++) {
        const input = Buffer.from(`message ${i}`)
        const signature = sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' })
        expect(verify('sha256', input, publicKey, ecdsaSigValue(signature))).toBe(true)
      }
    },
  )
})
