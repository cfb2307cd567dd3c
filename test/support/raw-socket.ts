/**
 * A connection that says exactly the bytes it is told to, and shows what came back message by message: no
 * client in between repairs what is sent or hides how a connection ended.
 *
 * @module
 */

import type { TcpSocketConnectOpts } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { expect } from 'vitest'
import { linesOf } from './caller.ts'
import { type Fixture, HOST, type TestGateway } from './fixture.ts'

export interface Message {
  readonly startLine: string
  /** Names and values in turn. */
  readonly fields: readonly string[]
  readonly body: Buffer
  /** False where the bytes ended before the message did. */
  readonly complete: boolean
  /** Where in the bytes it ends. */
  readonly end: number
}

export interface Answer extends Message {
  /** Of a response. */
  readonly status: number
  lines(name: string): string[]
}

export class RawSocket {
  readonly socket: TLSSocket
  /** Fulfilled when the connection is gone, with the error that ended it, if one did. */
  readonly closed: Promise<Error | undefined>
  #bytes = Buffer.alloc(0)
  #isClosed = false

  constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      socket.emit('progress')
    })
    this.closed = new Promise((resolve) => {
      const close = (error?: Error) => {
        this.#isClosed = true
        socket.emit('progress')
        resolve(error)
      }
      socket.once('close', () => close())
      // Node does not always say of a connection that an alert has ended that it is closed.
      socket.on('error', close)
    })
  }

  /** What has come and is no part of a response that was read. */
  get pending(): Buffer {
    return this.#bytes
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /**
   * The next response, interim ones included; one that is not complete if the connection ended amid it.
   *
   * @param method That of the request: a response to HEAD has no content.
   */
  async response(method = 'GET'): Promise<Answer> {
    for (;;) {
      const message = parseMessage(this.#bytes, 'response', method === 'HEAD')
      if (message?.complete === true || this.#isClosed) {
        if (message === undefined) throw new Error(`no response, but: ${this.#bytes}`)
        this.#bytes = this.#bytes.subarray(message.end)
        const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(message.startLine)?.[1])
        return { ...message, status, lines: (name) => linesOf(message.fields, name) }
      }
      await new Promise((resolve) => this.socket.once('progress', resolve))
    }
  }

  /** What came until the connection was closed. */
  async rest(): Promise<Answer[]> {
    await this.closed
    const answers: Answer[] = []
    while (this.#bytes.length > 0) answers.push(await this.response())
    return answers
  }
}

/** Connects to a gateway; done when the client's side of the handshake is. */
export async function openSocket(
  { authority }: Pick<Fixture, 'authority'>,
  { port }: Pick<TestGateway, 'port'>,
  options: ConnectionOptions & Pick<TcpSocketConnectOpts, 'localAddress'> = {},
): Promise<RawSocket> {
  const to = { host: '127.0.0.1', port, ca: authority.certificate, servername: HOST }
  const socket = connect({ ...to, ...options })
  const raw = new RawSocket(socket)
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    void raw.closed.then((error) => reject(error ?? new Error('closed in the handshake')))
  })
  return raw
}

/** Sends bytes on a connection of their own and waits until the gateway has closed it. */
export async function sendRaw(
  fixture: Pick<Fixture, 'authority'>,
  gateway: Pick<TestGateway, 'port'>,
  bytes: string | Buffer,
): Promise<Answer[]> {
  const raw = await openSocket(fixture, gateway)
  raw.write(bytes)
  return raw.rest()
}

/** What has to hold of every refusal after which the connection is closed. */
export function expectClosingRefusal(
  answer: Answer | undefined,
  status: number,
  reason: string,
): void {
  expect(answer?.startLine).toMatch(new RegExp(`^HTTP/1\\.1 ${status} \\S`))
  expect(answer?.complete).toBe(true)
  expect(answer?.lines('date').map(Date.parse)).toEqual([expect.any(Number)])
  expect(answer?.lines('cache-control')).toEqual(['no-store'])
  expect(answer?.lines('content-type')).toEqual(['application/json'])
  expect(answer?.lines('connection')).toEqual(['close'])
  const [id, ...others] = answer?.lines('x-fapi-interaction-id') ?? []
  expect(id).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  expect(others).toEqual([])
  expect(JSON.parse(String(answer?.body))).toEqual({
    error: expect.any(String),
    error_description: reason,
    interaction_id: id,
  })
}

/**
 * Reads the first message of these bytes (RFC 9112 §2.1, §6.3). Undefined while its head is not whole.
 *
 * @param bodyless Whether it answers a HEAD.
 */
export function parseMessage(
  bytes: Buffer,
  kind: 'request' | 'response',
  bodyless = false,
): Message | undefined {
  const head = bytes.indexOf('\r\n\r\n')
  if (head === -1) return undefined
  const [startLine = '', ...lines] = bytes.toString('latin1', 0, head).split('\r\n')
  const fields = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const from = head + 4
  const noBody = bodyless || / (?:1\d\d|204|304) /.test(kind === 'response' ? startLine : '')
  if (linesOf(fields, 'transfer-encoding').length > 0 && !noBody) {
    return { startLine, fields, ...parseChunks(bytes, from) }
  }
  const [length] = linesOf(fields, 'content-length')
  const untilClose = kind === 'response' && length === undefined && !noBody
  const size = noBody ? 0 : Number(length ?? 0)
  const end = untilClose ? bytes.length : Math.min(from + size, bytes.length)
  const complete = !untilClose && end === from + size
  return { startLine, fields, body: bytes.subarray(from, end), complete, end }
}

/** RFC 9112 §7.1. */
function parseChunks(bytes: Buffer, from: number): Pick<Message, 'body' | 'complete' | 'end'> {
  const chunks: Buffer[] = []
  let at = from
  for (;;) {
    const line = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, Math.max(at, line)), 16)
    const data = line + 2
    if (line !== -1 && size === 0) {
      const end = bytes.indexOf('\r\n\r\n', line)
      if (end !== -1) return { body: Buffer.concat(chunks), complete: true, end: end + 4 }
    } else if (line !== -1 && data + size + 2 <= bytes.length) {
      chunks.push(bytes.subarray(data, data + size))
      at = data + size + 2
      continue
    }
    return { body: Buffer.concat(chunks), complete: false, end: bytes.length }
  }
}
