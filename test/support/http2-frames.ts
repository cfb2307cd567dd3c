/**
 * A connection of HTTP/2 that says exactly the frames it is told to: no library in between refuses to send
 * what is malformed. Fields go as literals without a table (RFC 7541 §6.2.2), so that any bytes can.
 *
 * @module
 */

import type { ConnectionOptions } from 'node:tls'
import { type Fixture, HOST, type TestGateway } from './fixture.ts'
import { openSocket, type RawSocket } from './raw-socket.ts'

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const END_STREAM = 0x1
export const ACK = 0x1
export const END_HEADERS = 0x4
export const PADDED = 0x8
export const PRIORITY = 0x20

/** RFC 9113 §7. */
export const CODE = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** What became of a stream: a status, a reset, or that the connection ended. */
export type StreamEnd = `status ${string}` | `reset ${number}` | `goaway ${number}` | 'closed'

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer | string = '',
): Buffer {
  const content = Buffer.from(payload as string, 'latin1')
  const head = Buffer.alloc(9)
  head.writeUIntBE(content.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, content])
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, 4 * i)
  return bytes
}

/** RFC 7541 §6.2.2: literals, without Huffman. @param fields Names and values in turn. */
export function fieldBlock(fields: readonly string[]): Buffer {
  const parts: Buffer[] = []
  for (const [i, text] of fields.entries()) {
    if (i % 2 === 0) parts.push(Buffer.of(0))
    parts.push(integer(Buffer.byteLength(text, 'latin1')), Buffer.from(text, 'latin1'))
  }
  return Buffer.concat(parts)
}

/** RFC 7541 §5.1, with a prefix of seven bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value)
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.of(...bytes, rest)
}

/** The pseudo-fields of an honest request. */
export function pseudo(path = '/open', method = 'GET'): string[] {
  return [':method', method, ':scheme', 'https', ':authority', HOST, ':path', path]
}

export function settings(...entries: readonly (readonly [number, number])[]): Buffer {
  const payload = entries.map(([id, value]) => {
    const bytes = Buffer.alloc(6)
    bytes.writeUInt16BE(id, 0)
    bytes.writeUInt32BE(value, 2)
    return bytes
  })
  return frame(FRAME.settings, 0, 0, Buffer.concat(payload))
}

export class FrameSocket {
  readonly raw: RawSocket
  /** Everything that came, oldest first. */
  readonly frames: Frame[] = []
  /** Whether it says that it has taken the gateway's settings to heart. */
  acknowledges = true
  #bytes = Buffer.alloc(0)
  #isClosed = false

  constructor(raw: RawSocket) {
    this.raw = raw
    raw.socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#parse()
      raw.socket.emit('frame')
    })
    void raw.closed.then(() => {
      this.#isClosed = true
      raw.socket.emit('frame')
    })
  }

  write(...frames: readonly Buffer[]): void {
    this.raw.write(Buffer.concat(frames))
  }

  /** Says the preface, and wants a table of no size so that answers are literals too. */
  begin(wanted: readonly (readonly [number, number])[] = []): void {
    this.write(Buffer.from(PREFACE), settings([1, 0], ...wanted))
  }

  /** A request without content, unless `flags` leaves the stream open. */
  request(stream: number, fields: readonly string[], flags = END_STREAM): void {
    this.write(frame(FRAME.headers, flags | END_HEADERS, stream, fieldBlock(fields)))
  }

  /** The first frame that is wanted, of those that came and will; undefined if the connection ends before. */
  async find(wanted: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const found = this.frames.find(wanted)
      if (found !== undefined || this.#isClosed) return found
      await new Promise((resolve) => this.raw.socket.once('frame', resolve))
    }
  }

  /** What becomes of a stream. */
  async end(stream: number): Promise<StreamEnd> {
    const last = await this.find(
      ({ type, stream: id }) =>
        (id === stream && (type === FRAME.headers || type === FRAME.reset)) ||
        type === FRAME.goaway,
    )
    if (last === undefined) return 'closed'
    if (last.type === FRAME.reset) return `reset ${last.payload.readUInt32BE(0)}`
    if (last.type === FRAME.goaway) return `goaway ${last.payload.readUInt32BE(4)}`
    return `status ${statusOf(last.payload)}`
  }

  /** The code with which the connection was ended; undefined if it was without one. */
  async goaway(): Promise<number | undefined> {
    const last = await this.find(({ type }) => type === FRAME.goaway)
    return last?.payload.readUInt32BE(4)
  }

  /** Waits until the gateway has answered to everything before this. */
  async settle(): Promise<void> {
    const mark = Buffer.from(String(this.frames.length).padStart(8, '0'))
    this.write(frame(FRAME.ping, 0, 0, mark))
    await this.find(
      ({ type, flags, payload }) => type === FRAME.ping && flags === ACK && payload.equals(mark),
    )
  }

  #parse(): void {
    while (this.#bytes.length >= 9) {
      const size = this.#bytes.readUIntBE(0, 3)
      if (this.#bytes.length < 9 + size) return
      const [type = 0, flags = 0] = this.#bytes.subarray(3, 5)
      const stream = this.#bytes.readUInt32BE(5)
      const payload = this.#bytes.subarray(9, 9 + size)
      this.#bytes = this.#bytes.subarray(9 + size)
      this.frames.push({ type, flags, stream, payload })
      if (type === FRAME.settings && (flags & ACK) === 0 && this.acknowledges) {
        this.write(frame(FRAME.settings, ACK, 0))
      }
    }
  }
}

/** Connects and begins. @param wanted Settings: identifiers with their values. */
export async function openFrames(
  fixture: Pick<Fixture, 'authority'>,
  gateway: Pick<TestGateway, 'port'>,
  wanted: readonly (readonly [number, number])[] = [],
  options: ConnectionOptions = {},
): Promise<FrameSocket> {
  const raw = await openSocket(fixture, gateway, { ALPNProtocols: ['h2'], ...options })
  const socket = new FrameSocket(raw)
  socket.begin(wanted)
  return socket
}

/** RFC 7541 appendix A: statuses that have an index. */
const INDEXED = [200, 204, 206, 304, 400, 404, 500]

function statusOf(block: Buffer): string {
  let at = 0
  // RFC 7541 §6.3: the size of the table, once.
  while ((block[at]! & 0xe0) === 0x20) at += 1
  const first = block[at]!
  if (first >= 0x88 && first <= 0x8e) return String(INDEXED[first - 0x88])
  const length = block[at + 1]!
  const value = block.subarray(at + 2, at + 2 + (length & 0x7f))
  return length < 128 ? value.toString('latin1') : digits(value)
}

/** RFC 7541 appendix B, of which digits are the five-bit codes 0 to 2 and the six-bit codes 25 to 31. */
function digits(coded: Buffer): string {
  const bits = [...coded].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let text = ''
  for (let at = 0; text.length < 3; ) {
    const five = Number.parseInt(bits.slice(at, at + 5), 2)
    if (five <= 2) {
      text += five
      at += 5
    } else {
      text += Number.parseInt(bits.slice(at, at + 6), 2) - 25 + 3
      at += 6
    }
  }
  return text
}
