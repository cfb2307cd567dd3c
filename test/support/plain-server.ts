/**
 * An HTTP server on loopback that answers as it is told, for what is fetched without TLS because it is
 * signed: revocation lists and answers about certificates.
 *
 * @module
 */

import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { listen } from '../../src/demo/loopback.ts'

export interface PlainRequest {
  readonly method: string
  readonly path: string
  readonly body: Buffer
}

export interface PlainServer {
  readonly origin: string
  /** With its port. */
  readonly host: string
  /** Everything that was asked, oldest first. */
  readonly requests: readonly PlainRequest[]
  /** The content of an answer; or its status; or nothing at all, ever. */
  answer: (request: PlainRequest) => Buffer | string | number | undefined
  close(): Promise<void>
}

export async function startPlainServer(answer: PlainServer['answer']): Promise<PlainServer> {
  const requests: PlainRequest[] = []
  const server = createServer()
  const listening = await listen(server, 0)
  const host = `127.0.0.1:${listening.port}`
  const plain: PlainServer = {
    origin: `http://${host}`,
    host,
    requests,
    answer,
    close: () => listening.close(),
  }
  server.on('request', async (incoming, response) => {
    const { method = '', url = '' } = incoming
    const request = { method, path: url, body: await buffer(incoming) }
    requests.push(request)
    const said = plain.answer(request)
    if (said === undefined) return
    if (typeof said === 'number') response.writeHead(said)
    response.end(typeof said === 'number' ? '' : said)
  })
  return plain
}
