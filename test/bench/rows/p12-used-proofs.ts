/**
 * P12: what keeps used proofs for several processes, asked as they ask it, but without them: Redis, and
 * the primary of workers. By that one can tell how many requests a second it takes to saturate either.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { RedisConnection } from '../../../src/adapter/redis/connection.ts'
import { StoreFault } from '../../../src/adapter/redis/fault.ts'
import { RedisStore } from '../../../src/adapter/redis/store.ts'
import { RedisReplayStore } from '../../../src/adapter/replay-redis.ts'
import { RelayedReplayStore } from '../../../src/adapter/workers/relayed-replay.ts'
import type { ReplayStore } from '../../../src/sender-constraint/dpop/replay.ts'
import { createLogger } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { cpuTime } from '../cpu-time.ts'
import type { Plan } from '../plan.ts'
import type { Finding, Target } from '../result.ts'
import type { Rig } from '../rig.ts'
import { spreadOf } from '../statistics.ts'
import { startRedis } from '../subjects/redis.ts'
import type { SpecialRow } from './row.ts'

/** Processes that ask, each on a connection of its own. */
const ASKERS = 8
/** Proofs that one of them asks about within one turn of its event loop. */
const AT_ONCE = [1, 16] as const
/** Seconds for which a proof is remembered: longer than the row takes. */
const LIFE = 300

interface Keeper {
  readonly pid: number
  /** As many as there are processes that ask. */
  readonly stores: readonly ReplayStore[]
  /** Bytes that everything remembered takes up, where that can be asked. */
  bytes?(): Promise<number>
  close(): Promise<void>
}

export const usedProofs: SpecialRow = {
  kind: 'special',
  id: 'P12',
  title: 'used proofs, without the gateways that ask about them',
  async measure(rig, _, plan, say) {
    const findings: Finding[] = []
    const found = (what: string, values: readonly number[], unit: string, target?: Target) => {
      const value = spreadOf(values)
      findings.push({ what, value, unit, target })
      say(`  ${what}: ${value.median.toFixed(2)} ${unit}`)
    }

    const redis = await startRedisKeeper(rig)
    try {
      const count = plan.quick ? 100_000 : 1_000_000
      const before = await redis.bytes()
      await note(redis.stores, count)
      const each = ((await redis.bytes()) - before) / count
      found(`each of ${count} live jtis in Redis`, [each], 'B', { kind: 'at most', value: 160 })
      for (const atOnce of AT_ONCE) {
        found(`CPU of Redis a proof, ${atOnce} at once`, await costs(redis, atOnce, plan), 'µs')
      }
    } finally {
      await redis.close()
    }
    const primary = await startPrimary(rig)
    try {
      for (const atOnce of AT_ONCE) {
        const values = await costs(primary, atOnce, plan)
        found(`CPU of the primary a proof, ${atOnce} at once`, values, 'µs')
      }
    } finally {
      await primary.close()
    }
    const notes = [
      `${ASKERS} askers, each on its own connection, with the gateway's own client of the store. "At once" is within one turn of the event loop of one asker. Redis is asked without TLS, by one command for each proof and one for each turn.`,
    ]
    return { measured: [], findings, notes }
  },
}

/** Microseconds of CPU a proof, round by round. */
async function costs(
  { pid, stores }: Keeper,
  atOnce: number,
  { rounds, seconds }: Plan,
): Promise<number[]> {
  const values: number[] = []
  while (values.length < rounds) {
    const before = cpuTime([pid])
    const end = performance.now() + seconds * 1000
    const asked = await Promise.all(stores.map((store) => ask(store, atOnce, end)))
    values.push((cpuTime([pid]) - before) / asked.reduce((sum, one) => sum + one, 0))
  }
  return values
}

/** Asks until the time has come. @returns About how many proofs. */
async function ask(store: ReplayStore, atOnce: number, end: number): Promise<number> {
  let asked = 0
  while (performance.now() < end) {
    await noteSome(store, atOnce)
    asked += atOnce
  }
  return asked
}

async function note(stores: readonly ReplayStore[], count: number): Promise<void> {
  const SOME = 100
  const each = count / stores.length / SOME
  await Promise.all(
    stores.map(async (store) => {
      for (let i = 0; i < each; i++) await noteSome(store, SOME)
    }),
  )
}

/** @throws If one of them is not taken for new. */
async function noteSome(store: ReplayStore, count: number): Promise<void> {
  const now = Date.now() / 1000
  const uses = Array.from({ length: count }, () => store.useOnce(nextKey(), now + LIFE, now))
  for (const use of await Promise.all(uses)) {
    if (use !== 'first') throw new Error(`a proof was answered with ${use}`)
  }
}

/** As long as the hash of a proof. */
function nextKey(): string {
  return randomBytes(32).toString('base64url')
}

async function startRedisKeeper(rig: Rig): Promise<Required<Keeper>> {
  const { port, pid, close } = await startRedis(rig)
  const user = { username: undefined, password: undefined }
  const address = { host: '127.0.0.1', port }
  const stores = Array.from({ length: ASKERS }, () => {
    const parts = {
      metrics: createMetrics(),
      logger: createLogger('silent', { write: () => {} }),
      now: () => Date.now() / 1000,
      clock: () => performance.now() / 1000,
    }
    const config = {
      topology: { kind: 'single', address },
      user,
      database: 0,
      tls: undefined,
      keyPrefix: 'fgw:',
      timeout: 2,
      maxInFlight: 1000,
      waitForReplicas: 0,
      encryptionKeys: [],
    } as const
    return new RedisStore(config, true, 'bench', parts)
  })
  await Promise.all(stores.map((store) => store.start()))
  const order = { address, user, database: 0, tls: undefined, timeoutMs: 1000 }
  const connection = await RedisConnection.open(order)
  return {
    pid,
    stores: stores.map((store) => new RedisReplayStore(store)),
    async bytes() {
      const info = await connection.call(['INFO', 'memory'], 1000)
      return Number(/^used_memory:(\d+)/m.exec(String(info))?.[1])
    },
    async close() {
      connection.destroy(new StoreFault('connection', 'no longer needed'))
      await Promise.all(stores.map((store) => store.close()))
      await close()
    },
  }
}

async function startPrimary({ cores }: Rig): Promise<Keeper> {
  const script = join(import.meta.dirname, '../replay-primary.ts')
  const argv = ['-c', cores.measured, process.execPath, script, `${ASKERS}`]
  const pipes = Array.from({ length: ASKERS }, () => 'pipe' as const)
  const child = spawn('taskset', argv, { stdio: ['ignore', 'inherit', 'inherit', ...pipes] })
  await once(child, 'spawn')
  const gone = once(child, 'exit')
  const streams = child.stdio.slice(3) as Duplex[]
  const stores = streams.map((stream) => new RelayedReplayStore(stream, 0, () => performance.now()))
  await started(stores)
  return {
    pid: child.pid!,
    stores,
    async close() {
      for (const stream of streams) stream.destroy()
      await gone
    },
  }
}

/** One that has only begun takes longer than a worker waits: it is asked until it answers. */
async function started(stores: readonly ReplayStore[]): Promise<void> {
  const now = Date.now() / 1000
  for (const store of stores) {
    const MOST_TRIES = 10_000
    for (let tries = 0; ; tries++) {
      if ((await store.useOnce(nextKey(), now + LIFE, now)) === 'first') break
      if (tries === MOST_TRIES) throw new Error('the primary does not answer')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}
