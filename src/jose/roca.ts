/**
 * RSA moduli of the faulty generator known as ROCA (CVE-2017-15361).
 *
 * Its primes are k·M + (65537^a mod M), where M is the product of the first primes. So modulo each of
 * those primes such a modulus is a power of 65537. For all the primes below at once, that is true of
 * one random modulus in 2^27 (Nemec et al., "The Return of Coppersmith's Attack", ACM CCS 2017).
 *
 * @module
 */

/**
 * The prime factors of M at the smallest size of key, without those of which 65537 generates every
 * residue but zero: they tell nothing.
 */
const PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]

const PRODUCT = PRIMES.reduce((product, prime) => product * BigInt(prime), 1n)

const POWERS = PRIMES.map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }))

/** Whether a modulus has the fingerprint of the faulty generator, so that it may be factored. */
export function hasRocaFingerprint(modulus: bigint): boolean {
  const residue = modulus % PRODUCT
  return POWERS.every(({ prime, powers }) => powers.has(Number(residue % prime)))
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power)
  return powers
}
