import { generateKeyPairSync, generatePrimeSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { hasRocaFingerprint } from '../../src/jose/roca.ts'

const FIRST_PRIMES = Array.from({ length: 700 }, (_, at) => at + 2).filter((number) =>
  Array.from({ length: number - 2 }, (_, at) => at + 2).every((divisor) => number % divisor !== 0),
)

/** A number of the form of the generator's primes, for a key with this many primes in M. */
function faulty(primes: number, k: bigint, a: number): bigint {
  const m = FIRST_PRIMES.slice(0, primes).reduce((product, prime) => product * BigInt(prime), 1n)
  let power = 1n
  for (let count = 0; count < a; count++) power = (power * 65537n) % m
  return k * m + power
}

describe('hasRocaFingerprint', () => {
  test.each([
    ['512', 39],
    ['1024', 71],
    ['2048', 126],
  ])('CVE-2017-15361: what the generator makes for %s bits has it [J15]', (_, primes) => {
    for (let seed = 1; seed <= 20; seed++) {
      const p = faulty(primes, BigInt(seed) * 12_345_677n, seed * 37)
      const q = faulty(primes, BigInt(seed) * 987_654_321n, seed * 101 + 5)
      expect(hasRocaFingerprint(p * q)).toBe(true)
      expect(hasRocaFingerprint(p * q + 2n)).toBe(false)
      expect(hasRocaFingerprint(p * q * 2n)).toBe(false)
    }
  })

  test('CVE-2017-15361: honest moduli have not [J15]', () => {
    for (let count = 0; count < 40; count++) {
      const p = generatePrimeSync(128, { bigint: true })
      const q = generatePrimeSync(128, { bigint: true })
      expect(hasRocaFingerprint(p * q)).toBe(false)
    }
    const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
      format: 'jwk',
    })
    const modulus = Buffer.from(n!, 'base64url').toString('hex')
    expect(hasRocaFingerprint(BigInt(`0x${modulus}`))).toBe(false)
  })
})
