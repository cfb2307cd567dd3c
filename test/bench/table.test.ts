import { describe, expect, test } from 'vitest'
import { type Finding, type RowResult, verdictOf } from './result.ts'
import { findingText, spreadText, textOf } from './table.ts'

const spread = (median: number, least = median, greatest = median) => ({ median, least, greatest })

const finding = (median: number, least: number, greatest: number): Finding => ({
  what: 'CPU a request : nginx',
  value: spread(median, least, greatest),
  unit: '×',
  target: { kind: 'at most', value: 2.5 },
})

describe('verdictOf', () => {
  test('goes by the median, and says where runs were on the other side', () => {
    expect(verdictOf(finding(2.5, 2, 2.5))).toBe('holds')
    expect(verdictOf(finding(2.4, 2, 2.6))).toBe('holds, not in every run')
    expect(verdictOf(finding(2.6, 2, 3))).toBe('missed')
  })

  test('knows targets from below', () => {
    const target = { kind: 'at least', value: 0.5 } as const
    expect(verdictOf({ ...finding(0.6, 0.5, 0.7), target })).toBe('holds')
    expect(verdictOf({ ...finding(0.4, 0.3, 0.7), target })).toBe('missed')
  })

  test('has none without a target', () => {
    expect(verdictOf({ ...finding(1, 1, 1), target: undefined })).toBe('no target')
  })
})

describe('the text of a result', () => {
  test('has a line for each subject, and one for each finding with its target', () => {
    const result: RowResult = {
      id: 'P1',
      title: 'public route',
      measured: [
        {
          subject: 'gateway',
          cpu: spread(50, 48, 52),
          requestsPerSecond: spread(20_000),
          p50: spread(1),
          p99: spread(3.004),
        },
      ],
      findings: [finding(2.4, 2.3, 2.6)],
      notes: ['A note.'],
      at: '2026-01-01T00:00:00Z',
      revision: 'abc',
    }
    expect(textOf(result)).toBe(
      [
        'P1  public route',
        '               CPU µs/request  requests/s  p50 ms  p99 ms',
        '    gateway  50.0 (48.0-52.0)       20000    1.00    3.00',
        '    CPU a request : nginx  2.40 (2.30-2.60) ×, at most 2.5 ×: holds, not in every run',
        '    A note.',
        '',
      ].join('\n'),
    )
  })

  test('leaves out a spread that is none, and a target that is none', () => {
    expect(spreadText(spread(3), 1)).toBe('3.0')
    expect(findingText({ ...finding(120, 120, 120), target: undefined })).toBe('120 ×')
  })
})
