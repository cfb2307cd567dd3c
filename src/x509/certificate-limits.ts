/**
 * What a certificate may be used for, by its own words (RFC 5280 §4.2), and whether its key and signature
 * are strong enough (RFC 9325 §4.5).
 *
 * @module
 */

import type { X509Certificate } from 'node:crypto'
import { constructed, DerReader, TAG } from '../encoding/der.ts'
import { EXTENSION, type Extension, PURPOSE, readExtensions, readPurposes } from './certificate.ts'
import { isWeakKey } from './key-strength.ts'
import {
  type Policies,
  readCount,
  readExplicitAfter,
  readMappedPolicies,
  readPolicies,
} from './policies.ts'
import { isStrongAlgorithm } from './signature.ts'

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
  readonly policies: Policies
  /** Whether every extension that has to be understood is. */
  readonly isUnderstood: boolean
  readonly hasStrongKey: boolean
  readonly hasStrongSignature: boolean
}

const POLICIES = {
  named: '2.5.29.32',
  mappings: '2.5.29.33',
  constraints: '2.5.29.36',
  inhibitAny: '2.5.29.54',
} as const

/**
 * Extensions that may be critical: what they say is asked here, or says nothing about whether a path holds.
 * Name constraints are not among them, since they are not read.
 */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.crlDistributionPoints,
  EXTENSION.extendedKeyUsage,
  // Both key identifiers, and the other name of the issuer.
  ...['2.5.29.35', '2.5.29.14', '2.5.29.18'],
  ...Object.values(POLICIES),
])
const NAME_CONSTRAINTS = '2.5.29.30'

/** RFC 5280 §4.2.1.3: bits of the key usage, in its first octet. */
const USAGE = { digitalSignature: 0x80, keyAgreement: 0x08, keyCertSign: 0x04 } as const

/** Undefined where the certificate is not of its form, in DER. */
export function parseCertificateLimits(
  certificate: X509Certificate,
): CertificateLimits | undefined {
  const reader = new DerReader(certificate.raw)
  const { algorithm, extensions } = readExtensionsOf(reader)
  const value = <T>(id: string, absent: T, read: (inside: DerReader) => T): T => {
    const extension = extensions.get(id)
    if (extension === undefined) return absent
    const inside = new DerReader(extension.value)
    const result = read(inside)
    inside.finish()
    if (inside.isBroken) reader.break()
    return result
  }
  const basic = value(EXTENSION.basicConstraints, NO_CA, readBasicConstraints)
  const usage = value(EXTENSION.keyUsage, 0xff, (inside) => inside.read(TAG.bitString)[1] ?? 0)
  const purposes = value<readonly string[] | undefined>(
    EXTENSION.extendedKeyUsage,
    undefined,
    readPurposes,
  )
  const limits = {
    ...readPeriod(certificate),
    ...basic,
    // As OpenSSL has it: anyExtendedKeyUsage is not enough.
    mayAuthenticateClients: purposes?.includes(PURPOSE.clientAuth) ?? true,
    maySignHandshakes: (usage & (USAGE.digitalSignature | USAGE.keyAgreement)) !== 0,
    maySignCertificates: (usage & USAGE.keyCertSign) !== 0,
    policies: {
      named: value<readonly string[] | undefined>(POLICIES.named, undefined, readPolicies),
      mapped: value(POLICIES.mappings, [], readMappedPolicies),
      explicitAfter: value(POLICIES.constraints, Number.POSITIVE_INFINITY, readExplicitAfter),
      notAnyAfter: value(POLICIES.inhibitAny, Number.POSITIVE_INFINITY, (it) => readCount(it)),
    },
    isSelfIssued: certificate.subject === certificate.issuer,
    // RFC 5280 §4.2: critical ones have to be understood.
    isUnderstood:
      !extensions.has(NAME_CONSTRAINTS) &&
      [...extensions].every(([id, { isCritical }]) => !isCritical || UNDERSTOOD.has(id)),
    hasStrongKey: hasStrongKey(certificate),
    hasStrongSignature: isStrongAlgorithm(algorithm),
  }
  return reader.isBroken ? undefined : limits
}

/**
 * When a certificate is in force, in seconds since the epoch. OpenSSL takes certificates with dates that
 * there are none of: never, then.
 */
export function readPeriod({
  validFrom,
  validTo,
}: Pick<X509Certificate, 'validFrom' | 'validTo'>): Pick<
  CertificateLimits,
  'notBefore' | 'notAfter'
> {
  const [notBefore, notAfter] = [Date.parse(validFrom) / 1000, Date.parse(validTo) / 1000]
  return Number.isNaN(notBefore) || Number.isNaN(notAfter)
    ? { notBefore: Number.POSITIVE_INFINITY, notAfter: Number.NEGATIVE_INFINITY }
    : { notBefore, notAfter }
}

/** RFC 5280 §4.1: what is before the extensions has been read by OpenSSL, and is not asked here. */
function readExtensionsOf(reader: DerReader): {
  algorithm: Buffer
  extensions: ReadonlyMap<string, Extension>
} {
  const certificate = reader.enter(TAG.sequence)
  reader.finish()
  const tbs = certificate.enter(TAG.sequence)
  const algorithm = certificate.whole(TAG.sequence)
  certificate.next(TAG.bitString)
  certificate.finish()
  while (tbs.hasMore && !tbs.isNext(constructed(3))) tbs.skip()
  const extensions = readExtensions(tbs.enterOptional(constructed(3)), tbs)
  tbs.finish()
  return { algorithm, extensions }
}

const NO_CA = { isCa: false, pathLength: Number.POSITIVE_INFINITY }

/** RFC 5280 §4.2.1.9. */
function readBasicConstraints(reader: DerReader): Pick<CertificateLimits, 'isCa' | 'pathLength'> {
  const constraints = reader.enter(TAG.sequence)
  const isCa = constraints.isNext(TAG.boolean) && constraints.boolean()
  const pathLength = constraints.hasMore ? readCount(constraints) : Number.POSITIVE_INFINITY
  constraints.finish()
  return { isCa, pathLength }
}

/** OpenSSL takes certificates whose key it cannot use, and throws when that is asked for. */
function hasStrongKey(certificate: X509Certificate): boolean {
  try {
    return !isWeakKey(certificate.publicKey)
  } catch {
    return false
  }
}
