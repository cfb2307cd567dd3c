/**
 * On what, and of what, a run speaks.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import type { Cores } from './cores.ts'

export interface Machine {
  readonly processor: string
  readonly processors: number
  /** GiB. */
  readonly memory: number
  readonly system: string
  readonly node: string
  /** Which cores were measured, and which ones made the load. */
  readonly cores: Cores
}

export function describeMachine(cores: Cores): Machine {
  const all = cpus()
  const [, name = ''] = /^PRETTY_NAME="(.*)"$/m.exec(readText('/etc/os-release')) ?? []
  return {
    processor: all[0]?.model.trim() ?? 'unknown',
    processors: all.length,
    memory: Math.round(totalmem() / 1024 ** 3),
    system: `${name}, Linux ${release().split('-')[0]}`,
    node: process.versions.node,
    cores,
  }
}

/** Whether others are at work here: then ratios hold, and hardly anything else. */
export function isBusy(): boolean {
  return (loadavg()[0] ?? 0) > 1
}

/** Of a working tree, with `-dirty` behind it where files differ from it. */
export function revisionOf(root: string): string {
  const argv = ['-C', root, 'describe', '--always', '--dirty']
  return spawnSync('git', argv, { encoding: 'utf8' }).stdout?.trim() || 'unknown'
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
