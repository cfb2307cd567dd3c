/**
 * Whether the heap is nearly full: then new requests are refused while there is room to refuse them in,
 * instead of all of them ending with the process.
 *
 * @module
 */

import { getHeapStatistics } from 'node:v8'

/** Share of the heap's limit from which on requests are refused. */
const HIGH = 0.85
const INTERVAL_MS = 500

export interface HeapUse {
  readonly used_heap_size: number
  readonly heap_size_limit: number
}

/** Whether so much of the heap is in use that the next garbage collection may be the last. */
export function isHigh({ used_heap_size, heap_size_limit }: HeapUse): boolean {
  return used_heap_size > HIGH * heap_size_limit
}

export class MemoryPressure {
  readonly #timer: NodeJS.Timeout
  /** As of the last look, half a second ago at most. */
  isHigh = false

  constructor(read: () => HeapUse = getHeapStatistics) {
    this.#timer = setInterval(() => {
      this.isHigh = isHigh(read())
    }, INTERVAL_MS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
