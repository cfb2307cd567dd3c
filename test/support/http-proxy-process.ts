/**
 * http-proxy 1.18.1 as a process of its own, since what it is sent may end it: run as a program with the
 * URL of an upstream and two files, certificate and key.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import httpProxy from 'http-proxy'

export interface HttpProxyProcess {
  readonly port: number
  readonly child: ChildProcess
  /** Fulfilled when it has seen that the connection from this port of a client is closed. */
  closed(clientPort: number | undefined): Promise<void>
  /** The last line of what it died of, when it has. */
  readonly death: Promise<string>
}

export async function startHttpProxy(
  upstream: string,
  certificate: string,
  key: string,
): Promise<HttpProxyProcess> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const args = ['--no-deprecation', import.meta.filename, upstream, certificate, key]
  const child = spawn(process.execPath, args, { env })
  const seen = new Set<string>()
  const arrivals = new EventEmitter()
  createInterface({ input: child.stdout }).on('line', (line) => {
    seen.add(line)
    arrivals.emit('line', line)
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const death = once(child, 'close').then(() => said)
  const gone = death.then((text): never => {
    throw new Error(`http-proxy has ended: ${text}`)
  })
  gone.catch(() => {})
  const [line] = await Promise.race([once(arrivals, 'line'), gone])
  return {
    port: Number(line),
    child,
    death,
    async closed(clientPort) {
      while (!seen.has(`closed ${clientPort}`)) await Promise.race([once(arrivals, 'line'), gone])
    },
  }
}

/** As its manual says: a keep-alive agent, and a listener to its errors that answers. */
function run([target = '', certificate = '', key = '']: readonly string[]): void {
  const proxy = httpProxy.createProxyServer({ target, agent: new Agent({ keepAlive: true }) })
  proxy.on('error', (_error, _request, response) => {
    if ('headersSent' in response && !response.headersSent) response.writeHead(502)
    response.end()
  })
  const credential = { cert: readFileSync(certificate), key: readFileSync(key) }
  const server = createSecureServer({ ...credential, allowHTTP1: true }, (request, response) =>
    // It is written for HTTP/1.1, and takes whatever its server hands over.
    proxy.web(request as unknown as IncomingMessage, response as unknown as ServerResponse),
  )
  server.on('secureConnection', (socket) => {
    const { remotePort } = socket
    socket.once('close', () => console.log(`closed ${remotePort}`))
  })
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
}

if (import.meta.main) run(process.argv.slice(2))
