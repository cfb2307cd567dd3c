/**
 * The metrics of several processes as those of one: counters and histograms are summed, gauges as their
 * declaration says.
 *
 * @module
 */

import { Registry } from '@prometheus-io/client'
import type { Metrics } from './metrics.ts'

/** The metrics of one process at one time: plain data. */
export type MetricsReport = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** What a worker has to say. What only the primary knows is left out. */
export async function reportOf(metrics: Metrics): Promise<MetricsReport> {
  const report = await metrics.report()
  return report.filter(({ aggregator }) => aggregator !== 'first')
}

/**
 * The reports of workers. What a worker counted stays when it has ended: no sum ever goes back, but for
 * what a worker that was killed had not yet reported.
 */
export class MetricsUnion {
  readonly #latest = new Map<number, MetricsReport>()
  readonly #gone = new Set<number>()
  #ended: MetricsReport = []

  /** @param worker A number that no other process has had. */
  reported(worker: number, report: MetricsReport): void {
    // What comes late is in its sums already, or would be there twice.
    if (!this.#gone.has(worker)) this.#latest.set(worker, report)
  }

  /** Keeps what a worker has counted; what it measured ended with it. */
  ended(worker: number): void {
    const counted = this.#latest.get(worker)?.filter(({ type }) => type !== 'gauge') ?? []
    this.#latest.delete(worker)
    this.#gone.add(worker)
    // The sums have their values with them, which the library's types leave out.
    this.#ended = Registry.aggregate([this.#ended, counted]).getMetricsAsArray() as MetricsReport
  }

  /** The text of a scrape. @param own The primary's, which come first. */
  expose(own: MetricsReport): Promise<string> {
    // What the primary says comes first, and decides what is told of a gauge.
    return Registry.aggregate([own, this.#ended, ...this.#latest.values()]).metrics()
  }
}
