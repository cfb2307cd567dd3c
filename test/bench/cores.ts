/**
 * Which core is measured, and which ones make the load.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface Cores {
  /** As taskset takes it. */
  readonly measured: string
  readonly load: string
  /** Whether load and subject have to share one core. */
  readonly shared: boolean
}

/** The first core that this process may use is measured; all others make the load. */
export function chooseCores(): Cores {
  const status = readFileSync('/proc/self/status', 'utf8')
  const [, list = '0'] = /^Cpus_allowed_list:\s+(\S+)$/m.exec(status) ?? []
  const [measured = 0, ...others] = parseCpuList(list)
  const shared = others.length === 0
  return { measured: `${measured}`, load: shared ? `${measured}` : others.join(','), shared }
}

/** `0-2,5` gives 0, 1, 2, 5. */
export function parseCpuList(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

/** Puts this process, all its threads and whatever it starts on these cores. */
export function pinSelf(cores: string): void {
  const { status } = spawnSync('taskset', ['-a', '-c', '-p', cores, `${process.pid}`])
  if (status !== 0) throw new Error(`taskset could not use the cores ${cores}`)
}
