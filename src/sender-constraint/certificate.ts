/**
 * What is known of a client certificate: facts, computed once when the connection was made.
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'

export interface ClientCertificate {
  readonly der: Buffer
  /** DER of what came between it and its CA, in that order; empty where that is not at hand. */
  readonly intermediates: readonly Buffer[]
  /** RFC 8705 §3.1: SHA-256 of the DER, base64url. */
  readonly thumbprint: string
  /** Seconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  /** Whether a chain to the configured CAs was asked for. */
  readonly chainRequired: boolean
  /** Why the chain does not hold, by OpenSSL's name of the fault; undefined if it does. */
  readonly chainError: string | undefined
}

/**
 * Checks that a certificate is one to be believed now.
 *
 * The chain was verified in the handshake. Time is asked again on every request: a connection, or a
 * resumed session, can outlive its certificate, and TLS does not look again (RFC 9325 §7.5).
 */
export function checkCertificate(certificate: ClientCertificate, now: number): Failure | undefined {
  if (now < certificate.notBefore) return fail('invalid_token', 'tls_client_cert_not_yet_valid')
  if (now > certificate.notAfter) return fail('invalid_token', 'tls_client_cert_expired')
  // RFC 8705 §2.1, §7.4: in PKI mode the chain leads to a configured anchor.
  if (certificate.chainRequired && certificate.chainError !== undefined) {
    return fail('invalid_token', 'tls_client_cert_untrusted', { error: certificate.chainError })
  }
  return undefined
}

/** The same, where nothing is served without a certificate. A handshake refuses earlier, if it can. */
export function checkPresence(
  certificate: ClientCertificate | undefined,
  now: number,
): Failure | undefined {
  if (certificate === undefined) return fail('invalid_token', 'client_cert_required')
  return checkCertificate(certificate, now)
}
