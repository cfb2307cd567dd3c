/**
 * The metrics of Node and of the process, as the library has them.
 *
 * @module
 */

import { type Aggregator, collectDefaultMetrics, type Registry } from '@prometheus-io/client'

/**
 * Of gauges of Node and of the process, what is told where there are several workers, if not the sum:
 * the worst of all, and what is the primary's.
 */
const TOGETHER: Readonly<Record<string, Aggregator>> = {
  nodejs_eventloop_lag_seconds: 'max',
  nodejs_eventloop_lag_mean_seconds: 'max',
  nodejs_eventloop_lag_stddev_seconds: 'max',
  nodejs_eventloop_lag_p50_seconds: 'max',
  nodejs_eventloop_lag_p90_seconds: 'max',
  nodejs_eventloop_lag_p99_seconds: 'max',
  nodejs_eventloop_utilization: 'max',
  process_open_fds: 'max',
  process_max_fds: 'min',
  process_start_time_seconds: 'first',
}

/** Adds them to a registry, where they are read at every scrape. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const metric of registry.getMetricsAsArray()) {
    metric.aggregator = TOGETHER[metric.name] ?? metric.aggregator
  }
}
