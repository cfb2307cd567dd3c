/**
 * Whether a token speaks for a user (FAPI 2.0 SP §6.7, RFC 9068 §5).
 *
 * @module
 */

import type { AccessToken } from './access-token.ts'

/**
 * Whether a user stands behind a token, and not the client alone. A client credentials token names the
 * client as its subject, or none; some issuers say the grant in `gty` or `grant_type`.
 *
 * Cannot tell where an issuer lets a client choose its identifier and does not say the grant: then a
 * client may be called as a user is (FAPI 2.0 SP §6.7).
 */
export function speaksForUser({ subject, clientId, claims }: AccessToken): boolean {
  if (subject === undefined || subject === clientId) return false
  return claims['gty'] !== 'client-credentials' && claims['grant_type'] !== 'client_credentials'
}
