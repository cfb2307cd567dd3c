/**
 * The metrics of caches, read when somebody asks: counting a look-up costs nothing more than an addition.
 *
 * @module
 */

import type { Metrics } from '../telemetry/metrics.ts'
import type { MeteredCache } from './bounded-cache.ts'

export interface NamedCache {
  readonly name: string
  /** Id of the issuer whose tokens it is about; empty where it is about none. */
  readonly issuer: string
  readonly cache: MeteredCache
}

/** Sets the metrics of the caches in force. Those of one name are told as one. */
export function describeCaches(caches: Iterable<NamedCache>, metrics: Metrics): void {
  metrics.cacheEntries.reset()
  metrics.cacheBytes.reset()
  for (const { name, issuer, cache } of caches) {
    const labels = { cache: name, issuer }
    const { hits, misses, evictions } = cache.takeUse()
    metrics.cacheEntries.inc(labels, cache.size)
    metrics.cacheBytes.inc(labels, cache.bytes)
    metrics.cacheLookups.inc({ ...labels, result: 'hit' }, hits)
    metrics.cacheLookups.inc({ ...labels, result: 'miss' }, misses)
    metrics.cacheEvictions.inc(labels, evictions)
  }
}
