/**
 * DER, written element by element, for what no library will make: right in everything but one place.
 *
 * @module
 */

import { createHash, type KeyObject, sign } from 'node:crypto'
import { TAG } from '../../src/encoding/der.ts'

/** X.690 §8.1: tag, length, content. */
export function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const octets = Buffer.from(length.toString(16).padStart(8, '0'), 'hex')
  const short = octets.subarray(octets.findIndex((octet) => octet !== 0))
  return Buffer.concat([Buffer.from([0x80 | short.length]), short])
}

export const sequence = (...content: readonly Buffer[]) => element(TAG.sequence, ...content)
export const set = (...content: readonly Buffer[]) => element(TAG.set, ...content)
export const integer = (hex: string) => element(TAG.integer, Buffer.from(hex, 'hex'))
export const enumerated = (value: number) => element(TAG.enumerated, Buffer.from([value]))
export const octets = (content: Buffer) => element(TAG.octetString, content)
export const bits = (content: Buffer) => element(TAG.bitString, Buffer.from([0]), content)
export const utf8 = (text: string) => element(TAG.utf8String, Buffer.from(text))
export const boolean = (value: boolean) => element(TAG.boolean, Buffer.from([value ? 0xff : 0]))
export const explicit = (n: number, ...content: readonly Buffer[]) => element(0xa0 | n, ...content)
export const implicit = (n: number, content: Buffer | string) =>
  element(0x80 | n, Buffer.from(content as string))

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return element(TAG.oid, ...[first * 40 + second, ...rest].map(base128))
}

function base128(arc: number): Buffer {
  const octets = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    octets.unshift((rest % 128) | 0x80)
  }
  return Buffer.from(octets)
}

/** @param seconds Since the epoch. */
export function generalizedTime(seconds: number): Buffer {
  const text = new Date(seconds * 1000).toISOString().replace(/[-:T]|\.\d+/g, '')
  return element(TAG.generalizedTime, Buffer.from(text))
}

export function extension(id: string, value: Buffer, isCritical = false): Buffer {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octets(value))
}

const SHA256_RSA = sequence(oid('1.2.840.113549.1.1.11'), element(TAG.null))

/** What is to be signed, with algorithm and signature behind it, and what comes behind that. */
export function signed(tbs: Buffer, key: KeyObject, ...more: readonly Buffer[]): Buffer {
  return sequence(tbs, SHA256_RSA, bits(sign('sha256', tbs, key)), ...more)
}

export interface ListParts {
  readonly issuer: Buffer
  readonly key: KeyObject
  /** Seconds since the epoch; null for none. */
  readonly thisUpdate: number
  readonly nextUpdate: number | null
  /** Serial numbers in hexadecimal, or entries. */
  readonly entries?: readonly (string | Buffer)[]
  readonly extensions?: readonly Buffer[]
  readonly version?: string
  readonly algorithm?: Buffer
}

/** A revocation list (RFC 5280 §5.1). */
export function writeRevocationList(parts: ListParts): Buffer {
  const { issuer, key, thisUpdate, nextUpdate, entries = [], extensions = [] } = parts
  const listed = entries.map((entry) =>
    typeof entry === 'string' ? sequence(integer(entry), generalizedTime(thisUpdate)) : entry,
  )
  const tbs = sequence(
    integer(parts.version ?? '01'),
    parts.algorithm ?? SHA256_RSA,
    issuer,
    generalizedTime(thisUpdate),
    ...(nextUpdate === null ? [] : [generalizedTime(nextUpdate)]),
    ...(listed.length === 0 ? [] : [sequence(Buffer.concat(listed))]),
    ...(extensions.length === 0 ? [] : [explicit(0, sequence(...extensions))]),
  )
  return signed(tbs, key)
}

export interface AnswerParts {
  /** DER of the name, and the octets of the public key, of who issued the certificate. */
  readonly issuer: { readonly subject: Buffer; readonly publicKey: Buffer }
  readonly serialNumber: string
  readonly key: KeyObject
  readonly status?: Buffer
  readonly thisUpdate: number
  readonly nextUpdate?: number | null
  /** DER of certificates of who signs. */
  readonly signers?: readonly Buffer[]
  readonly extensions?: readonly Buffer[]
  /** How often the answer stands in the response. */
  readonly times?: number
}

export const GOOD = implicit(0, '')
export const UNKNOWN = implicit(2, '')
export const revokedAt = (seconds: number) => explicit(1, generalizedTime(seconds))

/** A successful OCSP response (RFC 6960 §4.2.1). */
export function writeAnswer(parts: AnswerParts): Buffer {
  const { issuer, serialNumber, key, status = GOOD, thisUpdate, nextUpdate, times = 1 } = parts
  const sha1 = (content: Buffer) => octets(createHash('sha1').update(content).digest())
  const id = sequence(
    sequence(oid('1.3.14.3.2.26'), element(TAG.null)),
    sha1(issuer.subject),
    sha1(issuer.publicKey),
    integer(serialNumber),
  )
  const single = sequence(
    id,
    status,
    generalizedTime(thisUpdate),
    ...(nextUpdate === null || nextUpdate === undefined
      ? []
      : [explicit(0, generalizedTime(nextUpdate))]),
    ...(parts.extensions === undefined ? [] : [explicit(1, sequence(...parts.extensions))]),
  )
  const data = sequence(
    explicit(1, issuer.subject),
    generalizedTime(thisUpdate),
    sequence(...Array.from({ length: times }, () => single)),
  )
  const { signers = [] } = parts
  const certificates = signers.length === 0 ? [] : [explicit(0, sequence(...signers))]
  const basic = signed(data, key, ...certificates)
  return sequence(enumerated(0), explicit(0, sequence(oid('1.3.6.1.5.5.7.48.1.1'), octets(basic))))
}

/** The qcStatements of a payment service provider (ETSI TS 119 495 §5.1), by identifiers of roles. */
export function writePsd2Statement(roles: readonly string[], name = 'PSP'): Buffer {
  const entries = roles.map((role) => sequence(oid(role), utf8(name)))
  const info = sequence(sequence(...entries), utf8('Financial Conduct Authority'), utf8('GB-FCA'))
  return sequence(oid('0.4.0.19495.2'), info)
}

export const QC_STATEMENTS = '1.3.6.1.5.5.7.1.3'
