/**
 * DER, read strictly (X.690 §8.1, §10): definite lengths, minimal where there is a choice, and nothing
 * behind the end.
 *
 * @module
 */

/** Tags that occur in what is read here: certificates, revocation lists and OCSP (X.690 §8.1.2). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

const EMPTY = Buffer.alloc(0)

/** `[n]` of a type that has parts, or EXPLICIT. */
export function constructed(n: number): number {
  return 0xa0 | n
}

/** `[n]` IMPLICIT of a type that has none. */
export function primitive(n: number): number {
  return 0x80 | n
}

/**
 * Reads one element after the other.
 *
 * What is not as expected leaves the reader broken, and all readers that were entered from it: they go on
 * with nothing, and whoever reads asks `isBroken` once, at the end. So no input makes it throw. It goes no
 * deeper than it is told to, and copies nothing.
 */
export class DerReader {
  readonly bytes: Buffer
  /** Of the element read last: where it begins, where its content does, and where both end. */
  start = 0
  from = 0
  to = 0
  #at: number
  readonly #end: number
  readonly #health: { isBroken: boolean }

  constructor(bytes: Buffer, at = 0, end = bytes.length, health = { isBroken: false }) {
    this.bytes = bytes
    this.#at = at
    this.#end = end
    this.#health = health
  }

  get isBroken(): boolean {
    return this.#health.isBroken
  }

  /** Whether there is another element. A broken reader has none, so that loops end. */
  get hasMore(): boolean {
    return this.#at < this.#end && !this.#health.isBroken
  }

  /** Gives up: for whoever reads a value that it cannot take. */
  break(): void {
    this.#health.isBroken = true
  }

  isNext(tag: number): boolean {
    return this.hasMore && this.bytes[this.#at] === tag
  }

  /** Reads an element of this tag. False, and broken, if there is none. */
  next(tag: number): boolean {
    if (!this.isNext(tag)) {
      this.break()
      return false
    }
    return this.skip()
  }

  /** Reads an element, whatever it is. */
  skip(): boolean {
    const { bytes } = this
    const start = this.#at
    const tag = bytes[start] ?? 0
    let from = start + 2
    let length = bytes[start + 1] ?? 0x80
    if (length > 0x80 && length <= 0x84) {
      const octets = length & 0x7f
      from += octets
      length = from <= this.#end ? bytes.readUIntBE(start + 2, octets) : -1
      // X.690 §10.1: the shortest form that says it.
      if (length < 0x80 || (octets > 1 && length < 2 ** (8 * (octets - 1)))) length = -1
    } else if (length >= 0x80) {
      length = -1
    }
    // Tags of more than one octet occur in nothing that is read here.
    if ((tag & 0x1f) === 0x1f || length < 0 || from + length > this.#end) {
      this.break()
      return false
    }
    this.start = start
    this.from = from
    this.to = from + length
    this.#at = this.to
    return true
  }

  /** The content of the next element, of this tag. */
  read(tag: number): Buffer {
    return this.next(tag) ? this.bytes.subarray(this.from, this.to) : EMPTY
  }

  /** The next element with its tag and length. */
  whole(tag: number): Buffer {
    return this.next(tag) ? this.bytes.subarray(this.start, this.to) : EMPTY
  }

  /** A reader of the elements inside of the next one. */
  enter(tag: number): DerReader {
    const inside = this.next(tag)
    return new DerReader(this.bytes, inside ? this.from : 0, inside ? this.to : 0, this.#health)
  }

  /** The same, where it may be missing. */
  enterOptional(tag: number): DerReader | undefined {
    return this.isNext(tag) ? this.enter(tag) : undefined
  }

  /** X.690 §11.1: false is 0, true is 255. */
  boolean(tag: number = TAG.boolean): boolean {
    const content = this.read(tag)
    const value = content[0]
    if (content.length !== 1 || (value !== 0 && value !== 0xff)) this.break()
    return value === 0xff
  }

  /** The content of an INTEGER in hexadecimal: its sign is in the first bit, and no octet is too many. */
  integer(): string {
    if (!this.next(TAG.integer)) return ''
    const { bytes, from, to } = this
    const [first = 0, second = 0] = [bytes[from], bytes[from + 1]]
    const isPadded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)
    if (to === from || (to - from > 1 && isPadded)) this.break()
    return bytes.toString('hex', from, to)
  }

  /** An object identifier, in numbers with dots. */
  oid(): string {
    const text = decodeOid(this.read(TAG.oid))
    if (text === undefined) this.break()
    return text ?? ''
  }

  /** The octets of a BIT STRING that has no unused bits, as signatures and keys have. */
  bits(): Buffer {
    const content = this.read(TAG.bitString)
    if (content[0] !== 0) this.break()
    return content.subarray(1)
  }

  /** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 has them, in seconds since the epoch. */
  time(): number {
    const tag = this.isNext(TAG.utcTime) ? TAG.utcTime : TAG.generalizedTime
    const seconds = decodeTime(this.read(tag).toString('latin1'), tag === TAG.utcTime)
    if (Number.isNaN(seconds)) this.break()
    return seconds
  }

  /** Says that this was all: more would be something else to another reader. */
  finish(): void {
    if (this.#at < this.#end) this.break()
  }
}

/**
 * Cuts bytes into the SEQUENCEs that they consist of, one behind the other: certificates, for one. What is in
 * them is not looked at. Undefined if anything else is among them, such as trailing bytes. No bytes are none.
 */
export function splitSequences(bytes: Buffer): Buffer[] | undefined {
  const reader = new DerReader(bytes)
  const found: Buffer[] = []
  while (reader.hasMore) found.push(reader.whole(TAG.sequence))
  return reader.isBroken ? undefined : found
}

/** X.690 §8.19. Undefined for what is not one. */
function decodeOid(content: Buffer): string | undefined {
  const last = content.at(-1)
  if (last === undefined || last >= 0x80 || content.length > 64) return undefined
  const arcs: bigint[] = []
  let arc = 0n
  let isFirst = true
  for (const octet of content) {
    // A leading 0x80 is padding.
    if (isFirst && octet === 0x80) return undefined
    arc = (arc << 7n) | BigInt(octet & 0x7f)
    isFirst = octet < 0x80
    if (!isFirst) continue
    if (arcs.length === 0) {
      const root = arc < 80n ? arc / 40n : 2n
      arcs.push(root, arc - root * 40n)
    } else {
      arcs.push(arc)
    }
    arc = 0n
  }
  return arcs.join('.')
}

const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/

function decodeTime(text: string, isShort: boolean): number {
  // RFC 5280 §4.1.2.5.1: 50 to 99 are of the last century.
  const century = text < '5' ? '20' : '19'
  const [, ...parts] = TIME.exec(isShort ? `${century}${text}` : text) ?? []
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number)
  const time = Date.UTC(year, month - 1, day, hour, minute, second)
  const date = new Date(time)
  const isThere =
    parts.length === 6 &&
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second
  return isThere ? time / 1000 : Number.NaN
}
