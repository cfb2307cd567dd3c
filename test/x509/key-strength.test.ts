import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { isWeakKey } from '../../src/x509/key-strength.ts'
import { bits, integer, octets, oid, sequence } from '../support/der-writing.ts'

const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).publicKey
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey

describe('FAPI 2.0 SP §5.4.1 (2), (3): RSA has 2048 bits, EC 224', () => {
  test.each<[string, () => KeyObject, boolean]>([
    ['RSA 1024', () => rsa(1024), true],
    ['RSA 2047', () => rsa(2047), true],
    ['RSA 2048', () => rsa(2048), false],
    ['RSA-PSS 1024', () => generateKeyPairSync('rsa-pss', { modulusLength: 1024 }).publicKey, true],
    ['P-192', () => ec('prime192v1'), true],
    ['secp160r1', () => ec('secp160r1'), true],
    ['brainpoolP160r1', () => ec('brainpoolP160r1'), true],
    ['P-224', () => ec('secp224r1'), false],
    ['P-256', () => ec('prime256v1'), false],
    ['P-521', () => ec('secp521r1'), false],
    ['P-192, compressed', () => compressed('prime192v1'), true],
    ['P-256, compressed', () => compressed('prime256v1'), false],
    ['Ed25519', () => generateKeyPairSync('ed25519').publicKey, false],
    ['Ed448', () => generateKeyPairSync('ed448').publicKey, false],
    ['X25519, which signs nothing', () => generateKeyPairSync('x25519').publicKey, true],
    [
      'DSA',
      () => generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).publicKey,
      true,
    ],
  ])('%s', (_, key, expected) => {
    expect(isWeakKey(key())).toBe(expected)
  })
})

function compressed(namedCurve: string): KeyObject {
  const der = ec(namedCurve).export({ type: 'spki', format: 'der' })
  const point = der.subarray(der.length - (namedCurve === 'prime192v1' ? 49 : 65))
  const half = (point.length - 1) / 2
  const short = Buffer.concat([Buffer.from([2 + (point.at(-1)! & 1)]), point.subarray(1, half + 1)])
  const curve = namedCurve === 'prime192v1' ? '1.2.840.10045.3.1.1' : '1.2.840.10045.3.1.7'
  const algorithm = sequence(oid('1.2.840.10045.2.1'), oid(curve))
  return createPublicKey({ key: sequence(algorithm, bits(short)), type: 'spki', format: 'der' })
}

test('RFC 5480 §2.1.1: a curve that is spelt out is no curve to trust', () => {
  // P-256 in numbers, but for its generator: whoever chooses that knows the key (CVE-2020-0601).
  const der = ec('prime256v1').export({ type: 'spki', format: 'der' })
  const point = der.subarray(der.length - 65)
  const number = (hex: string) => integer(hex)
  const field = (hex: string) => octets(Buffer.from(hex, 'hex'))
  const p = '00ffffffff00000001000000000000000000000000ffffffffffffffffffffffff'
  const parameters = sequence(
    number('01'),
    sequence(oid('1.2.840.10045.1.1'), number(p)),
    sequence(
      field('ffffffff00000001000000000000000000000000fffffffffffffffffffffffc'),
      field('5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b'),
    ),
    octets(point),
    number('00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
    number('01'),
  )
  const spki = sequence(sequence(oid('1.2.840.10045.2.1'), parameters), bits(point))
  const key = createPublicKey({ key: spki, type: 'spki', format: 'der' })
  expect(isWeakKey(key)).toBe(true)
})
