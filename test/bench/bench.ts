/**
 * What the gateway costs, measured beside its peers on this machine.
 *
 *     npm run bench
 *     npm run bench -- --quick P1 P3
 *     npm run bench:compare -- main P3
 *
 * Needs Linux with two cores. Everything is on loopback, and ends with this process.
 *
 * @module
 */

import { join } from 'node:path'
import { type Asked, parseArguments, USAGE } from './arguments.ts'
import { measureRow } from './measurement.ts'
import { FULL, QUICK } from './plan.ts'
import { profileRow } from './profiling.ts'
import { install } from './programs.ts'
import type { RowResult } from './result.ts'
import { type Rig, startRig } from './rig.ts'
import { ROWS } from './rows/rows.ts'
import { textOf } from './table.ts'

const ROOT = join(import.meta.dirname, '../..')

const asked = parseArguments(
  process.argv.slice(2),
  ROWS.map(({ id }) => id),
)
if (asked === undefined) {
  say(USAGE)
  process.exitCode = 2
} else if (process.platform !== 'linux') {
  say('needs Linux: taskset, /proc, and the peers of Debian')
  process.exitCode = 2
} else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  install(say)
  const rig = await startRig()
  try {
    await run(asked, rig)
  } finally {
    await rig.close()
  }
}

async function run({ task, names, quick }: Asked, rig: Rig): Promise<void> {
  const plan = quick ? QUICK : FULL
  const rows = ROWS.filter(({ id }) => names.length === 0 || names.includes(id))
  if (task === 'profile') {
    const [row] = rows
    if (row?.kind !== 'compared') throw new Error('only rows of requests have a profile')
    const file = join(process.cwd(), `gateway-${row.id}.cpuprofile`)
    console.log(await profileRow(rig, row, plan, ROOT, file))
    say(`the profile is in ${file}`)
    return
  }
  const results: RowResult[] = []
  for (const row of rows) {
    const build = { name: 'gateway', program: () => rig.program(ROOT) }
    const result = await measureRow(rig, row, build, plan, say)
    results.push({ ...result, at: new Date().toISOString(), revision: '' })
    console.log(textOf(results.at(-1)!))
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
