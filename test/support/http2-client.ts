/**
 * Node's own client of HTTP/2, with one promise a request.
 *
 * @module
 */

import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { Readable } from 'node:stream'
import type { Credential } from '../../src/demo/certificates.ts'
import { type Caller, linesOf } from './caller.ts'
import { API, type Fixture, HOST, type TestGateway } from './fixture.ts'

const { NGHTTP2_REFUSED_STREAM } = constants

export interface StreamAnswer {
  /** 0 where there was none. */
  readonly status: number
  readonly fields: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  /** How the stream ended: 0 without an error. */
  readonly code: number
}

export interface Http2Client {
  readonly session: ClientHttp2Session
  /** Fulfilled when the session is gone. */
  readonly closed: Promise<unknown>
  /** Begins a request and leaves the rest to the test. `:path` is `/open` if not given. */
  begin(fields?: OutgoingHttpHeaders, endStream?: boolean): ClientHttp2Stream
  send(fields?: OutgoingHttpHeaders, body?: string | Buffer | Readable): Promise<StreamAnswer>
  close(): void
}

/** Connects; done when the gateway's settings have come. */
export async function openHttp2(
  { authority }: Pick<Fixture, 'authority'>,
  { port }: Pick<TestGateway, 'port'>,
  credential?: Credential,
  options: { readonly serverName?: string; readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' } = {},
): Promise<Http2Client> {
  const session = connect(API, {
    host: '127.0.0.1',
    port,
    ca: authority.certificate,
    servername: options.serverName ?? HOST,
    ...(credential && { cert: credential.certificate, key: credential.key }),
  })
  const closed = new Promise((resolve) => session.once('close', resolve))
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  const begin = (fields: OutgoingHttpHeaders = {}, endStream = true) => {
    const stream = session.request(
      { ':path': '/open', ':authority': HOST, ...fields },
      { endStream },
    )
    stream.on('error', () => {})
    return stream
  }
  return {
    session,
    closed,
    begin,
    async send(fields, body) {
      const stream = begin(fields, body === undefined)
      const answer = readAnswer(stream)
      if (typeof body === 'string' || Buffer.isBuffer(body)) stream.end(body)
      else if (body !== undefined) body.pipe(stream)
      return answer
    },
    close: () => session.destroy(),
  }
}

/** What comes of a request that has begun. */
export function readAnswer(stream: ClientHttp2Stream): Promise<StreamAnswer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let fields: Record<string, string | string[] | undefined> = {}
    stream.on('response', (head) => {
      fields = head as typeof fields
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.once('close', () => {
      const status = Number(fields[':status'] ?? 0)
      const body = Buffer.concat(chunks).toString()
      resolve({ status, fields, body, code: stream.rstCode ?? 0 })
    })
  })
}

/** The same caller as of HTTP/1.1: it connects with its first request, and again when it has been let go. */
export function createHttp2Caller(
  fixture: Pick<Fixture, 'authority'>,
  gateway: Pick<TestGateway, 'port'>,
  credential?: Credential,
  serverName: string = HOST,
): Caller {
  let client: Promise<Http2Client> | undefined
  const connected = async () => {
    const known = await client
    if (known !== undefined && !known.session.closed && !known.session.destroyed) return known
    client = openHttp2(fixture, gateway, credential, { serverName })
    return client
  }
  const caller: Caller = {
    async send(request = {}) {
      const { method = 'GET', path = '/accounts', fields = [], body } = request
      const { begin } = await connected()
      const head: Record<string, string | string[]> = { ':method': method, ':path': path }
      for (let i = 0; i < fields.length; i += 2) {
        const name = fields[i]!.toLowerCase().replace(/^host$/, ':authority')
        head[name] = name in head ? [head[name]!, fields[i + 1]!].flat() : fields[i + 1]!
      }
      const stream = begin(head, body === undefined)
      const rawHeaders: string[] = []
      stream.on('response', (_, __, raw?: unknown) => rawHeaders.push(...(raw as string[])))
      const answered = readAnswer(stream)
      if (body !== undefined) stream.end(body)
      const { status, body: text } = await answered
      // RFC 9113 §8.7: it was not looked at. The connection was ending, and another is made.
      if (stream.rstCode === NGHTTP2_REFUSED_STREAM) return caller.send(request)
      if (status === 0) throw new Error(`no answer, but an end with code ${stream.rstCode}`)
      const lines = (name: string) => linesOf(rawHeaders, name)
      return { status, body: text, rawHeaders, lines }
    },
    close: () => void client?.then((known) => known.close()),
  }
  return caller
}
