/**
 * Redis on the cores of the load, keeping nothing on disk.
 *
 * @module
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../support/ports.ts'
import { startChild } from '../child.ts'
import { pathOf } from '../programs.ts'
import type { Rig } from '../rig.ts'

export async function startRedis({ folder, cores }: Rig) {
  const port = await freePort()
  const name = `redis-${port}`
  mkdirSync(join(folder, name))
  const settings = {
    port,
    bind: '127.0.0.1',
    dir: join(folder, name),
    save: '',
    appendonly: 'no',
    daemonize: 'no',
  }
  const argv = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, `${value}`])
  const program = [pathOf('redis-server'), ...argv]
  const child = await startChild(program, { folder, name, cores: cores.load, ports: [port] })
  return { port, pid: child.pid, close: child.close }
}
