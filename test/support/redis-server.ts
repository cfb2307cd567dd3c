/**
 * A real Redis or Valkey, where it is installed: on a free port of the loopback address, in a folder of its own.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RedisConnection } from '../../src/adapter/redis/connection.ts'
import { StoreFault } from '../../src/adapter/redis/fault.ts'
import type { Reply } from '../../src/adapter/redis/reply.ts'
import type { OutboundTls } from '../../src/config/configuration.ts'
import type { StoreUser } from '../../src/config/shared-store.ts'
import { freePort } from './ports.ts'

const [PROGRAM] = ['redis-server', 'valkey-server'].filter(
  (program) => spawnSync(program, ['--version']).status === 0,
)

/** For the titles of tests that are skipped without it. */
export const REDIS_IS_INSTALLED = PROGRAM !== undefined

export interface RedisOptions {
  /** Directives of its configuration file. */
  readonly directives?: readonly string[]
  readonly sentinel?: boolean
  readonly port?: number
  /** How these tests themselves call it. */
  readonly user?: StoreUser
  readonly tls?: OutboundTls
}

export interface RedisServer {
  readonly port: number
  readonly child: ChildProcess
  /** Asks it something, on a connection of its own. */
  call(...words: string[]): Promise<Reply>
  /** As `kill -9` would. What it had on disk is still there. */
  kill(): Promise<void>
  /** Starts it again, on the same port and with the same files. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const NOBODY: StoreUser = { username: undefined, password: undefined }

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'fapi-gateway-redis-'))
  const port = options.port ?? (await freePort())
  const file = join(folder, 'redis.conf')
  const { directives = [], sentinel = false, user = NOBODY, tls } = options
  const listening = tls === undefined ? [`port ${port}`] : ['port 0', `tls-port ${port}`]
  const storing = sentinel ? [] : ['save ""', 'appendonly no']
  const common = ['bind 127.0.0.1', `dir ${folder}`, 'protected-mode no', ...listening]
  await writeFile(file, [...common, ...storing, ...directives, ''].join('\n'))

  const run = async () => {
    if (PROGRAM === undefined)
      throw new Error('neither redis-server nor valkey-server is installed')
    const child = spawn(PROGRAM, [file, ...(sentinel ? ['--sentinel'] : [])], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let log = ''
    child.stdout?.on('data', (chunk) => {
      log += chunk
    })
    await answering(
      child,
      () => log,
      () => call('PING'),
    )
    return child
  }
  const call = async (...words: string[]) => {
    const address = { host: '127.0.0.1', port }
    const timeoutMs = 5000
    const connection = await RedisConnection.open({ address, user, database: 0, tls, timeoutMs })
    try {
      return await connection.call(words, timeoutMs)
    } finally {
      connection.destroy(new StoreFault('connection', 'done'))
    }
  }
  const end = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  let child = await run()
  return {
    port,
    get child() {
      return child
    },
    call,
    kill: () => end(child),
    async restart() {
      await end(child)
      child = await run()
    },
    async stop() {
      await end(child)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function answering(
  child: ChildProcess,
  log: () => string,
  ping: () => Promise<unknown>,
): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`redis-server ended: ${log()}`)
    const answer = await ping().catch((error: Error) => error)
    // A server that refuses or reads its data yet is there.
    if (!(answer instanceof Error) || / answered with /.test(answer.message)) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Polls until something holds. @throws if it does not within so many milliseconds. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 25_000,
): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
