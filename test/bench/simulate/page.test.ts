import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bytesText, numberText, withBlocks } from './page.ts'
import { simulatedBlocks } from './tables.ts'

const PAGE = `Text.

<!-- simulated: one -->
old
older
<!-- end -->

More text.

<!-- simulated: two -->
kept
<!-- end -->
`

test('a table takes the place of the one before, and nothing else changes', () => {
  expect(withBlocks(PAGE, new Map([['one', 'new $1']]))).toBe(PAGE.replace('old\nolder', 'new $1'))
})

test('a table without a place is not dropped without a word', () => {
  expect(() => withBlocks(PAGE, new Map([['three', 'new']]))).toThrow('no place for three')
})

test.each([
  [1234.5, '1,230'],
  [0.01834, '0.0183'],
  [0, '0'],
])('%d is written %s', (value, text) => {
  expect(numberText(value)).toBe(text)
})

test.each([
  [80, '80 B'],
  [1_234_000_000, '1.23 GB'],
  [2e16, '20,000 TB'],
])('%d bytes are written %s', (value, text) => {
  expect(bytesText(value)).toBe(text)
})

test('docs/explanation/scaling.md has what the simulation says', () => {
  const file = new URL('../../../docs/explanation/scaling.md', import.meta.url)
  const page = readFileSync(file, 'utf8')
  expect(withBlocks(page, simulatedBlocks())).toBe(page)
})
