/**
 * Certificate revocation lists (RFC 5280 §5), verified before they are read.
 *
 * Complete lists of the authority itself: those of changes only, of some reasons, or signed by somebody
 * else are refused. A list may be for a part of the certificates (§5.2.5), and then says nothing of others.
 *
 * @module
 */

import { constructed, DerReader, primitive, TAG } from '../encoding/der.ts'
import type { Authority } from './authority.ts'
import { type CertificateFacts, type Extension, readExtensions } from './certificate.ts'
import { readDistributionPoint } from './name.ts'
import { isSignedBy } from './signature.ts'

/** Seconds by which a list may be ahead of our clock. */
const SKEW = 300

const EXTENSION = {
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
  authorityKeyIdentifier: '2.5.29.35',
} as const

export interface RevocationList {
  readonly authority: Authority
  /** Seconds since the epoch. After `nextUpdate` the list says nothing any more. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly scope: Scope
  /** Reasons (RFC 5280 §5.3.1) by serial numbers in hexadecimal; 0 where there is none, or more beside. */
  readonly revoked: ReadonlyMap<string, number>
}

/** Which certificates of its authority a list is for (RFC 5280 §5.2.5). */
interface Scope {
  /** URIs of which the certificate names one; undefined: it need not. */
  readonly points: readonly string[] | undefined
  readonly users: boolean
  readonly authorities: boolean
}

/** Why something is no list to go by. */
export type ListFault =
  | 'malformed'
  | 'issuer_unknown'
  | 'signature'
  | 'from_the_future'
  | 'expired'
  | 'without_next_update'
  | 'unknown_critical_extension'
  | 'delta'
  | 'indirect'
  | 'partial'

/**
 * Reads a list that one of these authorities signed. Never throws. Nothing of it but the name of its
 * issuer is read before its signature is verified.
 *
 * @param now Seconds since the epoch.
 */
export function verifyRevocationList(
  der: Buffer,
  authorities: readonly Authority[],
  now: number,
): RevocationList | ListFault {
  const reader = new DerReader(der)
  const list = reader.enter(TAG.sequence)
  reader.finish()
  const signed = list.whole(TAG.sequence)
  const algorithm = list.whole(TAG.sequence)
  const signature = list.bits()
  list.finish()

  const tbs = new DerReader(signed).enter(TAG.sequence)
  // RFC 5280 §5.1.2.1: version 2, where there are extensions; and there always are, by §5.2.
  if (tbs.isNext(TAG.integer) && tbs.integer() !== '01') tbs.break()
  // RFC 5280 §5.1.1.2: what is signed says by which algorithm.
  if (!tbs.whole(TAG.sequence).equals(algorithm)) tbs.break()
  const issuer = tbs.whole(TAG.sequence)
  if (reader.isBroken || tbs.isBroken) return 'malformed'

  // RFC 5280 §6.3.3 (b), (f), (g).
  const named = authorities.filter(({ facts }) => facts.subject.equals(issuer) && facts.signsLists)
  if (named.length === 0) return 'issuer_unknown'
  const authority = named.find(({ key }) => isSignedBy(key, algorithm, signed, signature))
  return authority === undefined ? 'signature' : readList(tbs, authority, now)
}

/** Reads what is behind the name of the issuer. */
function readList(tbs: DerReader, authority: Authority, now: number): RevocationList | ListFault {
  const thisUpdate = tbs.time()
  const hasNext = tbs.isNext(TAG.utcTime) || tbs.isNext(TAG.generalizedTime)
  const nextUpdate = hasNext ? tbs.time() : 0
  const entries = tbs.enterOptional(TAG.sequence)
  const extensions = readExtensions(tbs.enterOptional(constructed(0)), tbs)
  tbs.finish()
  if (tbs.isBroken) return 'malformed'
  // RFC 5280 §5.1.2.5: there has to be one. Without it a list would be good for ever.
  if (!hasNext) return 'without_next_update'
  if (thisUpdate > now + SKEW) return 'from_the_future'
  if (nextUpdate < now) return 'expired'

  const scope = readScope(extensions)
  if (typeof scope === 'string') return scope
  const revoked = new Map<string, number>()
  const fault = entries === undefined ? undefined : readEntries(entries, revoked)
  return fault ?? { authority, thisUpdate, nextUpdate, scope, revoked }
}

const EVERYTHING: Scope = { points: undefined, users: true, authorities: true }

const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.crlNumber,
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.issuingDistributionPoint,
])

function readScope(extensions: ReadonlyMap<string, Extension>): Scope | ListFault {
  if (extensions.has(EXTENSION.deltaCrlIndicator)) return 'delta'
  for (const [oid, { isCritical }] of extensions) {
    // RFC 5280 §5.2: with one that is not understood, not even what is in the list is to be used.
    if (isCritical && !UNDERSTOOD.has(oid)) return 'unknown_critical_extension'
  }
  const extension = extensions.get(EXTENSION.issuingDistributionPoint)
  if (extension === undefined) return EVERYTHING

  const reader = new DerReader(extension.value)
  const fields = reader.enter(TAG.sequence)
  const name = fields.enterOptional(constructed(0))
  const points = name === undefined ? undefined : readDistributionPoint(name)
  const isSet = (n: number) => fields.isNext(primitive(n)) && fields.boolean(primitive(n))
  const isForUsers = isSet(1)
  const isForAuthorities = isSet(2)
  const isOfSomeReasons = fields.isNext(primitive(3))
  if (isOfSomeReasons) fields.skip()
  const isIndirect = isSet(4)
  const isForAttributes = isSet(5)
  fields.finish()
  reader.finish()
  if (reader.isBroken) return 'malformed'
  if (isIndirect) return 'indirect'
  // RFC 5280 §5.2.5: not more than one of them; and who leaves reasons out does not say all.
  if (isOfSomeReasons || isForAttributes || (isForUsers && isForAuthorities)) return 'partial'
  return { points, users: !isForAuthorities, authorities: !isForUsers }
}

/** There can be hundreds of thousands of them, so nothing is made for one that is not kept. */
function readEntries(entries: DerReader, revoked: Map<string, number>): ListFault | undefined {
  let fault: ListFault | undefined
  while (entries.hasMore) {
    const entry = entries.enter(TAG.sequence)
    const serialNumber = entry.integer()
    // When it was revoked is nobody's question: it is.
    entry.next(entry.isNext(TAG.utcTime) ? TAG.utcTime : TAG.generalizedTime)
    let reason = 0
    if (entry.hasMore) {
      const extensions = entry.whole(TAG.sequence)
      if (isReasonAlone(extensions)) reason = extensions.at(-1) ?? 0
      else fault = judgeExtensions(extensions, entry) ?? fault
    }
    entry.finish()
    revoked.set(serialNumber, reason)
  }
  return entries.isBroken ? 'malformed' : fault
}

/** A reasonCode, not critical, and nothing else: what most entries have (RFC 5280 §5.3.1). */
const REASON_ALONE = Buffer.from([
  0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01,
])

function isReasonAlone(extensions: Buffer): boolean {
  const isSo = extensions.length === REASON_ALONE.length + 1
  return (
    isSo && extensions.compare(REASON_ALONE, 0, REASON_ALONE.length, 0, REASON_ALONE.length) === 0
  )
}

function judgeExtensions(der: Buffer, entry: DerReader): ListFault | undefined {
  const reader = new DerReader(der)
  const extensions = readExtensions(reader, entry)
  if (reader.isBroken) return 'malformed'
  // RFC 5280 §5.3.3: from here on it would be about certificates of others.
  if (extensions.has(EXTENSION.certificateIssuer)) return 'indirect'
  for (const [oid, { isCritical }] of extensions) {
    // RFC 5280 §5.3.
    if (isCritical && oid !== EXTENSION.reasonCode) return 'unknown_critical_extension'
  }
  return undefined
}

/** Whether a list is for a certificate of its authority. */
export function covers({ scope }: RevocationList, certificate: CertificateFacts): boolean {
  if (!(certificate.isAuthority ? scope.authorities : scope.users)) return false
  return (
    scope.points === undefined || scope.points.some((uri) => certificate.listUris.includes(uri))
  )
}

const PEM = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/g

/** The lists in the octets of a file or an answer: one in DER, or any number in PEM (RFC 7468 §6). */
export function splitRevocationLists(octets: Buffer): Buffer[] {
  if (octets[0] === TAG.sequence) return [octets]
  return Array.from(octets.toString('latin1').matchAll(PEM), ([, base64 = '']) =>
    Buffer.from(base64, 'base64'),
  )
}
