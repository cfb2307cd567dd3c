/**
 * nginx and HAProxy, where they are installed, beside the gateway: what all of them refuse, the gateway
 * has no reason to forward.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { freePort, isTaken } from '../support/ports.ts'
import { type Answer, exchange } from './exchange.ts'
import { RECORDED } from './recorder.ts'
import { type Reading, type StrictRequest, valuesOf } from './strict-reader.ts'

export interface Peer {
  /** Name and version. */
  readonly name: string
  /** What it answers to these bytes. */
  ask(bytes: Buffer, reading: Reading): Promise<readonly Answer[]>
  close(): Promise<void>
}

/** Their limits of size are above the gateway's: what is compared is what they can read. */
interface Program {
  readonly command: string
  readonly version: readonly string[]
  configuration(port: number, upstream: number): string
  argv(folder: string, file: string): readonly string[]
}

const PROGRAMS: readonly Program[] = [
  {
    command: 'nginx',
    version: ['-v'],
    argv: (folder, file) => ['-p', folder, '-c', file, '-e', 'stderr'],
    configuration: (port, upstream) => `daemon off;
master_process off;
pid nginx.pid;
error_log stderr emerg;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  large_client_header_buffers 8 64k;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${upstream}; }
  }
}
`,
  },
  {
    command: 'haproxy',
    version: ['-v'],
    argv: (_, file) => ['-db', '-q', '-f', file],
    configuration: (port, upstream) => `global
  maxconn 512
  tune.bufsize 131072
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server recorder 127.0.0.1:${upstream}
`,
  },
]

/**
 * Starts those that are installed.
 *
 * @param folder Where they may write.
 * @param upstream Port of what they forward to.
 */
export async function startPeers(folder: string, upstream: number): Promise<Peer[]> {
  const peers: Peer[] = []
  for (const program of PROGRAMS) {
    const { status, stdout, stderr } = spawnSync(program.command, program.version)
    if (status !== 0) continue
    const [name = program.command] = `${stdout}${stderr}`.split('\n')
    peers.push(await startPeer(program, name, join(folder, program.command), upstream))
  }
  return peers
}

/**
 * Whether the peers' opinion of a request is one about its form. What only Node reads over is known; and
 * HAProxy refuses half a WebSocket handshake, which is nothing to whoever does not upgrade.
 */
export function isComparable(request: StrictRequest): boolean {
  const upgrades = valuesOf(request, 'upgrade').join().toLowerCase()
  return !request.isLenient && !upgrades.includes('websocket')
}

/**
 * Whether the gateway forwarded the very request at which every peer gave up with a 400. One that they
 * stumble over at different places is refused for what it says and not for how.
 */
export function isRefusedByAll(
  answers: readonly Answer[],
  ofPeers: readonly (readonly Answer[])[],
): boolean {
  const [at = -1, ...others] = ofPeers.map((one) => one.findIndex(({ status }) => status === 400))
  const isForwarded = answers[at]?.head.includes(`\n${RECORDED}:`) ?? false
  return isForwarded && others.every((other) => other === at)
}

async function startPeer(
  program: Program,
  name: string,
  folder: string,
  upstream: number,
): Promise<Peer> {
  await mkdir(folder)
  const port = await freePort()
  const file = join(folder, `${program.command}.conf`)
  await writeFile(file, program.configuration(port, upstream))
  const child = spawn(program.command, program.argv(folder, file), {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const open = () => connect({ host: '127.0.0.1', port, noDelay: true })
  await accepting(child, open, name)
  return {
    name,
    ask: async (bytes, reading) => (await exchange(open, bytes, [], reading)).answers,
    async close() {
      const gone = once(child, 'close')
      child.kill()
      await gone
    },
  }
}

/** Done when it accepts connections. */
async function accepting(child: ChildProcess, open: () => Socket, name: string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`)
    if (await isTaken(open())) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
