import { describe, expect, test } from 'vitest'
import type { PerformanceRecord } from '../record.ts'
import type { RowResult } from '../result.ts'
import { costsOf } from './costs.ts'
import { sizeFor } from './sizing.ts'
import { ASSUMED, measuredBlocks } from './tables.ts'

const spread = (median: number) => ({ median, least: median, greatest: median })
const UNKNOWN = { requestsPerSecond: spread(1), p50: spread(1), p99: spread(1) }

function row(
  id: string,
  cpu: Readonly<Record<string, number>>,
  found: Readonly<Record<string, readonly [number, string]>> = {},
): RowResult {
  return {
    id,
    title: id,
    measured: Object.entries(cpu).map(([subject, value]) => ({
      subject,
      cpu: spread(value),
      ...UNKNOWN,
    })),
    findings: Object.entries(found).map(([what, [value, unit]]) => ({
      what,
      value: spread(value),
      unit,
      target: undefined,
    })),
    notes: [],
    at: '2026-01-02T03:04:05.000Z',
    revision: 'abc1234',
  }
}

const recordOf = (rows: readonly RowResult[]): PerformanceRecord => ({
  machine: {
    processor: 'Z80',
    processors: 2,
    memory: 24,
    system: 'Debian',
    node: '24.0.0',
    cores: { measured: '0', load: '1', shared: false },
  },
  versions: {},
  rows,
})

const RECORD = recordOf([
  row('P2', { gateway: 50, nginx: 1 }),
  row('P3', { gateway: 100 }),
  row('P4', { gateway: 130 }),
  row(
    'P7',
    {},
    { 'each of 10 live jtis, in use': [100, 'B'], 'each of 5 cached tokens, in use': [1.2, 'KB'] },
  ),
  row('P11', { 'two gateways and Redis': 120 }),
  row(
    'P12',
    {},
    {
      'each of 10 live jtis in Redis': [150, 'B'],
      'CPU of Redis a proof, 1 at once': [10, 'µs'],
      'CPU of Redis a proof, 16 at once': [3, 'µs'],
    },
  ),
])

const WINDOW = {
  attempts: 1,
  memory: { mean: 90, most: 120 },
  redis: { mean: 120, most: 150 },
  endings: 60,
}

const sizes = new Map(
  sizeFor(10_000, costsOf(RECORD), WINDOW, ASSUMED).map(({ what, value }) => [what, value]),
)

describe('sizeFor', () => {
  test('counts cores by what a request costs, no more than a part of each busy', () => {
    // 10,000/s × 50 µs is half a core; × 120 µs, 1.2.
    expect(sizes.get('cores: token bound to a certificate')).toBe(1)
    expect(sizes.get('cores: DPoP, with Redis')).toBe(2)
    // 80 µs more for a token that was never seen.
    expect(sizes.get('cores: DPoP, each token new to its process')).toBe(4)
  })

  test('counts what is remembered by what is remembered at most', () => {
    expect(sizes.get('used proofs in memory (`max_entries`)')).toBe(1_200_000)
    expect(sizes.get('memory for these')).toBe(120e6)
    expect(sizes.get('memory for these in Redis')).toBe(225e6)
  })

  test('counts servers of Redis by a proof alone, the dearest', () => {
    expect(sizes.get('processors of Redis busy')).toBeCloseTo(0.1)
    expect(sizes.get('masters of Redis')).toBe(1)
  })

  test('counts no more introspections than requests', () => {
    expect(sizes.get('introspections, answers shared')).toBeCloseTo(100_000 / 15)
    expect(sizes.get('introspections, each process for itself')).toBe(10_000)
  })

  test('says nothing where a cost was not measured', () => {
    expect(sizes.get('cores: public route')).toBeUndefined()
    expect(sizes.get('primary of workers, processors busy')).toBeUndefined()
  })
})

describe('measuredBlocks', () => {
  const blocks = measuredBlocks(RECORD)

  test('names the row that each cost comes from', () => {
    expect(blocks.get('costs')).toContain(
      '| token bound to a certificate, known | 50 µs | 20,000 | P2, gateway |',
    )
    expect(blocks.get('costs')).toContain('| a cached token | 1.2 KB |')
    expect(blocks.get('costs')).toContain('Measured on Z80, Node 24.0.0, 2026-01-02')
  })

  test('says of what was not measured that it was not', () => {
    expect(blocks.get('costs')).toContain('| a public route | not measured |')
    expect(blocks.get('sizes')).toContain('| cores: public route | not measured |')
  })
})
