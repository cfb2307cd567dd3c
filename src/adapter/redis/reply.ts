/**
 * RESP2, the protocol of Redis and Valkey, as far as the gateway speaks it.
 *
 * Read strictly and within bounds: whatever is not a reply ends the connection, since behind it nobody
 * knows to which command a reply belongs.
 *
 * @module
 */

/** Largest reply that is read, in bytes: the slots of a cluster of a thousand nodes, several times over. */
const MAX_REPLY = 1_048_576
const MAX_ELEMENTS = 65_536
const MAX_DEPTH = 8
const CR = 13
const LF = 10

/** The server refused a command, which it did not carry out. */
export class ErrorReply {
  /** The first word, such as `READONLY`. */
  readonly code: string
  readonly message: string

  constructor(message: string) {
    this.message = message
    this.code = message.split(' ', 1)[0] ?? ''
  }
}

/** `null`: there is no such key, or a condition did not hold. */
export type Reply = string | number | null | ErrorReply | readonly Reply[]

/** What came is not RESP2, or larger than anything that was asked for. */
export class ProtocolError extends Error {}

/** The port that a server names, in whichever form; undefined where it is none. */
export function portOf(reply: Reply | undefined): number | undefined {
  const port = typeof reply === 'string' && /^\d{1,5}$/.test(reply) ? Number(reply) : reply
  return typeof port === 'number' && port > 0 && port < 65_536 ? port : undefined
}

export function encodeCommand(words: readonly string[]): string {
  let text = `*${words.length}\r\n`
  for (const word of words) text += `$${Buffer.byteLength(word)}\r\n${word}\r\n`
  return text
}

interface Parsed {
  readonly reply: Reply
  readonly end: number
}

/** Puts replies together from the pieces in which they come. */
export class ReplyReader {
  #held: Buffer = Buffer.alloc(0)

  /**
   * @returns The replies that are whole now, in order.
   * @throws ProtocolError Nothing can be read from there on.
   */
  read(chunk: Buffer): Reply[] {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const replies: Reply[] = []
    let at = 0
    for (;;) {
      const parsed = parseReply(bytes, at, 0)
      if (parsed === undefined) break
      replies.push(parsed.reply)
      at = parsed.end
    }
    this.#held = bytes.subarray(at)
    if (this.#held.length > MAX_REPLY) throw new ProtocolError('a reply is too large')
    return replies
  }
}

/** @returns Undefined where it is not whole yet. */
function parseReply(bytes: Buffer, start: number, depth: number): Parsed | undefined {
  if (start >= bytes.length) return undefined
  const kind = String.fromCharCode(bytes[start]!)
  if (!'+-:$*'.includes(kind)) throw new ProtocolError('no kind of reply begins like this')
  const lineEnd = bytes.indexOf('\r\n', start + 1, 'latin1')
  if (lineEnd === -1) return undefined
  const line = bytes.toString('utf8', start + 1, lineEnd)
  const next = lineEnd + 2
  switch (kind) {
    case '+':
      return { reply: line, end: next }
    case '-':
      return { reply: new ErrorReply(line), end: next }
    case ':':
      return { reply: parseInteger(line), end: next }
    case '$':
      return parseBulk(bytes, parseLength(line, MAX_REPLY), next)
    default:
      return parseArray(bytes, parseLength(line, MAX_ELEMENTS), next, depth)
  }
}

function parseBulk(bytes: Buffer, length: number, start: number): Parsed | undefined {
  if (length === -1) return { reply: null, end: start }
  const end = start + length
  if (bytes.length < end + 2) return undefined
  if (bytes[end] !== CR || bytes[end + 1] !== LF) throw new ProtocolError('a text has another end')
  return { reply: bytes.toString('utf8', start, end), end: end + 2 }
}

function parseArray(
  bytes: Buffer,
  length: number,
  start: number,
  depth: number,
): Parsed | undefined {
  if (length === -1) return { reply: null, end: start }
  if (depth >= MAX_DEPTH) throw new ProtocolError('a reply is too deep')
  const reply: Reply[] = []
  let at = start
  for (let i = 0; i < length; i++) {
    const element = parseReply(bytes, at, depth + 1)
    if (element === undefined) return undefined
    reply.push(element.reply)
    at = element.end
  }
  return { reply, end: at }
}

function parseLength(line: string, most: number): number {
  const length = parseInteger(line)
  if (length < -1 || length > most) throw new ProtocolError('a reply is too large')
  return length
}

function parseInteger(line: string): number {
  if (!/^-?\d{1,19}$/.test(line)) throw new ProtocolError('a number is none')
  return Number(line)
}
