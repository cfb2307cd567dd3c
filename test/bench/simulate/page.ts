/**
 * Tables of a page that is otherwise written by hand, between marks.
 *
 * @module
 */

export type Blocks = ReadonlyMap<string, string>

const BLOCK = /(<!-- simulated: ([a-z]+) -->\n)[\s\S]*?(<!-- end -->)/g

/**
 * Puts tables in their places; what has no new one stays as it is.
 *
 * @throws If there is no place for one of them.
 */
export function withBlocks(page: string, blocks: Blocks): string {
  const left = new Set(blocks.keys())
  const written = page.replace(BLOCK, (all, begin: string, name: string, end: string) => {
    left.delete(name)
    const block = blocks.get(name)
    return block === undefined ? all : `${begin}${block}\n${end}`
  })
  if (left.size > 0) throw new Error(`no place for ${[...left].join(', ')}`)
  return written
}

export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, i) => (i === 0 ? '---' : '--:'))
  return [head, rule, ...rows].map(line).join('\n')
}

/** A number that is not known to more than some places: `1,240,000`, `0.18`, or to 3 places by default. */
export function numberText(value: number, places = 3): string {
  if (value === 0) return '0'
  return new Intl.NumberFormat('en', { maximumSignificantDigits: places }).format(value)
}

export function bytesText(bytes: number): string {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(bytes) / 3)))
  return `${numberText(bytes / 1000 ** power)} ${['B', 'KB', 'MB', 'GB', 'TB'][power]}`
}
