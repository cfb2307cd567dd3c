/**
 * An ECDSA signature, from the form of JWS to that of OpenSSL.
 *
 * node:crypto takes either, but Node 24 is slow to make one of the other: see Decision 64.
 *
 * @module
 */

const SEQUENCE = 0x30
const INTEGER = 0x02
/** The length stands in the one octet that follows (X.690 §8.1.3.5). */
const LENGTH_IN_ONE_OCTET = 0x81

/**
 * Writes r and s (RFC 7518 §3.4), two numbers of equal length, as the ECDSA-Sig-Value of RFC 3279 §2.2.3,
 * in DER. Of curves up to P-521, so that no length takes more than one octet.
 *
 * Does not check that they are in the range of the curve: whoever verifies does.
 */
export function ecdsaSigValue(signature: Buffer): Buffer {
  const half = signature.length / 2
  const r = lengthOfInteger(signature, 0, half)
  const s = lengthOfInteger(signature, half, signature.length)
  const length = 4 + r + s
  const isLong = length > 0x7f

  const der = Buffer.alloc(length + (isLong ? 3 : 2))
  der[0] = SEQUENCE
  if (isLong) der[1] = LENGTH_IN_ONE_OCTET
  der[isLong ? 2 : 1] = length
  const begin = isLong ? 3 : 2
  writeInteger(der, begin, signature, half, r)
  writeInteger(der, begin + 2 + r, signature, signature.length, s)
  return der
}

/** X.690 §8.3: no more octets than are needed, the first bit being the sign. */
function lengthOfInteger(octets: Buffer, start: number, end: number): number {
  let first = start
  while (first < end - 1 && octets[first] === 0) first++
  return end - first + (octets[first]! > 0x7f ? 1 : 0)
}

/**
 * Writes the integer that ends before `end`. Its sign is a zero of its own or, where it has none to spare, one
 * that the buffer had from the start.
 */
function writeInteger(der: Buffer, at: number, octets: Buffer, end: number, length: number): void {
  der[at] = INTEGER
  der[at + 1] = length
  const own = Math.min(length, octets.length / 2)
  octets.copy(der, at + 2 + length - own, end - own, end)
}
