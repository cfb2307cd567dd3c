/**
 * Certificate-bound access tokens (RFC 8705 §3).
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'
import { type ClientCertificate, checkCertificate } from './certificate.ts'

/**
 * Checks that a token bound to a certificate was presented over a connection that proved it.
 *
 * Thumbprints are compared as base64url text: both sides are the canonical encoding of a SHA-256 digest,
 * so equal digests have one spelling. Neither is a secret, so the comparison need not be constant-time.
 *
 * @param bound The token's `cnf.x5t#S256`.
 * @param presented The connection's client certificate, or undefined if it sent none.
 */
export function checkCertificateBinding(
  bound: string,
  presented: ClientCertificate | undefined,
  now: number,
): Failure | undefined {
  // RFC 8705 §3: a mismatch is answered with 401 and "invalid_token".
  if (presented === undefined) return fail('invalid_token', 'tls_client_cert_missing')
  if (presented.thumbprint !== bound) {
    return fail('invalid_token', 'cnf_x5t_mismatch', {
      bound: bound.slice(0, 8),
      presented: presented.thumbprint.slice(0, 8),
    })
  }
  return checkCertificate(presented, now)
}
