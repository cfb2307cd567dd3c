/**
 * A cache that is bounded in entries and in bytes, and counts how it is used. What was used longest ago
 * goes first; what would not fit by itself is not kept.
 *
 * @module
 */

import { LRUCache } from 'lru-cache'
import type { CacheBounds } from '../config/configuration.ts'

/** Look-ups, and entries that made room for others, since they were last asked for. */
export interface CacheUse {
  readonly hits: number
  readonly misses: number
  readonly evictions: number
}

/** Bytes of an entry beside its value: its key, and its places in lists and tables. */
const ENTRY = 150

/** What is told of a cache. */
export type MeteredCache = Pick<BoundedCache<object>, 'size' | 'bytes' | 'takeUse'>

export class BoundedCache<V extends object> {
  readonly #entries: LRUCache<string, V>
  #hits = 0
  #misses = 0
  #evictions = 0

  /** @param sizeOf Bytes that a value takes up. */
  constructor(bounds: CacheBounds, sizeOf: (value: V) => number) {
    this.#entries = new LRUCache({
      max: bounds.entries,
      maxSize: bounds.bytes,
      sizeCalculation: (value, key) => ENTRY + key.length + sizeOf(value),
      dispose: (_, __, reason) => {
        if (reason === 'evict') this.#evictions += 1
      },
    })
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#entries.calculatedSize
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) this.#misses += 1
    else this.#hits += 1
    return value
  }

  set(key: string, value: V): void {
    this.#entries.set(key, value)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  takeUse(): CacheUse {
    const use = { hits: this.#hits, misses: this.#misses, evictions: this.#evictions }
    this.#hits = this.#misses = this.#evictions = 0
    return use
  }
}
