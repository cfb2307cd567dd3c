/**
 * The library http-proxy behind Node's TLS server, and nothing else.
 *
 * @module
 */

import { Agent } from 'node:http'
import { createServer } from 'node:https'
import httpProxy from 'http-proxy'
import type { Rig } from '../rig.ts'
import { argumentsOf, startNodeProgram } from './node-program.ts'
import type { Subject } from './subject.ts'

export function startHttpProxy(rig: Rig): Promise<Subject> {
  return startNodeProgram(rig, 'http-proxy', import.meta.filename)
}

function run(): void {
  const { port, upstream, tls } = argumentsOf(process.argv)
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const proxy = httpProxy.createProxyServer({ target: upstream, agent })
  const server = createServer(tls, (request, response) => proxy.web(request, response))
  server.keepAliveTimeout = 600_000
  server.listen(port, '127.0.0.1')
}

if (import.meta.main) run()
