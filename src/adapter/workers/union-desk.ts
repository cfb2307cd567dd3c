/**
 * What workers have reported, added up in a thread of its own.
 *
 * @module
 */

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Logger } from '../../telemetry/log.ts'
import type { MetricsReport } from '../../telemetry/metrics-union.ts'
import type { Exposed, UnionMessage } from './union-thread.ts'

interface Waiting {
  resolve(text: string): void
  reject(error: Error): void
}

export class UnionDesk {
  readonly #thread: Worker
  readonly #waiting = new Map<number, Waiting>()
  #last = 0
  #fault: Error | undefined

  constructor(logger: Logger) {
    // Unbuilt or built, it has the extension of this file.
    const { url } = import.meta
    this.#thread = new Worker(new URL(`./union-thread${extname(url)}`, url))
    this.#thread.unref()
    this.#thread.on('message', ({ expose, text }: Exposed) => {
      if (text === undefined) this.#waiting.get(expose)?.reject(new Error('no sum could be made'))
      else this.#waiting.get(expose)?.resolve(text)
      this.#waiting.delete(expose)
    })
    // Requests are served on; what was counted is gone, and scrapes say so by failing.
    this.#thread.on('error', (error) => {
      this.#fault = error
      logger.error({ stack: error.stack }, 'metrics of workers cannot be added up any more')
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    })
  }

  /** @param worker A number that no other process has had. @param report Serialized. */
  reported(worker: number, report: Uint8Array): void {
    this.#post({ reported: worker, report })
  }

  /** No report of this worker counts any more, but for what it counted. */
  ended(worker: number): void {
    this.#post({ ended: worker })
  }

  /** The text of a scrape. @param own The metrics of this process. */
  expose(own: MetricsReport): Promise<string> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault)
    this.#last += 1
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    this.#waiting.set(this.#last, { resolve, reject })
    this.#post({ expose: this.#last, own })
    return promise
  }

  async close(): Promise<void> {
    await this.#thread.terminate()
  }

  #post(message: UnionMessage): void {
    this.#thread.postMessage(message)
  }
}
