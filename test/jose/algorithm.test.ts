import { describe, expect, test } from 'vitest'
import { ALGORITHM_NAMES, ALGORITHMS, isAlgorithm } from '../../src/jose/algorithm.ts'

describe('ALGORITHMS', () => {
  test('RFC 7518 §3: the tuple of names and the table list the same algorithms', () => {
    expect([...ALGORITHM_NAMES]).toEqual(Object.keys(ALGORITHMS))
  })

  test.each([
    ['ES256', 'P-256', 'sha256', 64],
    ['ES384', 'P-384', 'sha384', 96],
    ['ES512', 'P-521', 'sha512', 132],
  ] as const)(
    'RFC 7518 §3.4: %s is ECDSA on %s with %s and %i bytes',
    (name, crv, digest, bytes) => {
      expect(ALGORITHMS[name]).toMatchObject({ kty: 'EC', crv, digest, signatureLength: bytes })
    },
  )

  test.each([
    ['PS256', 'sha256', 32],
    ['PS384', 'sha384', 48],
    ['PS512', 'sha512', 64],
  ] as const)('RFC 7518 §3.5: %s is RSASSA-PSS with %s and as much salt', (name, digest, bytes) => {
    expect(ALGORITHMS[name]).toMatchObject({ kty: 'RSA', digest, saltLength: bytes })
  })

  test('RFC 7518 §3.3, RFC 7518 §3.5: RS and PS differ in their padding', () => {
    expect(ALGORITHMS.RS256.padding).not.toBe(ALGORITHMS.PS256.padding)
    expect(ALGORITHMS.RS256.saltLength).toBeUndefined()
  })

  test('RFC 8037 §3.1, RFC 9864 §2.2, RFC 8032 §5.1: EdDSA and Ed25519 are one algorithm', () => {
    expect(ALGORITHMS.EdDSA).toBe(ALGORITHMS.Ed25519)
    expect(ALGORITHMS.EdDSA).toMatchObject({ kty: 'OKP', crv: 'Ed25519', signatureLength: 64 })
  })
})

describe('isAlgorithm', () => {
  test.each(ALGORITHM_NAMES)('RFC 7515 §4.1.1: %s is one', (name) => {
    expect(isAlgorithm(name)).toBe(true)
  })

  test.each([
    ...['none', 'None', 'NONE', 'nOnE', 'HS256', 'HS384', 'HS512', 'ES256K', 'ES521', 'Ed448'],
    ...['es256', 'ES256 ', ' ES256', 'ES256\0', 'EDDSA', 'eddsa', 'RSA-OAEP', 'dir', ''],
    ...['constructor', 'toString', '__proto__', 'hasOwnProperty'],
    ...[undefined, null, 0, true, ['ES256'], { toString: () => 'ES256' }],
  ])('RFC 7515 §4.1.1: %j is none [J02, J03, J05]', (name) => {
    expect(isAlgorithm(name)).toBe(false)
  })
})
