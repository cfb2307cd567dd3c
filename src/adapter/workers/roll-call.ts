/**
 * What all workers together say: one scrape, and whether all of them are ready.
 *
 * @module
 */

import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { areReady, type Readiness } from '../admin.ts'
import type { Place } from './place.ts'
import { UnionDesk } from './union-desk.ts'

/** Milliseconds that a worker may take for each. */
const REPORT_MS = 1000
const READINESS_MS = 500

export class RollCall {
  /** What workers have reported so far. */
  readonly union: UnionDesk
  readonly #places: readonly Place[]
  readonly #metrics: Metrics

  /** @param metrics The primary's own. */
  constructor(places: readonly Place[], metrics: Metrics, logger: Logger) {
    this.union = new UnionDesk(logger)
    this.#places = places
    this.#metrics = metrics
    metrics.watch(() => {
      const serving = places.filter((place) => place.serving !== undefined)
      metrics.workers.set({ state: 'wanted' }, places.length)
      metrics.workers.set({ state: 'serving' }, serving.length)
    })
  }

  /** The text of a scrape. Every worker is asked; of one that does not answer, the last report counts. */
  async expose(): Promise<string> {
    const asked = this.#places.map(async ({ number, serving }) => {
      const report = await serving?.channel
        .ask('report', undefined, REPORT_MS)
        .catch(() => undefined)
      if (serving !== undefined && report !== undefined) this.union.reported(serving.id, report)
      this.#metrics.workerAnswered.set({ worker: String(number) }, report === undefined ? 0 : 1)
    })
    await Promise.all(asked)
    return this.union.expose(await this.#metrics.report())
  }

  /** Everything that has to hold, in every worker; and that all of them are there. */
  async readiness(isClosing: boolean): Promise<readonly Readiness[]> {
    const asked = this.#places.map(async ({ number, serving }) => {
      const answer = serving?.channel.ask('readiness', undefined, READINESS_MS)
      return { name: `worker ${number}`, said: await answer?.catch(() => undefined) }
    })
    const answers = await Promise.all(asked)
    const closing: Readiness = { name: 'not shutting down', ready: !isClosing }
    const states = [closing, ...answers.flatMap(({ said }) => said ?? [])]
    const there = answers.map(({ name, said }) => ({ name, ready: said !== undefined }))
    const [first, ...others] = [...Map.groupBy(states, ({ name }) => name)].map(([name, all]) => ({
      name,
      ready: all.every(({ ready }) => ready),
      isPassing: areReady(all),
    }))
    return [first ?? closing, ...there, ...others]
  }
}
