/**
 * DER of somebody else's as a certificate (RFC 5280 §4.1).
 *
 * @module
 */

import { X509Certificate } from 'node:crypto'

/** Reads one certificate; undefined if these bytes, all of them, are not one. */
export function readPresentedCertificate(der: Buffer): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(der)
    // OpenSSL looks for PEM first: of a certificate that carries another in a name, it finds the other.
    return certificate.raw.equals(der) ? certificate : undefined
  } catch {
    return undefined
  }
}
