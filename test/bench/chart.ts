/**
 * The chart: what a request costs each subject, row by row, as SVG.
 *
 * @module
 */

import type { Measured, RowResult } from './result.ts'

const WIDTH = 760
const LABEL = 190
const BAR = 18
const HEAD = 34
/** Room for the number behind the longest bar. */
const NUMBER = 90

const COLOURS = { gateway: '#0b6e4f', other: '#9aa5b1', text: '#1f2933', spread: '#1f2933' }

/**
 * Bars of CPU time a request. Each row has its own scale, since their work is not alike; the thin line is
 * from the least to the greatest run.
 */
export function chartOf(rows: readonly RowResult[]): string {
  const shown = rows.filter(({ measured }) => measured.length > 0)
  let y = 10
  const groups = shown.map((row) => {
    const group = groupOf(row, y)
    y += HEAD + row.measured.length * (BAR + 6) + 10
    return group
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="CPU time a request">
<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>
${groups.join('\n')}
</svg>
`
}

function groupOf({ id, title, measured }: RowResult, top: number): string {
  const greatest = Math.max(...measured.map(({ cpu }) => cpu.greatest))
  const scale = (WIDTH - LABEL - NUMBER) / greatest
  const bars = measured.map((one, i) => barOf(one, top + HEAD + i * (BAR + 6), scale, i === 0))
  return `<text x="10" y="${top + 20}" font-weight="600" fill="${COLOURS.text}">${escaped(`${id}  ${title}`)}</text>
${bars.join('\n')}`
}

function barOf({ subject, cpu }: Measured, y: number, scale: number, isGateway: boolean): string {
  const [width, from, to] = [cpu.median, cpu.least, cpu.greatest].map((one) => fixed(one * scale))
  const middle = y + BAR / 2
  return `<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end" fill="${COLOURS.text}">${escaped(subject)}</text>
<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR}" fill="${isGateway ? COLOURS.gateway : COLOURS.other}"/>
<line x1="${LABEL + Number(from)}" x2="${LABEL + Number(to)}" y1="${middle}" y2="${middle}" stroke="${COLOURS.spread}"/>
<text x="${LABEL + Number(to) + 8}" y="${middle + 4}" fill="${COLOURS.text}">${cpu.median.toFixed(cpu.median < 100 ? 1 : 0)} µs</text>`
}

function fixed(length: number): string {
  return length.toFixed(1)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
