/**
 * Proxies of a few lines, run by Node: programs that take the port to listen on, the URL of the upstream,
 * and the folder of certificate and key.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../support/ports.ts'
import { startChild } from '../child.ts'
import type { Rig } from '../rig.ts'
import type { Subject } from './subject.ts'

export async function startNodeProgram(rig: Rig, name: string, script: string): Promise<Subject> {
  const port = await freePort()
  const { NODE_OPTIONS: _, ...env } = process.env
  const upstream = `http://127.0.0.1:${rig.upstreamPort}`
  const child = await startChild(
    [process.execPath, '--no-deprecation', script, `${port}`, upstream, rig.folder],
    {
      folder: rig.folder,
      name: `${name}-${port}`,
      cores: rig.cores.measured,
      ports: [port],
      env,
    },
  )
  return { port, pids: [child.pid], close: child.close }
}

/** What such a program was given. */
export function argumentsOf([, , port, upstream = '', folder = '']: readonly string[]) {
  const [cert, key] = ['server.crt', 'server.key'].map((name) => readFileSync(join(folder, name)))
  return { port: Number(port), upstream, tls: { cert, key } }
}
