/**
 * The facts of a client certificate, wherever it came from: the handshake, or a proxy that vouches for it.
 *
 * @module
 */

import { createHash, type X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../sender-constraint/certificate.ts'
import {
  type CertificateFacts,
  MAX_CERTIFICATE,
  PURPOSE,
  parseCertificate,
} from '../x509/certificate.ts'
import { readPeriod } from '../x509/certificate-limits.ts'
import { isWeakKey } from '../x509/key-strength.ts'

/** Where a certificate came from, and what is asked of it besides its chain. */
export interface CertificateOrigin {
  /** Whether its listener takes no connection without one. */
  readonly isDemanded?: boolean
  /** Names the sources of revocation: `revocation.id` of the policy that the certificate came under. */
  readonly revocation?: string | undefined
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
  origin: CertificateOrigin = {},
): ClientCertificate {
  return new KnownCertificate(certificate, chainRequired, chainError, origin)
}

class KnownCertificate implements ClientCertificate {
  readonly der: Buffer
  readonly thumbprint: string
  readonly notBefore: number
  readonly notAfter: number
  readonly chainRequired: boolean
  readonly chainError: string | undefined
  readonly isTooLarge: boolean
  readonly hasWeakKey: boolean
  readonly isAuthority: boolean
  readonly isForClients: boolean
  readonly isDemanded: boolean
  readonly revocation: string | undefined
  readonly #askIntermediates: () => readonly Buffer[]
  #intermediates: readonly Buffer[] | undefined
  /** False until it was asked for: few routes look so closely. */
  #facts: CertificateFacts | undefined | false = false

  constructor(
    certificate: X509Certificate,
    chainRequired: boolean,
    chainError: string | undefined,
    { isDemanded = false, revocation, intermediates = () => [] }: CertificateOrigin,
  ) {
    this.der = certificate.raw
    this.thumbprint = createHash('sha256').update(this.der).digest('base64url')
    const { notBefore, notAfter } = readPeriod(certificate)
    this.notBefore = notBefore
    this.notAfter = notAfter
    this.chainRequired = chainRequired
    this.chainError = chainError
    this.isTooLarge = this.der.length > MAX_CERTIFICATE
    this.hasWeakKey = hasWeakKey(certificate)
    this.isAuthority = certificate.ca
    // Node calls the extended key usage so; undefined where the certificate has none.
    const purposes = certificate.keyUsage as string[] | undefined
    this.isForClients = purposes?.includes(PURPOSE.clientAuth) ?? true
    this.isDemanded = isDemanded
    this.revocation = revocation
    this.#askIntermediates = intermediates
  }

  get facts(): CertificateFacts | undefined {
    if (this.#facts === false) this.#facts = parseCertificate(this.der)
    return this.#facts
  }

  get intermediates(): readonly Buffer[] {
    this.#intermediates ??= this.#askIntermediates()
    return this.#intermediates
  }
}

/** OpenSSL takes certificates whose key it cannot use, and throws when that is asked for. */
function hasWeakKey(certificate: X509Certificate): boolean {
  try {
    return isWeakKey(certificate.publicKey)
  } catch {
    return true
  }
}
