/**
 * The admin listener: liveness, readiness and metrics, on an address of their own.
 *
 * Nothing here changes anything, so nothing but GET and HEAD is answered.
 *
 * @module
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Metrics } from '../telemetry/metrics.ts'
import { listen, urlOf } from './listening.ts'

/** One thing that has to hold before requests can be decided. */
export interface Readiness {
  readonly name: string
  readonly ready: boolean
  /** It did hold, and what needs it is answered with 503 meanwhile: all else can be decided. */
  readonly isPassing?: boolean
}

/** Whether requests can be sent here. */
export function areReady(states: readonly Readiness[]): boolean {
  return states.every(({ ready, isPassing }) => ready || isPassing === true)
}

export interface AdminParts {
  readonly metrics: Pick<Metrics, 'expose' | 'contentType'>
  /** Asked of callers of everything but health, where one is configured. */
  readonly token: string | undefined
  readiness(): readonly Readiness[] | Promise<readonly Readiness[]>
}

export class AdminListener {
  readonly #parts: AdminParts
  readonly #server: Server

  constructor(parts: AdminParts) {
    this.#parts = parts
    this.#server = createServer(
      { headersTimeout: 5000, requestTimeout: 5000, connectionsCheckingInterval: 1000 },
      (incoming, response) => {
        // What is thrown is a bug: the scrape fails, and the process lives.
        this.#answer(incoming, response).catch(() => response.destroy())
      },
    )
    this.#server.maxConnections = 100
  }

  get address(): string {
    return urlOf(this.#server, 'http')
  }

  listen(host: string, port: number): Promise<void> {
    return listen(this.#server, host, port)
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    // Not every target that the parser lets pass is a URL.
    const [path, query] = (incoming.url ?? '').split('?', 2)
    response.setHeader('Cache-Control', 'no-store')
    if (incoming.method !== 'GET' && incoming.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return send(response, 405, 'method not allowed\n')
    }
    switch (path) {
      case '/healthz':
        return send(response, 200, 'ok\n')
      case '/readyz':
        return this.#answerReadiness(response, new URLSearchParams(query).has('verbose'))
      case '/metrics': {
        if (!this.#knows(incoming)) {
          response.setHeader('WWW-Authenticate', 'Bearer realm="admin"')
          return send(response, 401, 'unauthorized\n')
        }
        const { metrics } = this.#parts
        return send(response, 200, await metrics.expose(), metrics.contentType)
      }
      default:
        return send(response, 404, 'not found\n')
    }
  }

  async #answerReadiness(response: ServerResponse, verbose: boolean): Promise<void> {
    const states = await this.#parts.readiness()
    const ready = areReady(states)
    const lines = states.map((state) => `[${state.ready ? '+' : '-'}] ${state.name}\n`).join('')
    send(response, ready ? 200 : 503, (verbose ? lines : '') + (ready ? 'ready\n' : 'not ready\n'))
  }

  #knows(incoming: IncomingMessage): boolean {
    const { token } = this.#parts
    if (token === undefined) return true
    const digest = (text: string) => createHash('sha256').update(text).digest()
    return timingSafeEqual(digest(incoming.headers.authorization ?? ''), digest(`Bearer ${token}`))
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'Content-Type': type })
  response.end(body)
}
