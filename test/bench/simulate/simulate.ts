/**
 * What one machine cannot show: store load, memory and replays at any size, simulated and computed.
 *
 * @module
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withBlocks } from './page.ts'
import { measuredBlocks, simulatedBlocks } from './tables.ts'

const PAGE = 'docs/explanation/scaling.md'
const RECORD = 'docs/performance.json'

/**
 * Prints the tables; those that need measurements only where there are some.
 *
 * @param root Of the working tree.
 * @param write Whether they are put into the page as well.
 */
export function simulate(root: string, write: boolean, say: (text: string) => void): void {
  const record = join(root, RECORD)
  const isMeasured = existsSync(record)
  const measured = isMeasured ? measuredBlocks(JSON.parse(readFileSync(record, 'utf8'))) : []
  const blocks = new Map([...simulatedBlocks(), ...measured])
  for (const [name, block] of blocks) console.log(`${name}\n\n${block}\n`)
  if (!isMeasured) say(`there is no ${RECORD}, so costs and sizes are left as they are`)
  if (!write) return
  const page = join(root, PAGE)
  writeFileSync(page, withBlocks(readFileSync(page, 'utf8'), blocks))
}
