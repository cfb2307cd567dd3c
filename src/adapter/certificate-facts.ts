/**
 * The facts of a client certificate, wherever it came from: the handshake, or a proxy that vouches for it.
 *
 * @module
 */

import { createHash, type X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../sender-constraint/certificate.ts'

export interface CertificateOrigin {
  /** DER of what is between it and its CA, in that order. Asked once, when it is first wanted. */
  readonly intermediates?: () => readonly Buffer[]
}

/**
 * @param chainRequired Whether a chain to the configured CAs was asked for.
 * @param chainError Why that chain does not hold; undefined if it does.
 */
export function certificateFacts(
  certificate: X509Certificate,
  chainRequired: boolean,
  chainError: string | undefined,
  { intermediates = () => [] }: CertificateOrigin = {},
): ClientCertificate {
  const der = certificate.raw
  let between: readonly Buffer[] | undefined
  return {
    der,
    get intermediates() {
      between ??= intermediates()
      return between
    },
    thumbprint: createHash('sha256').update(der).digest('base64url'),
    notBefore: Date.parse(certificate.validFrom) / 1000,
    notAfter: Date.parse(certificate.validTo) / 1000,
    chainRequired,
    chainError,
  }
}
