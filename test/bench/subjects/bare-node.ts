/**
 * What the gateway stands on, and nothing of the gateway: Node's TLS and HTTP server, and undici behind
 * it. No check, no log, no metric, no limit: what remains of a request when all that is ours is left out.
 *
 * @module
 */

import { createServer, type ServerOptions } from 'node:https'
import { Pool } from 'undici'
import type { Rig } from '../rig.ts'
import { argumentsOf, startNodeProgram } from './node-program.ts'
import type { Subject } from './subject.ts'

const HOP_BY_HOP = new Set(['host', 'connection'])

export function startBareNode(rig: Rig): Promise<Subject> {
  return startNodeProgram(rig, 'bare-node', import.meta.filename)
}

function run(): void {
  const { port, upstream, tls } = argumentsOf(process.argv)
  const pool = new Pool(upstream, { connections: 64, pipelining: 1 })
  const options: ServerOptions = { ...tls, keepAliveTimeout: 600_000, optimizeEmptyRequests: true }
  const server = createServer(options, (request, response) => {
    const headers = ['host', new URL(upstream).host]
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      const [name, value] = [request.rawHeaders[i]!, request.rawHeaders[i + 1]!]
      if (!HOP_BY_HOP.has(name.toLowerCase())) headers.push(name, value)
    }
    pool.dispatch(
      { path: request.url!, method: request.method as 'GET', headers, body: null },
      {
        onRequestStart() {},
        onResponseStart(_, status, fields) {
          response.writeHead(status, fields as Record<string, string>)
        },
        onResponseData: (_, chunk) => void response.write(chunk),
        onResponseEnd: () => void response.end(),
        onResponseError: (_, error) => void response.destroy(error),
      },
    )
  })
  server.listen(port, '127.0.0.1')
}

if (import.meta.main) run()
