/**
 * The gateway under V8's profiler, while it does the work of a row.
 *
 * @module
 */

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { type CpuProfile, selfTimes } from './cpu-profile.ts'
import type { Plan } from './plan.ts'
import type { Rig } from './rig.ts'
import type { ComparedRow } from './rows/row.ts'

const SHOWN = 40

/**
 * @param root The working tree; its sources are run, so that lines are those of the sources.
 * @param file Where the profile goes, for Chrome's developer tools or an editor.
 * @returns Functions by the time spent in themselves during the load.
 */
export async function profileRow(
  rig: Rig,
  row: ComparedRow,
  { warmUps, seconds }: Plan,
  root: string,
  file: string,
): Promise<string> {
  const folder = mkdtempSync(join(rig.folder, 'profile-'))
  const { start, prepare } = row.gateway({
    name: 'gateway',
    program: () => join(root, 'src/bin.mjs'),
    nodeOptions: ['--cpu-prof', `--cpu-prof-dir=${folder}`],
  })
  const subject = await start(rig)
  const span = { from: 0, to: 0 }
  let rate = 10_000
  try {
    for (let i = 0; i <= warmUps; i++) {
      const load = await prepare(rig, subject, seconds, rate * 2)
      span.from = now()
      const { requests } = await load()
      span.to = now()
      rate = requests / seconds
    }
  } finally {
    await subject.close()
  }
  const [name] = readdirSync(folder)
  if (name === undefined) throw new Error('the gateway has left no profile')
  const text = readFileSync(join(folder, name), 'utf8')
  writeFileSync(file, text)
  const profile: CpuProfile = JSON.parse(text)
  return selfTimes(profile, span.from, span.to)
    .slice(0, SHOWN)
    .map(({ name, place, share }) => {
      const shown = place.startsWith('/') ? relative(root, place) : place
      return `${(share * 100).toFixed(1).padStart(5)} %  ${name.padEnd(32)}  ${shown}`
    })
    .join('\n')
}

/** Of the clock of {@link CpuProfile}. */
function now(): number {
  return Number(process.hrtime.bigint() / 1000n)
}
