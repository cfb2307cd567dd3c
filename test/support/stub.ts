/**
 * A TLS server on loopback that answers as it is told, for what a real authorization server never says.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { listen } from '../../src/demo/loopback.ts'
import type { Fixture } from './fixture.ts'

export interface StubRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface StubAnswer {
  /** 200 if not given. */
  readonly status?: number
  /** `application/json` if not given. */
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Text as it stands, anything else as JSON. */
  readonly body?: unknown
}

/** An answer, or what is done with the connection instead. */
export type Answering = (
  request: StubRequest,
  response: ServerResponse,
) => StubAnswer | 'unanswered' | Promise<StubAnswer | 'unanswered'>

export interface Stub {
  readonly origin: string
  readonly port: number
  /** Everything that was asked, oldest first. */
  readonly requests: readonly StubRequest[]
  answer: Answering
  close(): Promise<void>
}

/** @param port 0, the default, is any free one. */
export async function startStub(
  { server: { certificate, key } }: Pick<Fixture, 'server'>,
  answer: Answering,
  port = 0,
): Promise<Stub> {
  const requests: StubRequest[] = []
  const server = createServer({ cert: certificate, key })
  const listening = await listen(server, port)
  const stub = {
    origin: `https://localhost:${listening.port}`,
    port: listening.port,
    requests,
    answer,
    close: () => listening.close(),
  }
  server.on('request', async (incoming, response) => {
    const { method = '', url = '', headers } = incoming
    const request = { method, url, headers, body: await text(incoming) }
    requests.push(request)
    const said = await stub.answer(request, response)
    if (said === 'unanswered') return
    const { status = 200, type = 'application/json', body } = said
    response.writeHead(status, { 'content-type': type, ...said.headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  return stub
}
