/**
 * The authorities of a bundle, and who of them issued a certificate.
 *
 * @module
 */

import { type KeyObject, X509Certificate } from 'node:crypto'
import { type CertificateFacts, parseCertificate } from './certificate.ts'
import { readPresentedCertificate } from './presented-certificate.ts'

const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

export interface Authority {
  /** Its subject, on one line. */
  readonly name: string
  readonly facts: CertificateFacts
  readonly key: KeyObject
}

/** The certificates of a PEM bundle that are of authorities and can be read. */
export function parseAuthorities(pem: string): Authority[] {
  return (pem.match(PEM) ?? []).flatMap((block) => {
    const authority = toAuthority(block)
    return authority === undefined ? [] : [authority]
  })
}

function toAuthority(block: string): Authority | undefined {
  try {
    const certificate = new X509Certificate(block)
    const facts = parseCertificate(certificate.raw)
    if (facts === undefined || !facts.isAuthority) return undefined
    const name = certificate.subject.split('\n').join(', ')
    return { name, facts, key: certificate.publicKey }
  } catch {
    return undefined
  }
}

/**
 * The authorities whose key signed a certificate: of those with one name, as after a change of keys, the
 * right ones. There are several where one was renewed or cross-certified. Their dates are not asked.
 */
export function issuersOf(
  facts: CertificateFacts,
  authorities: readonly Authority[],
): readonly Authority[] {
  const named = authorities.filter((one) => one.facts.subject.equals(facts.issuer))
  if (named.length === 0) return []
  const certificate = readPresentedCertificate(facts.der)
  return named.filter(({ key }) => certificate !== undefined && hasSigned(key, certificate))
}

/** Whether two certificates are of one name and key: what one signed, the other did. */
export function isSameAuthority({ facts: one }: Authority, { facts: other }: Authority): boolean {
  return one.subject.equals(other.subject) && one.publicKey.equals(other.publicKey)
}

function hasSigned(key: KeyObject, certificate: X509Certificate): boolean {
  try {
    return certificate.verify(key)
  } catch {
    // A key of a kind that signs no certificate.
    return false
  }
}
