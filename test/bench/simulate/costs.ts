/**
 * What was measured, by what a size is computed from it.
 *
 * @module
 */

import type { PerformanceRecord } from '../record.ts'

/** What was not measured is undefined. */
export interface Cost {
  readonly what: string
  readonly value: number | undefined
  readonly unit: 'µs' | 'B'
  /** The row that it comes from, and what of it. */
  readonly source: string
}

export type CostName = keyof typeof SOURCES
export type Costs = Readonly<Record<CostName, Cost>>

/** A subject of a row, whose CPU a request it is; or how a finding of the row begins. */
interface Source {
  readonly what: string
  readonly row: string
  readonly subject?: string
  readonly finding?: RegExp
}

const SOURCES = {
  publicRoute: { what: 'a public route', row: 'P1', subject: 'gateway' },
  certificate: { what: 'token bound to a certificate, known', row: 'P2', subject: 'gateway' },
  newToken: { what: 'the same, never seen before', row: 'P4', subject: 'gateway' },
  opaque: { what: 'opaque token, its answer remembered', row: 'P5', subject: 'opaque tokens' },
  dpop: { what: 'token and DPoP proof, one process', row: 'P3', subject: 'gateway' },
  dpopWorkers: {
    what: 'the same, two workers and their primary',
    row: 'P11',
    subject: 'two workers',
  },
  dpopRedis: {
    what: 'the same, with Redis (its CPU left out)',
    row: 'P11',
    subject: 'two gateways and Redis',
  },
  connection: {
    what: 'a new mTLS connection with one request',
    row: 'P8',
    subject: 'gateway',
  },
  redisProof: {
    what: 'in Redis, a proof alone',
    row: 'P12',
    finding: /^CPU of Redis a proof, 1 at once/,
  },
  redisBatch: {
    what: 'in Redis, a proof of 16',
    row: 'P12',
    finding: /^CPU of Redis a proof, 16 at once/,
  },
  primaryProof: {
    what: 'in the primary, a proof alone',
    row: 'P12',
    finding: /^CPU of the primary a proof, 1 at once/,
  },
  primaryBatch: {
    what: 'in the primary, a proof of 16',
    row: 'P12',
    finding: /^CPU of the primary a proof, 16 at once/,
  },
  memoryJti: { what: 'a live jti in memory', row: 'P7', finding: /^each of \d+ live jtis/ },
  redisJti: { what: 'a live jti in Redis', row: 'P12', finding: /^each of \d+ live jtis/ },
  token: { what: 'a cached token', row: 'P7', finding: /^each of \d+ cached tokens/ },
} satisfies Record<string, Source>

export function costsOf(record: PerformanceRecord): Costs {
  const entries = Object.entries(SOURCES).map(([name, source]) => [name, costOf(record, source)])
  return Object.fromEntries(entries) as Costs
}

function costOf({ rows }: PerformanceRecord, { what, row, subject, finding }: Source): Cost {
  const found = rows.find(({ id }) => id === row)
  if (finding === undefined) {
    const value = found?.measured.find((one) => one.subject === subject)?.cpu.median
    return { what, value, unit: 'µs', source: `${row}, ${subject}` }
  }
  const one = found?.findings.find((it) => finding.test(it.what))
  if (one === undefined) return { what, value: undefined, unit: 'µs', source: row }
  const { value, unit } = one
  if (unit === 'KB') return { what, value: value.median * 1000, unit: 'B', source: row }
  return { what, value: value.median, unit: unit === 'B' ? 'B' : 'µs', source: row }
}
