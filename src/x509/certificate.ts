/**
 * What a certificate says (RFC 5280 §4), beyond what `node:crypto` tells of it.
 *
 * OpenSSL has parsed a client's certificate before; this is a second and stricter look at the same octets.
 * Nothing is verified here: neither signature nor chain nor dates.
 *
 * @module
 */

import { constructed, DerReader, TAG } from '../encoding/der.ts'
import {
  type Attributes,
  type GeneralNames,
  readAttributes,
  readDistributionPoint,
  readGeneralNames,
  readIa5,
  URI,
} from './name.ts'
import { parseQualifiedStatements, type QualifiedStatements } from './qc-statements.ts'

/** Largest certificate that is read, in octets: those with a thousand names stay below it. */
export const MAX_CERTIFICATE = 32_768
const MAX_EXTENSIONS = 64

export const EXTENSION = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlDistributionPoints: '2.5.29.31',
  extendedKeyUsage: '2.5.29.37',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  qcStatements: '1.3.6.1.5.5.7.1.3',
} as const

const OCSP = '1.3.6.1.5.5.7.48.1'
/** RFC 5280 §4.2.1.3: bit 6 of the key usage. */
const CRL_SIGN = 0x02

/** Purposes of a key (RFC 5280 §4.2.1.12). */
export const PURPOSE = {
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
} as const

export interface CertificateFacts {
  readonly der: Buffer
  /** Hexadecimal, the octets of the INTEGER: equal numbers have one spelling. */
  readonly serialNumber: string
  /** DER of the Names. */
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly attributes: Attributes
  /** Seconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  /** The octets of subjectPublicKey, without its algorithm. */
  readonly publicKey: Buffer
  readonly names: GeneralNames
  /** Object identifiers; undefined where the extension is missing, which allows everything. */
  readonly purposes: readonly string[] | undefined
  readonly isAuthority: boolean
  /** Whether the key may sign revocation lists, as far as the certificate says. */
  readonly signsLists: boolean
  /** URIs of revocation lists (RFC 5280 §4.2.1.13), which are compared and never called. */
  readonly listUris: readonly string[]
  /** OCSP responders by the authorityInfoAccess (RFC 5280 §4.2.2.1). */
  readonly responders: readonly string[]
  /** Undefined where there are none, or where they cannot be read. */
  readonly qualified: QualifiedStatements | undefined
}

/** Reads a certificate; undefined where it is none, too large, or not in DER. Never throws. */
export function parseCertificate(der: Buffer): CertificateFacts | undefined {
  if (der.length > MAX_CERTIFICATE) return undefined
  const reader = new DerReader(der)
  const certificate = reader.enter(TAG.sequence)
  reader.finish()
  const tbs = certificate.enter(TAG.sequence)
  certificate.next(TAG.sequence)
  certificate.next(TAG.bitString)
  certificate.finish()

  tbs.enterOptional(constructed(0))
  const serialNumber = tbs.integer()
  tbs.next(TAG.sequence)
  const issuer = tbs.whole(TAG.sequence)
  const validity = tbs.enter(TAG.sequence)
  const notBefore = validity.time()
  const notAfter = validity.time()
  const subject = tbs.whole(TAG.sequence)
  const publicKeyInfo = tbs.enter(TAG.sequence)
  publicKeyInfo.next(TAG.sequence)
  const publicKey = publicKeyInfo.bits()
  // issuerUniqueID and subjectUniqueID, which nobody uses.
  while (tbs.hasMore && !tbs.isNext(constructed(3))) tbs.skip()
  const extensions = readExtensions(tbs.enterOptional(constructed(3)), tbs)
  tbs.finish()

  const names = new DerReader(subject)
  const attributes = readAttributes(names)
  if (names.isBroken) tbs.break()
  const facts = {
    der,
    serialNumber,
    issuer,
    subject,
    attributes,
    notBefore,
    notAfter,
    publicKey,
    ...readKnownExtensions(extensions, tbs),
  }
  return tbs.isBroken ? undefined : facts
}

/**
 * Reads Extensions, by their object identifiers.
 *
 * @param within Undefined where they are left out.
 */
export function readExtensions(
  within: DerReader | undefined,
  around: DerReader,
): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>()
  const list = within?.enter(TAG.sequence)
  while (list?.hasMore) {
    const extension = list.enter(TAG.sequence)
    const oid = extension.oid()
    const isCritical = extension.isNext(TAG.boolean) && extension.boolean()
    const value = extension.read(TAG.octetString)
    extension.finish()
    // RFC 5280 §4.2: not more than one of a kind. Two would be read by two programs.
    if (extensions.has(oid) || extensions.size === MAX_EXTENSIONS) around.break()
    extensions.set(oid, { isCritical, value })
  }
  within?.finish()
  return extensions
}

export interface Extension {
  readonly isCritical: boolean
  readonly value: Buffer
}

function readKnownExtensions(extensions: ReadonlyMap<string, Extension>, tbs: DerReader) {
  const read = <T>(oid: string, absent: T, parse: (reader: DerReader) => T): T => {
    const extension = extensions.get(oid)
    if (extension === undefined) return absent
    const reader = new DerReader(extension.value)
    const value = parse(reader)
    reader.finish()
    if (reader.isBroken) tbs.break()
    return value
  }
  const statements = extensions.get(EXTENSION.qcStatements)
  return {
    names: read(EXTENSION.subjectAltName, NO_NAMES, (it) =>
      readGeneralNames(it.enter(TAG.sequence)),
    ),
    purposes: read<readonly string[] | undefined>(
      EXTENSION.extendedKeyUsage,
      undefined,
      readPurposes,
    ),
    isAuthority: read(EXTENSION.basicConstraints, false, readAuthority),
    signsLists: read(EXTENSION.keyUsage, true, readListSigning),
    listUris: read(EXTENSION.crlDistributionPoints, [], readListUris),
    responders: read(EXTENSION.authorityInfoAccess, [], readResponders),
    qualified: statements === undefined ? undefined : parseQualifiedStatements(statements.value),
  }
}

const NO_NAMES: GeneralNames = { emails: [], dnsNames: [], uris: [] }

export function readPurposes(reader: DerReader): readonly string[] {
  const purposes: string[] = []
  const list = reader.enter(TAG.sequence)
  while (list.hasMore) purposes.push(list.oid())
  return purposes
}

function readAuthority(reader: DerReader): boolean {
  const constraints = reader.enter(TAG.sequence)
  const isAuthority = constraints.isNext(TAG.boolean) && constraints.boolean()
  if (constraints.hasMore) constraints.integer()
  constraints.finish()
  return isAuthority
}

function readListSigning(reader: DerReader): boolean {
  const [, usage = 0] = reader.read(TAG.bitString)
  return (usage & CRL_SIGN) !== 0
}

function readListUris(reader: DerReader): readonly string[] {
  const uris: string[] = []
  const points = reader.enter(TAG.sequence)
  while (points.hasMore) {
    const point = points.enter(TAG.sequence)
    const name = point.enterOptional(constructed(0))
    if (name !== undefined) uris.push(...readDistributionPoint(name))
  }
  return uris
}

function readResponders(reader: DerReader): readonly string[] {
  const responders: string[] = []
  const descriptions = reader.enter(TAG.sequence)
  while (descriptions.hasMore) {
    const description = descriptions.enter(TAG.sequence)
    const method = description.oid()
    if (description.isNext(URI)) {
      const uri = readIa5(description, URI)
      if (method === OCSP) responders.push(uri)
    }
  }
  return responders
}
