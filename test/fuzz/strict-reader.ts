/**
 * A second opinion on what bytes say: the requests that a reader finds who follows RFC 9112 to the letter
 * and stops at the first thing that is not in it. It shares no line with the gateway or its parser.
 *
 * @module
 */

export interface StrictRequest {
  readonly method: string
  readonly target: string
  /**
   * Whether it has what RFC 9112 does not know and Node's parser reads over, without a word to the
   * program: another protocol in place of HTTP, or half an empty line in front.
   */
  readonly isLenient: boolean
  readonly version: '1.0' | '1.1'
  /** Lower-case names with their values. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Where it ends; undefined where its content does not, or is not well-formed. */
  readonly end: number | undefined
}

export interface Reading {
  readonly requests: readonly StrictRequest[]
  /** Whether nothing is left behind the last of them. */
  readonly isClean: boolean
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"

/** RFC 9112 §3, where more than one space is what a lenient reader may accept. */
const REQUEST_LINE = new RegExp(`^(${TOKEN}) +([^\\x00-\\x20\\x7f]+) +(HTTP|RTSP|ICE)/(1\\.[01])$`)

/** RFC 9110 §5.6.1: an element of a list may be empty. */
const CONNECTION_OPTION = new RegExp(`^(?:${TOKEN})?$`)

/** RFC 9112 §5, without line folding (§5.2). */
const FIELD_LINE = new RegExp(`^(${TOKEN}):[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*?)[ \\t]*$`)

/** RFC 9112 §7.1. */
const CHUNK_SIZE = /([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n/y

/** Reads to the end, to the first fault, or to where the connection is to be closed. */
export function readStrictly(bytes: Buffer): Reading {
  const text = bytes.toString('latin1')
  const requests: StrictRequest[] = []
  let at = 0
  for (;;) {
    const request = readRequest(text, at)
    if (typeof request === 'string') break
    requests.push(request)
    if (request.end === undefined) return { requests, isClean: false }
    at = request.end
    if (isLast(request)) break
  }
  return { requests, isClean: /^[\r\n]*$/.test(text.slice(at)) }
}

/** The request that begins here, as soon as its head is whole. */
export function readRequest(
  text: string,
  from: number,
): StrictRequest | 'incomplete' | 'malformed' {
  // RFC 9112 §2.2: empty lines in front of a request line are ignored.
  let at = from
  while (text[at] === '\r' || text[at] === '\n') at += 1
  const end = text.indexOf('\r\n\r\n', at)
  if (end === -1) return 'incomplete'

  const [first = '', ...lines] = text.slice(at, end).split('\r\n')
  const [, method, target, protocol, version] = REQUEST_LINE.exec(first) ?? []
  if (method === undefined || target === undefined) return 'malformed'
  // RFC 9113 §3.4: half of a connection preface, whatever version it says, and never a request.
  if (method === 'PRI') return 'malformed'
  const fields: [string, string][] = []
  for (const line of lines) {
    const [, name, value] = FIELD_LINE.exec(line) ?? []
    if (name === undefined || value === undefined) return 'malformed'
    fields.push([name.toLowerCase(), value])
  }
  const head = {
    method,
    target,
    isLenient: protocol !== 'HTTP' || !/^(?:\r\n)*$/.test(text.slice(from, at)),
    version: version === '1.0' ? version : '1.1',
    fields,
  } as const
  // RFC 9110 §7.6.1: readers differ about whether the connection ends with one that is not of this form.
  if (connectionOptions(head).some((one) => !CONNECTION_OPTION.test(one))) return 'malformed'
  const content = readContent(text, end + 4, head)
  return content === 'malformed' ? content : { ...head, end: content }
}

/** The values of a field, a line each. */
export function valuesOf({ fields }: Pick<StrictRequest, 'fields'>, name: string): string[] {
  return fields.filter(([one]) => one === name).map(([, value]) => value)
}

/** RFC 9112 §6.3: where the content ends; malformed if that has two readings. */
function readContent(
  text: string,
  from: number,
  head: Omit<StrictRequest, 'end'>,
): number | undefined | 'malformed' {
  const lengths = valuesOf(head, 'content-length')
  const codings = valuesOf(head, 'transfer-encoding')
  if (codings.length > 0) {
    const isChunked = codings.length === 1 && codings[0]!.toLowerCase() === 'chunked'
    if (!isChunked || lengths.length > 0 || head.version === '1.0') return 'malformed'
    return endOfChunks(text, from)
  }
  if (lengths.length === 0) return from
  if (lengths.length > 1 || !/^\d{1,15}$/.test(lengths[0]!)) return 'malformed'
  const end = from + Number(lengths[0])
  return end <= text.length ? end : undefined
}

function endOfChunks(text: string, from: number): number | undefined {
  let at = from
  for (;;) {
    CHUNK_SIZE.lastIndex = at
    const [line, size] = CHUNK_SIZE.exec(text) ?? []
    if (line === undefined) return undefined
    at += line.length
    const length = Number.parseInt(size!, 16)
    if (length === 0) return endOfTrailers(text, at)
    at += length
    if (!text.startsWith('\r\n', at)) return undefined
    at += 2
  }
}

/** RFC 9112 §7.1.2. */
function endOfTrailers(text: string, from: number): number | undefined {
  let at = from
  for (;;) {
    const end = text.indexOf('\r\n', at)
    if (end === -1) return undefined
    const line = text.slice(at, end)
    at = end + 2
    if (line === '') return at
    if (!FIELD_LINE.test(line)) return undefined
  }
}

/** RFC 9112 §9.3: whether the connection ends with it. */
function isLast(request: StrictRequest): boolean {
  const options = connectionOptions(request)
  if (request.method === 'CONNECT' || options.includes('close')) return true
  return request.version === '1.0' && !options.includes('keep-alive')
}

function connectionOptions(request: Pick<StrictRequest, 'fields'>): string[] {
  const text = valuesOf(request, 'connection').join(',').toLowerCase()
  return text.split(',').map((one) => one.replace(/^[ \t]+|[ \t]+$/g, ''))
}
