/**
 * The facts of a client certificate, wherever it came from: the handshake, or a proxy that vouches for it.
 *
 * @module
 */

import { createHash, type X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../sender-constraint/certificate.ts'

export interface CertificateOrigin {
  /** Who issued it, then who issued that one; as the handshake knows it unless given. */
  readonly issuers?: readonly X509Certificate[]
}

/** More is not passed on. */
const MAX_ISSUERS = 10

/**
 * @param chainRequired Whether a chain to the configured CAs was asked for.
 * @param chainError Why that chain does not hold; undefined if it does.
 */
export function certificateFacts(
  certificate: X509Certificate,
  chainRequired: boolean,
  chainError: string | undefined,
  { issuers = issuersOf(certificate) }: CertificateOrigin = {},
): ClientCertificate {
  const der = certificate.raw
  return {
    der,
    // RFC 9440 §2.3: the CA itself need not be there.
    intermediates: issuers.filter((one) => one.subject !== one.issuer).map(({ raw }) => raw),
    thumbprint: createHash('sha256').update(der).digest('base64url'),
    notBefore: Date.parse(certificate.validFrom) / 1000,
    notAfter: Date.parse(certificate.validTo) / 1000,
    chainRequired,
    chainError,
  }
}

/** A session that was resumed has the certificate, and no longer what came beside it (RFC 9440 §3.3). */
function issuersOf({ issuerCertificate }: X509Certificate): X509Certificate[] {
  const issuers: X509Certificate[] = []
  for (let one = issuerCertificate; one !== undefined; one = one.issuerCertificate) {
    if (issuers.length === MAX_ISSUERS) break
    issuers.push(one)
  }
  return issuers
}
