/**
 * The results that docs/performance.md speaks of, as JSON.
 *
 * @module
 */

import type { Machine } from './machine.ts'
import type { RowResult } from './result.ts'

export interface PerformanceRecord {
  readonly machine: Machine
  /** Versions of the peers, by package. */
  readonly versions: Readonly<Record<string, string>>
  readonly rows: readonly RowResult[]
}

/**
 * Puts new results in the place of old ones of the same rows. Results of another machine, or of other
 * peers, are dropped: rows of one page are of one machine.
 *
 * @param ids In the order of the page.
 */
export function merged(
  old: PerformanceRecord | undefined,
  fresh: PerformanceRecord,
  ids: readonly string[],
): PerformanceRecord {
  const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)
  const kept =
    old !== undefined && isSame(old.machine, fresh.machine) && isSame(old.versions, fresh.versions)
      ? old.rows.filter(({ id }) => !fresh.rows.some((row) => row.id === id))
      : []
  const rows = [...kept, ...fresh.rows]
  return {
    ...fresh,
    rows: rows.toSorted((one, other) => ids.indexOf(one.id) - ids.indexOf(other.id)),
  }
}
