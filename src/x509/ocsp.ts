/**
 * The Online Certificate Status Protocol (RFC 6960): a question about one certificate, and its answer.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { constructed, DerReader, primitive, TAG } from '../encoding/der.ts'
import { type Authority, issuersOf } from './authority.ts'
import { type CertificateFacts, PURPOSE, parseCertificate, readExtensions } from './certificate.ts'
import { isSignedBy, keyOf } from './signature.ts'

/** Seconds by which an answer may be ahead of our clock. */
const SKEW = 300
/** Seconds for which an answer is good that does not say for how long. */
const WITHOUT_NEXT_UPDATE = 300
/** Most certificates of an answer that are tried. */
const MAX_SIGNERS = 4

const SHA1 = '1.3.14.3.2.26'
const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1'
const SUCCESSFUL = 0

export interface StatusAnswer {
  readonly status: 'good' | 'revoked' | 'unknown'
  /** Seconds since the epoch, when this was known to be so. */
  readonly thisUpdate: number
  /** Seconds since the epoch, until which the answer is good. */
  readonly until: number
}

/** Why something is no answer to go by. */
export type AnswerFault =
  | 'malformed'
  | 'not_successful'
  | 'signature'
  | 'other_certificate'
  | 'from_the_future'
  | 'expired'
  | 'unknown_critical_extension'

/**
 * An OCSPRequest for one certificate (RFC 6960 §4.1.1).
 *
 * The certificate is named by SHA-1, which is what responders index by: RFC 5019 §2.1.1 has them know no
 * other. It is a name only. Two issuers that collide would both have to be configured here, and the answer
 * is bound by its signature. Without a nonce (§4.4.1), which few responders take: an answer is as old as its
 * times say.
 */
export function encodeRequest({ serialNumber }: CertificateFacts, issuer: Authority): Buffer {
  const { nameHash, keyHash } = hashesOf(issuer)
  const algorithm = element(TAG.sequence, encodeSha1(), element(TAG.null))
  const id = element(
    TAG.sequence,
    algorithm,
    element(TAG.octetString, nameHash),
    element(TAG.octetString, keyHash),
    element(TAG.integer, Buffer.from(serialNumber, 'hex')),
  )
  const requests = element(TAG.sequence, element(TAG.sequence, id))
  return element(TAG.sequence, element(TAG.sequence, requests))
}

function encodeSha1(): Buffer {
  return element(TAG.oid, Buffer.from([0x2b, 0x0e, 0x03, 0x02, 0x1a]))
}

/** Of what has less than 128 octets: so has every part of a request. */
function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tag, body.length]), body])
}

function hashesOf({ facts }: Authority) {
  const sha1 = (octets: Buffer) => createHash('sha1').update(octets).digest()
  return { nameHash: sha1(facts.subject), keyHash: sha1(facts.publicKey) }
}

/**
 * Reads an answer about a certificate, signed by its issuer or by whom that issuer delegated (RFC 6960
 * §3.2, §4.2.2.2). Never throws.
 *
 * Not asked: whether the delegate is revoked. Its issuer answers for that by a short life (§4.2.2.2.1).
 *
 * @param now Seconds since the epoch.
 */
export function verifyResponse(
  der: Buffer,
  certificate: CertificateFacts,
  issuer: Authority,
  now: number,
): StatusAnswer | AnswerFault {
  const reader = new DerReader(der)
  const response = reader.enter(TAG.sequence)
  reader.finish()
  const [status] = response.read(TAG.enumerated)
  if (reader.isBroken) return 'malformed'
  // RFC 6960 §2.3: an error is not signed, and says nothing of the certificate.
  if (status !== SUCCESSFUL) return 'not_successful'
  const bytes = response.enter(constructed(0)).enter(TAG.sequence)
  if (bytes.oid() !== BASIC_RESPONSE) bytes.break()
  const basic = new DerReader(bytes.read(TAG.octetString)).enter(TAG.sequence)
  const signed = basic.whole(TAG.sequence)
  const algorithm = basic.whole(TAG.sequence)
  const signature = basic.bits()
  const signers = readSigners(basic.enterOptional(constructed(0)))
  basic.finish()
  if (reader.isBroken || basic.isBroken) return 'malformed'

  const isSigned = (key: Authority['key']) => isSignedBy(key, algorithm, signed, signature)
  if (!isSigned(issuer.key)) {
    const delegates = signers.filter((one) => isDelegate(one, issuer, now))
    const keys = delegates.map(keyOf).filter((key) => key !== undefined)
    if (!keys.some(isSigned)) return 'signature'
  }
  return readAnswer(signed, certificate, issuer, now)
}

function readSigners(within: DerReader | undefined): CertificateFacts[] {
  const signers: CertificateFacts[] = []
  const list = within?.enter(TAG.sequence)
  while (list?.hasMore && signers.length < MAX_SIGNERS) {
    const facts = parseCertificate(list.whole(TAG.sequence))
    if (facts !== undefined) signers.push(facts)
  }
  return signers
}

/** RFC 6960 §4.2.2.2: issued by the very authority, for this purpose; and in force. */
function isDelegate(signer: CertificateFacts, issuer: Authority, now: number): boolean {
  if (signer.purposes?.includes(PURPOSE.ocspSigning) !== true) return false
  if (now < signer.notBefore || now > signer.notAfter) return false
  return issuersOf(signer, [issuer]).length > 0
}

function readAnswer(
  signed: Buffer,
  certificate: CertificateFacts,
  issuer: Authority,
  now: number,
): StatusAnswer | AnswerFault {
  const reader = new DerReader(signed)
  const data = reader.enter(TAG.sequence)
  const version = data.enterOptional(constructed(0))?.integer()
  if (version !== undefined && version !== '00') data.break()
  // Who says it: the name or the key of the signer, and it is the signature that counts.
  data.skip()
  data.time()
  const responses = data.enter(TAG.sequence)
  if (hasCriticalExtension(data)) return 'unknown_critical_extension'
  data.finish()
  let found: StatusAnswer | AnswerFault | undefined
  while (responses.hasMore) {
    const single = responses.enter(TAG.sequence)
    const isOurs = isIdOf(single.enter(TAG.sequence), certificate, issuer)
    const status = readStatus(single)
    const thisUpdate = single.time()
    const nextUpdate = single.enterOptional(constructed(0))?.time()
    const isCritical = hasCriticalExtension(single)
    single.finish()
    if (!isOurs) continue
    // Two answers about one certificate: no telling which is meant.
    if (found !== undefined) return 'malformed'
    const until = nextUpdate ?? thisUpdate + WITHOUT_NEXT_UPDATE
    // RFC 6960 §3.2 (5), (6).
    if (isCritical) found = 'unknown_critical_extension'
    else if (thisUpdate > now + SKEW) found = 'from_the_future'
    else found = until < now ? 'expired' : { status, thisUpdate, until }
  }
  if (reader.isBroken) return 'malformed'
  return found ?? 'other_certificate'
}

/** RFC 6960 §3.2 (1). */
function isIdOf(id: DerReader, { serialNumber }: CertificateFacts, issuer: Authority): boolean {
  const digest = id.enter(TAG.sequence).oid()
  const named = id.read(TAG.octetString)
  const keyed = id.read(TAG.octetString)
  const number = id.integer()
  id.finish()
  const { nameHash, keyHash } = hashesOf(issuer)
  const isIssuer = digest === SHA1 && named.equals(nameHash) && keyed.equals(keyHash)
  return isIssuer && number === serialNumber
}

function readStatus(single: DerReader): StatusAnswer['status'] {
  if (single.isNext(primitive(0))) return single.skip() ? 'good' : 'unknown'
  if (single.isNext(constructed(1))) return single.skip() ? 'revoked' : 'unknown'
  single.next(primitive(2))
  return 'unknown'
}

function hasCriticalExtension(reader: DerReader): boolean {
  const extensions = readExtensions(reader.enterOptional(constructed(1)), reader)
  return [...extensions.values()].some(({ isCritical }) => isCritical)
}
