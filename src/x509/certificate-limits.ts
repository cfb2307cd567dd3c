/**
 * What a certificate may be used for, by its own words (RFC 5280 §4.2), and whether its key and signature
 * are strong enough (RFC 9325 §4.5).
 *
 * @module
 */

import type { X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  type Extension,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_inhibitAnyPolicy,
  id_ce_issuerAltName,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_policyConstraints,
  id_ce_policyMappings,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  KeyUsage,
  KeyUsageFlags,
} from '@peculiar/asn1-x509'

export interface CertificateLimits {
  /** Seconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  /** Basic constraints say that it is a CA. */
  readonly isCa: boolean
  /** How many CAs may stand between it and the end of a path. */
  readonly pathLength: number
  readonly mayAuthenticateClients: boolean
  /** Its key may sign in a handshake. */
  readonly maySignHandshakes: boolean
  readonly maySignCertificates: boolean
  /** Subject and issuer have one name: then it does not count for the length of a path. */
  readonly isSelfIssued: boolean
  /** Whether every extension that has to be understood is. */
  readonly isUnderstood: boolean
  readonly hasStrongKey: boolean
  readonly hasStrongSignature: boolean
}

/**
 * Extensions that may be critical: what they say is asked here, or says nothing about whether a path holds.
 * Policies are among the latter, since none is demanded; name constraints are not, since they are not read.
 */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_inhibitAnyPolicy,
  id_ce_issuerAltName,
  id_ce_keyUsage,
  id_ce_policyConstraints,
  id_ce_policyMappings,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
])

const LEAST_RSA_BITS = 2048
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
const KEYS_WITHOUT_CHOICE: ReadonlySet<string> = new Set(['ed25519', 'ed448'])

/** sha256, sha384 and sha512 with RSA and with ECDSA; Ed25519 and Ed448. */
const STRONG_SIGNATURES: ReadonlySet<string> = new Set([
  ...['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13'],
  ...['1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4'],
  ...['1.3.101.112', '1.3.101.113'],
])
const RSA_PSS = '1.2.840.113549.1.1.10'
/** RFC 4055 §3.1: parameters begin with the hash, and without one it is SHA-1. */
const STRONG_PSS = /^30(?:8[12])?(?:..){1,2}a0..30..060960864801650304020[123]/

/** @throws If an extension is not of its form. */
export function readCertificateLimits(certificate: X509Certificate): CertificateLimits {
  const { tbsCertificate, signatureAlgorithm } = AsnConvert.parse(certificate.raw, Certificate)
  const extensions = tbsCertificate.extensions ?? []
  const basic = extensionValue(extensions, id_ce_basicConstraints, BasicConstraints)
  const usage = extensionValue(extensions, id_ce_keyUsage, KeyUsage)?.toNumber()
  const purposes = extensionValue(extensions, id_ce_extKeyUsage, ExtendedKeyUsage)
  const may = (flags: number) => usage === undefined || (usage & flags) !== 0
  const identifiers = extensions.map(({ extnID }) => extnID)
  return {
    notBefore: Date.parse(certificate.validFrom) / 1000,
    notAfter: Date.parse(certificate.validTo) / 1000,
    isCa: basic?.cA === true,
    pathLength: basic?.pathLenConstraint ?? Number.POSITIVE_INFINITY,
    // As OpenSSL has it: anyExtendedKeyUsage is not enough.
    mayAuthenticateClients: purposes?.includes(id_kp_clientAuth) ?? true,
    maySignHandshakes: may(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyAgreement),
    maySignCertificates: may(KeyUsageFlags.keyCertSign),
    isSelfIssued: certificate.subject === certificate.issuer,
    // RFC 5280 §4.2: critical ones have to be understood, and none may come twice.
    isUnderstood:
      new Set(identifiers).size === identifiers.length &&
      !identifiers.includes(id_ce_nameConstraints) &&
      extensions.every(({ critical, extnID }) => !critical || UNDERSTOOD.has(extnID)),
    hasStrongKey: isStrongKey(certificate),
    hasStrongSignature:
      signatureAlgorithm.algorithm === RSA_PSS
        ? STRONG_PSS.test(hexOf(signatureAlgorithm.parameters))
        : STRONG_SIGNATURES.has(signatureAlgorithm.algorithm),
  }
}

function extensionValue<T>(
  extensions: readonly Extension[],
  id: string,
  type: new () => T,
): T | undefined {
  const extension = extensions.find(({ extnID }) => extnID === id)
  return extension === undefined ? undefined : AsnConvert.parse(extension.extnValue, type)
}

function isStrongKey({ publicKey }: X509Certificate): boolean {
  const { asymmetricKeyType = '', asymmetricKeyDetails: details = {} } = publicKey
  if (KEYS_WITHOUT_CHOICE.has(asymmetricKeyType)) return true
  if (asymmetricKeyType === 'ec') return CURVES.has(details.namedCurve ?? '')
  const isRsa = asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss'
  return isRsa && (details.modulusLength ?? 0) >= LEAST_RSA_BITS
}

function hexOf(parameters: ArrayBuffer | null | undefined): string {
  return Buffer.from(parameters ?? new ArrayBuffer(0)).toString('hex')
}
