/**
 * The upstream of a soak: it notes whose request reached it, whole or not, and answers with what can be
 * checked byte for byte.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { listen } from '../../src/demo/loopback.ts'

export interface Arrival {
  begun: number
  /** Those whose content came to its end. */
  whole: number
}

export interface SoakUpstream {
  readonly url: string
  /** What has arrived, by interaction; written to until it is taken. */
  readonly arrivals: Map<string, Arrival>
  close(): Promise<void>
}

export interface Echo {
  readonly id: string
  readonly method: string
  readonly size: number
  readonly digest: string
  readonly client?: string
}

const CHUNK = 65_536

export async function startUpstream(): Promise<SoakUpstream> {
  const arrivals = new Map<string, Arrival>()
  const server = createServer((request, response) => {
    const id = String(request.headers['x-fapi-interaction-id'])
    const arrival = arrivals.get(id) ?? { begun: 0, whole: 0 }
    arrivals.set(id, arrival)
    arrival.begun += 1
    answer(request, response, id, arrival).catch(() => response.destroy())
  })
  // The gateway lets idle connections go first: none is closed just as it is used.
  server.keepAliveTimeout = 60_000
  const { port, close } = await listen(server, 0)
  return { url: `http://127.0.0.1:${port}`, arrivals, close }
}

/** By the last segments of the path: `bytes/<size>`, `broken`, `dead`, or an echo. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  id: string,
  arrival: Arrival,
): Promise<void> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of request) {
    hash.update(chunk)
    size += chunk.length
  }
  arrival.whole += 1
  const { method = '', url = '', headers } = request
  const wanted = /\/bytes\/(\d+)$/.exec(url)?.[1]
  if (url.endsWith('/dead')) {
    response.destroy()
  } else if (url.endsWith('/broken')) {
    response.writeHead(200, { 'content-length': 2 * CHUNK })
    response.write(fill(id, CHUNK), () => response.destroy())
  } else if (wanted !== undefined) {
    response.writeHead(200, { 'content-length': wanted })
    await pipeline(Readable.from(pieces(id, Number(wanted))), response)
  } else {
    const client = headers['x-client-id']?.toString()
    const digest = hash.digest('base64url')
    const echo: Echo = { id, method, size, digest, ...(client && { client }) }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(echo))
  }
}

/** Content that no other interaction has: what is mixed up is seen. */
export function fill(id: string, size: number): Buffer {
  return Buffer.alloc(size, `${id} `)
}

function* pieces(id: string, size: number): Generator<Buffer> {
  const piece = fill(id, CHUNK - (CHUNK % (id.length + 1)))
  for (let left = size; left > 0; left -= piece.length) yield piece.subarray(0, left)
}
