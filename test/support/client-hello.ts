/**
 * ClientHellos written by hand, octet for octet, and what a server answers to them: honest clients cannot
 * be made to send most of what a server has to withstand (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2).
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { HOST } from './fixture.ts'

export const VERSIONS = { 'SSL 3.0': 0x0300, 'TLS 1.0': 0x0301, 'TLS 1.1': 0x0302 } as const

/** RFC 8446 §6.2, RFC 6066 §9, RFC 7301 §3.2: those that are looked for by name. */
const ALERTS: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  47: 'illegal_parameter',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  109: 'missing_extension',
  110: 'unsupported_extension',
  112: 'unrecognized_name',
  120: 'no_application_protocol',
}

/** The random of a ServerHello that asks for another ClientHello (RFC 8446 §4.1.3). */
const RETRY = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c'

export interface Hello {
  readonly recordVersion: number
  readonly version: number
  readonly sessionId: Buffer
  readonly suites: readonly number[]
  readonly compressions: readonly number[]
  readonly extensions: readonly Buffer[]
}

export function extension(type: number, data: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([short(type), vector(2, data)])
}

/** RFC 6066 §3. */
export function serverName(name: string | Buffer, type = 0): Buffer {
  const entry = Buffer.concat([Buffer.of(type), vector(2, Buffer.from(name))])
  return extension(0, vector(2, entry))
}

/** RFC 7301 §3.1. */
export function protocols(...names: readonly string[]): Buffer {
  const list = names.map((name) => vector(1, Buffer.from(name)))
  return extension(16, vector(2, Buffer.concat(list)))
}

/** RFC 8446 §4.2.1. */
export function supportedVersions(...versions: readonly number[]): Buffer {
  return extension(43, vector(1, Buffer.concat(versions.map(short))))
}

/** RFC 8446 §4.2.7. */
export function supportedGroups(...groups: readonly number[]): Buffer {
  return extension(10, vector(2, Buffer.concat(groups.map(short))))
}

/** RFC 8446 §4.2.3. */
export function signatureAlgorithms(...algorithms: readonly number[]): Buffer {
  return extension(13, vector(2, Buffer.concat(algorithms.map(short))))
}

/** RFC 8446 §4.2.8: a share of X25519, which any 32 octets are. */
export function keyShare(group = 0x001d, share: Buffer = randomBytes(32)): Buffer {
  return extension(51, vector(2, Buffer.concat([short(group), vector(2, share)])))
}

/** What an honest client would send for this name, of TLS 1.2 and TLS 1.3. */
export function extensionsFor(name: string | Buffer | undefined = HOST): Buffer[] {
  return [
    ...(name === undefined ? [] : [serverName(name)]),
    supportedVersions(0x0304, 0x0303),
    supportedGroups(0x001d, 0x0017, 0x0018),
    signatureAlgorithms(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601),
    keyShare(),
    protocols('http/1.1'),
    extension(11, vector(1, Buffer.of(0))),
    extension(23),
    extension(45, vector(1, Buffer.of(1))),
  ]
}

/** A ClientHello message, in no record yet. An honest one, with what is changed of it. */
export function helloMessage(change: Partial<Hello> = {}): Buffer {
  const { version, sessionId, suites, compressions, extensions } = {
    version: 0x0303,
    sessionId: randomBytes(32),
    suites: [0x1301, 0x1302, 0x1303, 0xc02f, 0xc030, 0xc02b, 0xc02c],
    compressions: [0],
    extensions: extensionsFor(),
    ...change,
  }
  const body = Buffer.concat([
    short(version),
    randomBytes(32),
    vector(1, sessionId),
    vector(2, Buffer.concat(suites.map(short))),
    vector(1, Buffer.from(compressions)),
    vector(2, Buffer.concat(extensions)),
  ])
  return Buffer.concat([Buffer.of(1), vector(3, body)])
}

/** A record in plain (RFC 8446 §5.1). */
export function record(type: number, data: Buffer, version = 0x0301): Buffer {
  return Buffer.concat([Buffer.of(type), short(version), vector(2, data)])
}

/** A ClientHello in one record. */
export function clientHello(change: Partial<Hello> = {}): Buffer {
  return record(22, helloMessage(change), change.recordVersion)
}

/** Octets behind their length, which has so many octets. */
export function vector(size: 1 | 2 | 3, data: Buffer): Buffer {
  const length = Buffer.alloc(size)
  length.writeUIntBE(data.length, 0, size)
  return Buffer.concat([length, data])
}

function short(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}

/**
 * What a server says first to these octets: `TLS 1.2` or `TLS 1.3` where it is a ServerHello, `retry`
 * where it wants another ClientHello, the alert by its name, or `closed` where it is nothing.
 *
 * @param pieces Sent one after the other, each as a segment of its own.
 */
export function answerTo(port: number, ...pieces: readonly Buffer[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let bytes = Buffer.alloc(0)
    const end = (answer: string) => {
      resolve(answer)
      socket.destroy()
    }
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      const answer = readAnswer(bytes)
      if (answer !== undefined) end(answer)
    })
    socket.on('error', () => end('closed'))
    socket.on('end', () => end('closed'))
    void (async () => {
      for (const piece of pieces) await new Promise((done) => socket.write(piece, done))
    })()
  })
}

function readAnswer(bytes: Buffer): string | undefined {
  if (bytes.length < 5 || bytes.length < 5 + bytes.readUInt16BE(3)) return undefined
  const data = bytes.subarray(5, 5 + bytes.readUInt16BE(3))
  if (bytes[0] === 21) return ALERTS[data[1] ?? 255] ?? `alert ${data[1]}`
  if (bytes[0] !== 22 || data[0] !== 2) return `record ${bytes[0]}`
  if (data.toString('hex', 6, 38) === RETRY) return 'retry'
  // RFC 8446 §4.1.3: behind version, random, session id, suite and compression.
  const from = 39 + (data[38] ?? 0) + 3 + 2
  for (let at = from; at + 4 <= data.length; at += 4 + data.readUInt16BE(at + 2)) {
    if (data.readUInt16BE(at) === 43 && data.readUInt16BE(at + 4) === 0x0304) return 'TLS 1.3'
  }
  return 'TLS 1.2'
}
