/**
 * A store opened as a gateway opens it, and a server that says what a test has it say.
 *
 * @module
 */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Reply, ReplyReader } from '../../src/adapter/redis/reply.ts'
import { RedisStore } from '../../src/adapter/redis/store.ts'
import { RedisReplayStore } from '../../src/adapter/replay-redis.ts'
import type { RedisConfig } from '../../src/config/shared-store.ts'
import type { UseOnce } from '../../src/sender-constraint/dpop/replay.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'

export interface OpenStore {
  readonly store: RedisStore
  readonly replay: RedisReplayStore
  readonly metrics: Metrics
  readonly lines: readonly string[]
  /** Notes the use of a key that is remembered for so many seconds. */
  use(key: string, life?: number): UseOnce | Promise<UseOnce>
  close(): Promise<void>
}

export interface StoreOptions {
  readonly config?: Partial<RedisConfig>
  readonly isMemory?: boolean
  readonly windows?: string
  readonly now?: () => number
}

export function configOf(port: number, more: Partial<RedisConfig> = {}): RedisConfig {
  return {
    topology: { kind: 'single', address: { host: '127.0.0.1', port } },
    user: { username: undefined, password: undefined },
    database: 0,
    tls: undefined,
    keyPrefix: 'fgw:',
    // Longer than by default: what these tests ask is not whether a machine that is busy is quick.
    timeout: 0.5,
    maxInFlight: 1000,
    waitForReplicas: 0,
    encryptionKeys: [],
    ...more,
  }
}

export async function openStore(port: number, options: StoreOptions = {}): Promise<OpenStore> {
  const { config, isMemory = true, windows = 'w', now = () => Date.now() / 1000 } = options
  const metrics = createMetrics()
  const lines: string[] = []
  const logger = createLogger('debug', { write: (line) => void lines.push(line) })
  const parts = { metrics, logger, now, clock: () => performance.now() / 1000 }
  const store = new RedisStore(configOf(port, config), isMemory, windows, parts)
  const replay = new RedisReplayStore(store)
  await store.start()
  return {
    store,
    replay,
    metrics,
    lines,
    use: (key, life = 60) => replay.useOnce(key, now() + life, now()),
    close: () => store.close(),
  }
}

/** What is answered to a command: a reply as it goes over the wire; undefined: nothing. */
export type Script = (words: readonly string[], socket: Socket) => string | undefined

export interface ScriptedRedis {
  readonly port: number
  /** May be another from now on. */
  script: Script
  /** How often somebody connected. */
  readonly connections: number
  close(): Promise<void>
}

/** A server that speaks the protocol and has no store; it answers as an honest one unless the script does. */
export async function startScriptedRedis(script: Script): Promise<ScriptedRedis> {
  const sockets = new Set<Socket>()
  const scripted = { script, connections: 0 }
  const server = createServer((socket) => {
    const reader = new ReplyReader()
    scripted.connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const command of reader.read(chunk)) {
        const words = command as readonly Reply[] as readonly string[]
        const answer = scripted.script(words, socket)
        if (answer !== undefined && socket.writable) socket.write(answer)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get script() {
      return scripted.script
    },
    set script(next) {
      scripted.script = next
    },
    get connections() {
      return scripted.connections
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Answers as a server that is well does, from a map. */
export function honest(
  stored = new Map<string, string>(),
  info: Record<string, string> = {},
): Script {
  return ([command, key = '', value = '', ...options]) => {
    switch (command) {
      case 'INFO': {
        const text = Object.entries({
          run_id: 'one',
          master_replid: 'two',
          evicted_keys: '0',
          role: 'master',
          loading: '0',
          maxmemory: '0',
          maxmemory_policy: 'noeviction',
          cluster_enabled: '0',
          server_time_usec: String(Date.now() * 1000),
          ...info,
        })
          .map(([name, is]) => `${name}:${is}\r\n`)
          .join('')
        return bulk(`# Server\r\n${text}`)
      }
      case 'GET':
        return bulk(stored.get(key))
      case 'SET':
        if (options.includes('NX') && stored.has(key)) return bulk(undefined)
        stored.set(key, value)
        return '+OK\r\n'
      case 'PEXPIRE':
        return `:${stored.has(key) ? 1 : 0}\r\n`
      case 'DEL':
        return `:${stored.delete(key) ? 1 : 0}\r\n`
      default:
        return '-ERR unknown command\r\n'
    }
  }
}

export function bulk(text: string | undefined): string {
  return text === undefined ? '$-1\r\n' : `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}
