/**
 * Results as text.
 *
 * @module
 */

import { type Finding, type RowResult, verdictOf } from './result.ts'
import type { Spread } from './statistics.ts'

/** A result for the terminal: what was measured, then what follows. */
export function textOf({ id, title, measured, findings, notes }: RowResult): string {
  const head = ['', 'CPU µs/request', 'requests/s', 'p50 ms', 'p99 ms']
  const lines = measured.map(({ subject, cpu, requestsPerSecond, p50, p99 }) => [
    subject,
    spreadText(cpu, 1),
    spreadText(requestsPerSecond, 0),
    p50.median.toFixed(2),
    p99.median.toFixed(2),
  ])
  const widest = Math.max(0, ...findings.map(({ what }) => what.length))
  return [
    `${id}  ${title}`,
    ...(lines.length > 0 ? aligned([head, ...lines]) : []),
    ...findings.map((one) => `    ${one.what.padEnd(widest)}  ${findingText(one)}`),
    ...notes.map((note) => `    ${note}`),
    '',
  ].join('\n')
}

/** `0.41 × (0.40-0.43), at most 0.42: holds`. */
export function findingText(finding: Finding): string {
  const { value, unit, target } = finding
  const verdict = verdictOf(finding)
  const text = `${spreadText(value, digitsOf(value.median))} ${unit}`
  if (target === undefined) return text
  return `${text}, ${target.kind} ${target.value} ${unit}: ${verdict}`
}

/** The median, with least and greatest unless they are all one. */
export function spreadText({ median, least, greatest }: Spread, digits: number): string {
  const [middle, from, to] = [median, least, greatest].map((one) => one.toFixed(digits))
  return from === to ? `${middle}` : `${middle} (${from}-${to})`
}

/** Three figures of what is small. */
export function digitsOf(value: number): number {
  if (Math.abs(value) >= 100) return 0
  return Math.abs(value) >= 10 ? 1 : 2
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) => {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
    )
    return `    ${cells.join('  ')}`.trimEnd()
  })
}
