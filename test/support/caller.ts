/**
 * A caller that says exactly what it is told to and shows exactly what came back: every field line of a
 * response in its order, where a `Headers` object would have joined them.
 *
 * @module
 */

import { Agent, request } from 'node:https'
import type { Credential } from '../../src/demo/certificates.ts'
import { type Fixture, HOST, type TestGateway } from './fixture.ts'

export interface RawRequest {
  readonly method?: string
  /** Path and query; `/accounts` if not given. */
  readonly path?: string
  /** Names and values in turn. `Host` and `Content-Length` are added where they are missing. */
  readonly fields?: readonly string[]
  readonly body?: string | Buffer
}

export interface RawAnswer {
  readonly status: number
  readonly body: string
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[]
  /** The values of all lines of a field. */
  lines(name: string): string[]
}

export interface Caller {
  send(request?: RawRequest): Promise<RawAnswer>
  close(): void
}

/** @param serverName The name asked for in the handshake. */
export function createCaller(
  { authority }: Pick<Fixture, 'authority'>,
  { port }: Pick<TestGateway, 'port'>,
  credential?: Credential,
  serverName: string = HOST,
): Caller {
  const agent = new Agent({ keepAlive: true })
  const tls = {
    ca: authority.certificate,
    servername: serverName,
    ...(credential && { cert: credential.certificate, key: credential.key }),
  }
  return {
    send: ({ method = 'GET', path = '/accounts', fields = [], body } = {}) =>
      new Promise((resolve, reject) => {
        const headers = [...fields]
        if (linesOf(fields, 'host').length === 0) headers.push('Host', HOST)
        if (body !== undefined) headers.push('Content-Length', String(Buffer.byteLength(body)))
        const sent = request(
          { ...tls, agent, host: '127.0.0.1', port, method, path, headers },
          (response) => {
            const chunks: Buffer[] = []
            response.on('data', (chunk: Buffer) => chunks.push(chunk))
            response.once('error', reject)
            response.once('end', () => {
              const { rawHeaders, statusCode = 0 } = response
              const text = Buffer.concat(chunks).toString()
              const lines = (name: string) => linesOf(rawHeaders, name)
              resolve({ status: statusCode, body: text, rawHeaders, lines })
            })
          },
        )
        sent.once('error', reject)
        sent.end(body)
      }),
    close: () => agent.destroy(),
  }
}

/** The values of all lines of a field, among names and values in turn. */
export function linesOf(rawFields: readonly string[], name: string): string[] {
  return rawFields.filter((_, i) => i % 2 === 1 && rawFields[i - 1]!.toLowerCase() === name)
}
