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
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { Readable } from 'node:stream'
import type { Credential } from '../../src/demo/certificates.ts'
import { API, type Fixture, HOST, type TestGateway } from './fixture.ts'

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
