/**
 * What is known of a client certificate: facts, computed once when the connection was made.
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'
import type { CertificateFacts } from '../x509/certificate.ts'

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
  /** Whether the certificate is larger than those that are read. */
  readonly isTooLarge: boolean
  readonly hasWeakKey: boolean
  /** Whether it is for an authority, and so for no client. */
  readonly isAuthority: boolean
  /** Whether its purposes, where it names any, include to authenticate a client. */
  readonly isForClients: boolean
  /** Whether its listener takes no connection without a certificate. */
  readonly isDemanded: boolean
  /** Names the sources that know of its revocation; undefined: that is not asked. */
  readonly revocation: string | undefined
  /** What it says, read when first asked for; undefined where it cannot be read. */
  readonly facts: CertificateFacts | undefined
}

/**
 * Checks that a certificate is one to be believed now.
 *
 * The chain was verified in the handshake. Time is asked again on every request: a connection, or a
 * resumed session, can outlive its certificate, and TLS does not look again (RFC 9325 §7.5). Not asked
 * here: whether it was revoked, see {@link ./revocation.ts}.
 */
export function checkCertificate(certificate: ClientCertificate, now: number): Failure | undefined {
  // RFC 8705 §7.5: what would be costly to read is not read.
  if (certificate.isTooLarge) return fail('invalid_token', 'tls_client_cert_too_large')
  if (now < certificate.notBefore) return fail('invalid_token', 'tls_client_cert_not_yet_valid')
  if (now > certificate.notAfter) return fail('invalid_token', 'tls_client_cert_expired')
  // FAPI 2.0 SP §5.4.1: whoever can compute the key can prove to have it, whatever the chain.
  if (certificate.hasWeakKey) return fail('invalid_token', 'tls_client_cert_weak_key')
  if (!certificate.chainRequired) return undefined

  const { chainError } = certificate
  // OpenSSL says of both that the purpose is not one for a client, by one name.
  if (chainError === undefined || chainError === PURPOSE_FAULT) {
    // RFC 5280 §4.2.1.12.
    if (!certificate.isForClients) return fail('invalid_token', 'tls_client_cert_eku')
    // RFC 5280 §4.2.1.9: a key that signs certificates is not one to be at hand wherever a client is.
    if (certificate.isAuthority) return fail('invalid_token', 'tls_client_cert_of_authority')
  }
  // RFC 8705 §2.1, §7.4: in PKI mode the chain leads to a configured anchor.
  if (chainError !== undefined) {
    return fail('invalid_token', 'tls_client_cert_untrusted', { error: chainError })
  }
  return undefined
}

const PURPOSE_FAULT = 'INVALID_PURPOSE'

/** The same, where nothing is served without a certificate. A handshake refuses earlier, if it can. */
export function checkPresence(
  certificate: ClientCertificate | undefined,
  now: number,
): Failure | undefined {
  if (certificate === undefined) return fail('invalid_token', 'client_cert_required')
  return checkCertificate(certificate, now)
}
