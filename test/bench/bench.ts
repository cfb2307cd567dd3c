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

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Asked, parseArguments, USAGE } from './arguments.ts'
import { chartOf } from './chart.ts'
import { checkOut, compareRow } from './comparison.ts'
import { describeMachine, isBusy, revisionOf } from './machine.ts'
import { measureRow } from './measurement.ts'
import { runMicro } from './micro/micro.ts'
import { pageOf } from './page.ts'
import { FULL, PAIRED, type Plan, QUICK } from './plan.ts'
import { profileRow } from './profiling.ts'
import { install, versions } from './programs.ts'
import { merged, type PerformanceRecord } from './record.ts'
import type { RowResult } from './result.ts'
import { type Rig, startRig } from './rig.ts'
import type { ComparedRow, Row } from './rows/row.ts'
import { ROWS } from './rows/rows.ts'
import { simulate } from './simulate/simulate.ts'
import { textOf } from './table.ts'

const ROOT = join(import.meta.dirname, '../..')
const RECORD = join(ROOT, 'docs/performance.json')
const IDS = ROWS.map(({ id }) => id)

/** Rows that `compare` measures unless it is told. */
const TYPICAL = ['P1', 'P2', 'P3']

const asked = parseArguments(process.argv.slice(2), IDS)
if (asked === undefined) {
  say(USAGE)
  process.exitCode = 2
} else if (asked.task === 'report') {
  writePage(JSON.parse(readFileSync(RECORD, 'utf8')))
} else if (asked.task === 'simulate') {
  simulate(ROOT, asked.write, say)
} else if (asked.task === 'micro') {
  console.log(await runMicro(asked.names))
} else if (process.platform !== 'linux') {
  say('needs Linux: taskset, /proc, and the peers of Debian')
  process.exitCode = 2
} else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  install(say)
  if (isBusy()) say('others are at work on this machine: ratios hold, and hardly anything else')
  const rig = await startRig()
  if (rig.cores.shared) say('one core alone: load and subject share it')
  try {
    await run(asked, rig, asked.quick ? QUICK : asked.task === 'compare' ? PAIRED : FULL)
  } finally {
    await rig.close()
  }
}

async function run({ task, names, revision, write }: Asked, rig: Rig, plan: Plan): Promise<void> {
  const rows = ROWS.filter(({ id }) => names.length === 0 || names.includes(id))
  if (task === 'profile') return profile(rows, rig, plan)
  if (task === 'compare') {
    const chosen = names.length > 0 ? rows : rows.filter(({ id }) => TYPICAL.includes(id))
    return compare(chosen, revision, rig, plan)
  }
  const results: RowResult[] = []
  for (const row of rows) {
    const build = { name: 'gateway', program: () => rig.program(ROOT) }
    results.push(dated(await measured(row, () => measureRow(rig, row, build, plan, say))))
    console.log(textOf(results.at(-1)!))
  }
  if (!write) return
  const fresh = { machine: describeMachine(rig.cores), versions: versions(), rows: results }
  const old = existsSync(RECORD) ? JSON.parse(readFileSync(RECORD, 'utf8')) : undefined
  const record = merged(old, fresh, IDS)
  writeFileSync(RECORD, `${JSON.stringify(record, undefined, 2)}\n`)
  writePage(record)
}

async function compare(
  rows: readonly Row[],
  revision: string,
  rig: Rig,
  plan: Plan,
): Promise<void> {
  const checkout = await checkOut(ROOT, revision, rig.folder)
  const other = { name: revision, root: checkout.root }
  try {
    for (const row of rows.map(withRequests)) {
      console.log(textOf(dated(await compareRow(rig, row, ROOT, other, plan, say))))
    }
  } finally {
    checkout.remove()
  }
}

async function profile([row]: readonly Row[], rig: Rig, plan: Plan): Promise<void> {
  const { id, ...rest } = withRequests(row!)
  const file = join(process.cwd(), `gateway-${id}.cpuprofile`)
  console.log(await profileRow(rig, { id, ...rest }, plan, ROOT, file))
  say(`the profile is in ${file}`)
}

function withRequests(row: Row): ComparedRow {
  if (row.kind !== 'compared') throw new Error(`${row.id} is not a matter of cost a request`)
  return row
}

/** A row that cannot be measured is said to be so, and the others are measured all the same. */
async function measured(
  { id, title }: Row,
  measure: () => Promise<Omit<RowResult, 'at' | 'revision'>>,
): Promise<Omit<RowResult, 'at' | 'revision'>> {
  try {
    return await measure()
  } catch (error) {
    process.exitCode = 1
    say(error instanceof Error ? `${error.stack}` : String(error))
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : ''
    return { id, title, measured: [], findings: [], notes: [`could not be measured: ${why}`] }
  }
}

function dated(result: Omit<RowResult, 'at' | 'revision'>): RowResult {
  return { ...result, at: new Date().toISOString(), revision: revisionOf(ROOT) }
}

function writePage(record: PerformanceRecord): void {
  writeFileSync(join(ROOT, 'docs/performance.md'), pageOf(record))
  writeFileSync(join(ROOT, 'docs/performance.svg'), chartOf(record.rows))
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
