/**
 * JWK thumbprints (RFC 7638).
 *
 * @module
 */

import { hash } from 'node:crypto'
import { type PublicJwk, requiredMembers } from './jwk.ts'

/** SHA-256 of a key's required members, base64url: the `jkt` of tokens bound to it (RFC 9449 §6.1). */
export function jwkThumbprint(jwk: PublicJwk): string {
  return hash('sha256', JSON.stringify(requiredMembers(jwk)), 'base64url')
}
