/**
 * How strong a public key has to be (FAPI 2.0 SP §5.4.1, FAPI 1.0 Advanced §8.6).
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { DerReader, TAG } from '../encoding/der.ts'

const LEAST_RSA_BITS = 2048
const LEAST_EC_BITS = 224

/** Whether a key is too weak, or of a kind of which that cannot be said. */
export function isWeakKey(key: KeyObject): boolean {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      // FAPI 2.0 SP §5.4.1 (2).
      return modulusLength < LEAST_RSA_BITS
    case 'ec':
      // FAPI 2.0 SP §5.4.1 (3).
      return namedCurve === undefined || curveBits(key) < LEAST_EC_BITS
    case 'ed25519':
    case 'ed448':
      return false
    default:
      return true
  }
}

/**
 * By the size of a coordinate, which is that of the curve's field: there are too many curves for a table.
 * None, where the key spells its curve out.
 */
function curveBits(key: KeyObject): number {
  const reader = new DerReader(key.export({ type: 'spki', format: 'der' }))
  const info = reader.enter(TAG.sequence)
  const algorithm = info.enter(TAG.sequence)
  algorithm.oid()
  // RFC 5480 §2.1.1: a curve that is spelt out in the key may be any, though it may look like a known one.
  if (!algorithm.isNext(TAG.oid)) return 0
  const [form, ...coordinates] = info.bits()
  // SEC 1 §2.3.3: 4, and both coordinates; 2 or 3, and one.
  return (coordinates.length * 8) / (form === 4 ? 2 : 1)
}
