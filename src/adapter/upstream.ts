/**
 * Connection pools to upstreams.
 *
 * Each upstream has its own: a connection made with one client certificate, or to one server name, is
 * never used for another.
 *
 * @module
 */

import { type Dispatcher, Pool } from 'undici'
import type { UpstreamConfig } from '../config/configuration.ts'
import type { Upstream, UpstreamHandler, UpstreamRequest } from '../gateway/upstream.ts'
import { connectOptions } from './outbound.ts'

/** Requests that may wait for a connection of one upstream. */
const MAX_WAITING = 1024

export class PooledUpstream implements Upstream {
  readonly config: UpstreamConfig
  readonly id: string
  readonly basePath: string
  readonly wholeTimeout: number | undefined
  readonly #pool: Pool
  /** Whether the last request may have had to wait for a connection: only then is it worth counting. */
  #mayWait = false

  constructor(config: UpstreamConfig) {
    this.config = config
    this.id = config.id
    this.basePath = config.basePath
    this.wholeTimeout = config.wholeTimeout
    this.#pool = new Pool(config.origin, {
      connections: config.connections,
      // RFC 9110 §9.2.2: with one request a connection at a time, none is lost behind another.
      pipelining: 1,
      allowH2: false,
      strictContentLength: true,
      maxHeaderSize: 16_384,
      keepAliveTimeout: config.keepAlive * 1000,
      keepAliveMaxTimeout: config.keepAlive * 1000,
      headersTimeout: config.responseTimeout * 1000,
      bodyTimeout: config.idleTimeout * 1000,
      connect: { ...connectOptions(config.tls), timeout: config.connectTimeout * 1000 },
    })
  }

  isBusy(): boolean {
    return this.#mayWait && this.#pool.stats.queued >= MAX_WAITING
  }

  /** For the gauge of connections. */
  get connections(): { active: number; idle: number; pending: number } {
    const { running, free, queued } = this.#pool.stats
    return { active: running, idle: free, pending: queued }
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void {
    const hasRoom = this.#pool.dispatch(
      { ...request, method: request.method as Dispatcher.HttpMethod },
      handler as Dispatcher.DispatchHandler,
    )
    this.#mayWait = !hasRoom
  }

  /** Lets what is under way finish. */
  close(): Promise<void> {
    return this.#pool.close()
  }

  /** Ends what is under way. */
  destroy(): Promise<void> {
    return this.#pool.destroy()
  }
}
