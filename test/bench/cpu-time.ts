/**
 * What processes have used, from proc(5).
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'

/** Of every Linux that Node runs on: USER_HZ. */
const TICKS_PER_SECOND = 100

interface Usage {
  readonly parent: number
  /** Ticks of itself and of children that it has waited for. */
  readonly ticks: number
}

/**
 * User and system time that these processes and all below them have used so far, in microseconds. A child
 * that has ended counts with the parent that waited for it.
 *
 * @param roots Process ids; those that are gone count nothing.
 */
export function cpuTime(roots: readonly number[]): number {
  const table = readProcesses()
  const ticks = [...familyOf(roots, table)].reduce(
    (sum, pid) => sum + (table.get(pid)?.ticks ?? 0),
    0,
  )
  return (ticks * 1_000_000) / TICKS_PER_SECOND
}

/** Resident memory of these processes and all below them, in bytes. Shared pages count in each. */
export function residentMemory(roots: readonly number[]): number {
  let bytes = 0
  for (const pid of familyOf(roots, readProcesses())) {
    const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, 'status') ?? '') ?? []
    bytes += Number(kib) * 1024
  }
  return bytes
}

/**
 * One line of /proc/<pid>/stat. The name of the program, in brackets, may hold anything.
 *
 * @returns Undefined if it is not such a line.
 */
export function parseStat(line: string): Usage | undefined {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const [parent, ...ticks] = [1, 11, 12, 13, 14].map((place) => Number(fields[place]))
  const sum = ticks.reduce((total, one) => total + one, 0)
  return parent === undefined || Number.isNaN(parent + sum) ? undefined : { parent, ticks: sum }
}

function familyOf(roots: readonly number[], table: ReadonlyMap<number, Usage>): Set<number> {
  const family = new Set(roots)
  for (let grown = true; grown; ) {
    grown = false
    for (const [pid, { parent }] of table) {
      if (family.has(pid) || !family.has(parent)) continue
      family.add(pid)
      grown = true
    }
  }
  return family
}

function readProcesses(): Map<number, Usage> {
  const table = new Map<number, Usage>()
  for (const name of readdirSync('/proc')) {
    const usage = /^\d+$/.test(name) ? parseStat(readProc(Number(name), 'stat') ?? '') : undefined
    if (usage !== undefined) table.set(Number(name), usage)
  }
  return table
}

/** Undefined if the process has ended meanwhile. */
function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}
