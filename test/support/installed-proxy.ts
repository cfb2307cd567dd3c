/**
 * A real nginx or HAProxy in front of a gateway, where it is installed, run by the recipe of docs/how-to.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort, isTaken } from './ports.ts'

export type ProxyName = 'nginx' | 'haproxy'

export interface InstalledProxy {
  readonly port: number
  close(): Promise<void>
}

export function isInstalled(name: ProxyName): boolean {
  return spawnSync(name, ['-v']).status === 0
}

/** The recipe in docs/how-to: the block of code of that language. */
export function recipe(name: ProxyName): string {
  const page = readFileSync(
    join(import.meta.dirname, '../../docs/how-to/behind-a-balancer.md'),
    'utf8',
  )
  const [, block] = new RegExp(`^\`\`\`${name}\\n([^]*?)^\`\`\`$`, 'm').exec(page) ?? []
  if (block === undefined) throw new Error(`there is no recipe for ${name}`)
  return block
}

const ARGV: Readonly<Record<ProxyName, (folder: string, file: string) => string[]>> = {
  nginx: (folder, file) => ['-p', folder, '-c', file, '-e', 'stderr'],
  haproxy: (_, file) => ['-db', '-q', '-f', file],
}

const AROUND: Readonly<Record<ProxyName, (block: string) => string>> = {
  nginx: (block) => `daemon off;
master_process off;
pid nginx.pid;
error_log stderr emerg;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  ${block}
}
`,
  haproxy: (block) => `global
  maxconn 64
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${block}`,
}

/** @param folder Where its files are, under the names of the recipe without `tls/`. */
export async function startProxy(
  name: ProxyName,
  folder: string,
  block: string,
  gatewayPort: number,
): Promise<InstalledProxy> {
  const port = await freePort()
  const text = block
    .replaceAll('tls/', `${folder}/`)
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replace('bind :443', `bind 127.0.0.1:${port}`)
    .replace('gateway.internal:8443', `127.0.0.1:${gatewayPort}`)
  const own = await mkdtemp(join(folder, `${name}-`))
  const file = join(own, `${name}.conf`)
  await writeFile(file, AROUND[name](text))
  const child = spawn(name, ARGV[name](own, file), { stdio: ['ignore', 'ignore', 'inherit'] })
  await accepting(child, port)
  return {
    port,
    async close() {
      const gone = once(child, 'close')
      child.kill()
      await gone
    },
  }
}

async function accepting(child: ChildProcess, port: number): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`)
    if (await isTaken(connect(port, '127.0.0.1'))) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
