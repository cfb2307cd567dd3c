/**
 * JWK thumbprints (RFC 7638).
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { PublicJwk } from './jwk.ts'

/** SHA-256 of a key's required members, base64url: the `jkt` of tokens bound to it (RFC 9449 §6.1). */
export function jwkThumbprint(jwk: PublicJwk): string {
  return createHash('sha256')
    .update(JSON.stringify(requiredMembers(jwk)))
    .digest('base64url')
}

/** RFC 7638 §3.2, RFC 8037 §2: the members that make the key, and (§3.3) in the order of their names. */
function requiredMembers(jwk: PublicJwk): Record<string, string> {
  switch (jwk.kty) {
    case 'EC':
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }
    case 'OKP':
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x }
    case 'RSA':
      return { e: jwk.e, kty: jwk.kty, n: jwk.n }
  }
}
