/**
 * The library http-proxy behind Node's TLS server, and nothing else; run as a program with the port to
 * listen on, the URL of the upstream, and the folder of certificate and key.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import httpProxy from 'http-proxy'
import { freePort, startChild } from '../child.ts'
import type { Rig } from '../rig.ts'
import type { Subject } from './subject.ts'

export async function startHttpProxy(rig: Rig): Promise<Subject> {
  const port = await freePort()
  const { NODE_OPTIONS: _, ...env } = process.env
  const upstream = `http://127.0.0.1:${rig.upstreamPort}`
  const child = await startChild(
    [process.execPath, '--no-deprecation', import.meta.filename, `${port}`, upstream, rig.folder],
    {
      folder: rig.folder,
      name: `http-proxy-${port}`,
      cores: rig.cores.measured,
      ports: [port],
      env,
    },
  )
  return { port, pids: [child.pid], close: child.close }
}

function run([port, target = '', folder = '']: readonly string[]): void {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const proxy = httpProxy.createProxyServer({ target, agent })
  const [cert, key] = ['server.crt', 'server.key'].map((name) => readFileSync(join(folder, name)))
  const server = createServer({ cert, key }, (request, response) => proxy.web(request, response))
  server.keepAliveTimeout = 600_000
  server.listen(Number(port), '127.0.0.1')
}

if (import.meta.main) run(process.argv.slice(2))
