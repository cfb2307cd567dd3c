/**
 * Distinguished names and general names (RFC 5280 §4.1.2.4, §4.2.1.6).
 *
 * @module
 */

import { constructed, type DerReader, primitive, TAG } from '../encoding/der.ts'

/**
 * Attributes of a subject, by the names that directories and the certificate standards of open banking
 * call them by.
 */
export const ATTRIBUTES = {
  CN: '2.5.4.3',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  businessCategory: '2.5.4.15',
  /** ETSI TS 119 495 §5.2.1: `PSDGB-FCA-123456`. */
  organizationIdentifier: '2.5.4.97',
  UID: '0.9.2342.19200300.100.1.1',
  DC: '0.9.2342.19200300.100.1.25',
} as const

/** Values of a name's attributes by their object identifiers, in the order in which they stand. */
export type Attributes = ReadonlyMap<string, readonly string[]>

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
// Control characters: an end of text for whoever reads it in C, and a new line for whoever logs it.
const CONTROL = /[\x00-\x1f\x7f]/

/** Reads the attributes of a Name. Of the types that are allowed, two are passed over. */
export function readAttributes(reader: DerReader): Attributes {
  const attributes = new Map<string, string[]>()
  const names = reader.enter(TAG.sequence)
  while (names.hasMore) {
    const relative = names.enter(TAG.set)
    while (relative.hasMore) {
      const pair = relative.enter(TAG.sequence)
      const oid = pair.oid()
      const value = readText(pair)
      pair.finish()
      if (value === undefined) continue
      const values = attributes.get(oid)
      if (values === undefined) attributes.set(oid, [value])
      else values.push(value)
    }
  }
  return attributes
}

function readText(reader: DerReader): string | undefined {
  for (const type of TEXTS) {
    if (reader.isNext(type)) return plain(decode(type, reader.read(type)), reader)
  }
  // A unique identifier, or text that nobody writes: it satisfies no pattern.
  reader.next(reader.isNext(TAG.bitString) ? TAG.bitString : TAG.universalString)
  return undefined
}

const TEXTS = [
  TAG.utf8String,
  TAG.printableString,
  TAG.ia5String,
  TAG.teletexString,
  TAG.numericString,
  TAG.visibleString,
  TAG.bmpString,
] as const

function decode(tag: number, content: Buffer): string | undefined {
  if (tag === TAG.bmpString) {
    return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : undefined
  }
  if (tag === TAG.numericString) {
    const text = content.toString('latin1')
    // X.680 §41.2: what is more in it another reader takes for no text at all.
    return /^[\d ]*$/.test(text) ? text : undefined
  }
  if (tag !== TAG.utf8String) return content.toString('latin1')
  try {
    return UTF8.decode(content)
  } catch {
    return undefined
  }
}

/** Text that two readers cannot read differently; anything else breaks the reader. */
function plain(text: string | undefined, reader: DerReader): string {
  if (text === undefined || CONTROL.test(text)) reader.break()
  return text ?? ''
}

/** General names of the kinds that are compared with anything. */
export interface GeneralNames {
  readonly emails: string[]
  /** Lower-case. */
  readonly dnsNames: string[]
  readonly uris: string[]
}

/** `rfc822Name`, `dNSName`, `uniformResourceIdentifier`. */
const EMAIL = primitive(1)
const DNS = primitive(2)
export const URI = primitive(6)

/** Reads the names inside of a GeneralNames; those of other kinds are passed over. */
export function readGeneralNames(names: DerReader): GeneralNames {
  const found: GeneralNames = { emails: [], dnsNames: [], uris: [] }
  while (names.hasMore) {
    if (names.isNext(EMAIL)) found.emails.push(readIa5(names, EMAIL))
    else if (names.isNext(DNS)) found.dnsNames.push(readIa5(names, DNS).toLowerCase())
    else if (names.isNext(URI)) found.uris.push(readIa5(names, URI))
    else names.skip()
  }
  return found
}

/** IA5String: seven bits. */
export function readIa5(reader: DerReader, tag: number): string {
  const text = plain(reader.read(tag).toString('latin1'), reader)
  if (/[^\x20-\x7e]/.test(text)) reader.break()
  return text
}

/**
 * The URIs of a DistributionPointName (RFC 5280 §4.2.1.13): none where it is relative to the name of the
 * issuer, which nobody uses (§5.2.5).
 *
 * @param choice The inside of what names the point.
 */
export function readDistributionPoint(choice: DerReader): readonly string[] {
  const full = choice.enterOptional(constructed(0))
  return full === undefined ? [] : readGeneralNames(full).uris
}
