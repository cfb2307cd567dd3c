import { describe, expect, test } from 'vitest'
import { chartOf } from './chart.ts'
import { conclusionOf } from './comparison.ts'
import type { Machine } from './machine.ts'
import { pageOf } from './page.ts'
import { merged, type PerformanceRecord } from './record.ts'
import type { RowResult } from './result.ts'

const spread = (median: number, least = median, greatest = median) => ({ median, least, greatest })

const MACHINE: Machine = {
  processor: 'Z80',
  processors: 2,
  memory: 24,
  system: 'Debian, Linux 6.1',
  node: '24.0.0',
  cores: { measured: '0', load: '1', shared: false },
}

function row(id: string, more: Partial<RowResult> = {}): RowResult {
  return {
    id,
    title: `the work of ${id}`,
    measured: [],
    findings: [],
    notes: [],
    at: '2026-01-02T03:04:05.000Z',
    revision: 'abc1234',
    ...more,
  }
}

const measured = (subject: string, cpu: number) => ({
  subject,
  cpu: spread(cpu, cpu - 1, cpu + 1),
  requestsPerSecond: spread(1000),
  p50: spread(1),
  p99: spread(2),
})

const COMPARED = row('P1', {
  measured: [measured('gateway', 40), measured('nginx <1.22>', 20)],
  findings: [
    {
      what: 'CPU a request : nginx',
      value: spread(2, 1.9, 2.6),
      unit: '×',
      target: { kind: 'at most', value: 2.5 },
    },
    { what: 'beside the point', value: spread(7), unit: 'MB', target: undefined },
  ],
  notes: ['A note.'],
})

const record = (rows: RowResult[], machine = MACHINE): PerformanceRecord => ({
  machine,
  versions: { nginx: '1.22' },
  rows,
})

describe('pageOf', () => {
  const page = pageOf(record([COMPARED, row('P11', { notes: ['two workers: not there yet'] })]))

  test('has a line for every finding with a target', () => {
    expect(page).toContain(
      '| P1 | the work of P1: CPU a request : nginx | **2.00 (1.90-2.60) ×** | at most 2.5 × | holds, not in every run |',
    )
    expect(page).not.toContain('| beside the point')
  })

  test('says of a row without findings that it was not measured, and why', () => {
    expect(page).toContain(
      '| P11 | the work of P11 | two workers: not there yet | | not measured |',
    )
  })

  test('has what was measured of each subject, when, and of which revision', () => {
    expect(page).toContain('| gateway | 40.0 (39.0-41.0) | 1000 | 1.00 | 2.00 |')
    expect(page).toContain('A note. Measured 2026-01-02, revision abc1234.')
    expect(page).toContain('Z80, 2 processors, 24 GiB, Debian, Linux 6.1, Node 24.0.0: nginx 1.22.')
  })
})

describe('chartOf', () => {
  const chart = chartOf([COMPARED, row('P11')])

  test('draws a bar for each subject, on the scale of its row', () => {
    const widths = [...chart.matchAll(/<rect x="190" [^>]*width="([\d.]+)"/g)].map(([, w]) => w)
    expect(widths.map(Number)[0]! / widths.map(Number)[1]!).toBeCloseTo(2)
    expect(chart).toContain('40.0 µs')
  })

  test('leaves out rows without subjects, and escapes what it is told', () => {
    expect(chart).not.toContain('P11')
    expect(chart).toContain('nginx &lt;1.22&gt;')
  })
})

describe('merged', () => {
  const IDS = ['P1', 'P2', 'P10']

  test('puts new results in the place of old ones, in the order of the page', () => {
    const old = record([row('P1'), row('P10')])
    const fresh = record([row('P2'), row('P1', { revision: 'new' })])
    expect(merged(old, fresh, IDS).rows.map(({ id, revision }) => [id, revision])).toEqual([
      ['P1', 'new'],
      ['P2', 'abc1234'],
      ['P10', 'abc1234'],
    ])
  })

  test('drops what was measured on another machine, or beside other peers', () => {
    const fresh = record([row('P2')])
    const elsewhere = record([row('P1')], { ...MACHINE, processor: '6502' })
    const beside = { ...record([row('P1')]), versions: { nginx: '1.26' } }
    expect(merged(elsewhere, fresh, IDS).rows.map(({ id }) => id)).toEqual(['P2'])
    expect(merged(beside, fresh, IDS).rows.map(({ id }) => id)).toEqual(['P2'])
    expect(merged(undefined, fresh, IDS)).toEqual(fresh)
  })
})

describe('conclusionOf', () => {
  test('says something only if all runs lie on one side', () => {
    expect(conclusionOf(spread(0.9, 0.85, 0.99))).toBe('The working tree is cheaper, by 10.0 %.')
    expect(conclusionOf(spread(1.2, 1.01, 1.3))).toBe('The working tree is dearer, by 20.0 %.')
    expect(conclusionOf(spread(0.9, 0.8, 1.1))).toMatch(/^No difference/)
  })
})
