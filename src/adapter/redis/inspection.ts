/**
 * What a server says about itself before it is trusted with used proofs, and again every few seconds.
 *
 * A store that was emptied, or that lost its last writes when it was restarted or another took its place,
 * does not say so: it answers that a used proof is new. Two things tell:
 *
 * - a marker, a key that is left in each server and ends before any other: where it is gone, what stood beside
 *   may be gone too, were it that the server's clock had been set;
 * - its name, which is made of what changes when a server starts (`run_id`), when a replica takes a
 *   master's place (`master_replid`) and when keys were thrown out to make room (`evicted_keys`).
 *
 * The marker has the time at which it was left, by the server's clock. A proof from before may have been used.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'
import type { RedisConnection } from './connection.ts'
import { StoreFault } from './fault.ts'
import { MARKER_VALUE, type Marker, PASSING } from './pipeline.ts'
import type { Reply } from './reply.ts'

/**
 * Seconds for which a key is kept beyond its end. Of two gateways one may be behind the other: by no more
 * than this, for neither may be further from the server's clock than half of it.
 */
export const CLOCK_MARGIN = 30
/** Seconds by which it may differ from ours. Two more are for what happens between two inspections. */
const LARGEST_SKEW = (CLOCK_MARGIN - 2) / 2

/** Milliseconds for one of these answers. */
const ANSWER_MS = 1000
/** Milliseconds for which a marker stays without being looked at: less than anything stands for that it vouches for. */
const MARKER_MS = 20_000
/** Milliseconds until the trial is gone. */
const TRIAL_MS = 1000

export interface InspectionOrder {
  readonly keyPrefix: string
  /** In a cluster, `{…}`: what leads a key to this server. Empty where there is one server. */
  readonly hashTag: string
  readonly isCluster: boolean
  /** Whether it is used for what may not be forgotten. */
  readonly isMemory: boolean
  /** Names how long proofs are accepted: where that was another time, less is known. */
  readonly windows: string
  /** Seconds since the epoch. */
  readonly now: () => number
}

export interface Inspection {
  readonly marker: Marker
  /** Seconds since the epoch, by our clock: from when on all that was stored is there. */
  readonly since: number
  /** Seconds by which the server's clock is ahead of ours. */
  readonly ahead: number
  /** Why nothing can be written just now. */
  readonly trouble: StoreFault | undefined
}

/** @throws StoreFault if this server is not to be used as it is. */
export async function inspect(
  connection: RedisConnection,
  order: InspectionOrder,
): Promise<Inspection> {
  const { keyPrefix, hashTag, windows, now } = order
  const asked = now()
  const info = parseInfo(await connection.call(['INFO'], ANSWER_MS))
  const [time, answered] = [serverTime(info), now()]
  // Half of the way there, as far as anybody knows.
  const ahead = time - (asked + answered) / 2
  checkInfo(info, ahead, order)

  const name = nameOf(info, order)
  const key = `${keyPrefix}epoch:${hashTag}${name}`
  // Whichever part of the way took all of the time: not before it is left, and, below, not before it was.
  const created = Math.ceil((now() - asked + time) * 1000)
  const marker = await leave(connection, key, created)
  const window = await leave(connection, `${keyPrefix}window:${hashTag}${name}:${windows}`, created)
  const latest = Math.max(leftAt(marker), leftAt(window))
  return {
    marker: { key, value: marker },
    // A client writes whole seconds: what it made before may say so only in the next one.
    since: Math.ceil(latest / 1000 - time + answered),
    ahead,
    trouble:
      (await tryToWrite(connection, ['PEXPIRE', key, String(MARKER_MS)])) ??
      (await tryToWrite(connection, [
        ...['SET', `${keyPrefix}trial:${hashTag}`, '1', 'PX', String(TRIAL_MS)],
      ])),
  }
}

type Info = ReadonlyMap<string, string>

function parseInfo(reply: Reply): Info {
  if (typeof reply !== 'string') throw new StoreFault('protocol', 'INFO is no text')
  const lines = reply.split('\r\n').filter((line) => line.includes(':'))
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1)]
    }),
  )
}

function serverTime(info: Info): number {
  const microseconds = Number(info.get('server_time_usec'))
  if (!Number.isFinite(microseconds)) {
    throw new StoreFault('refused', 'INFO lacks server_time_usec: Redis 7 or Valkey is needed')
  }
  return microseconds / 1_000_000
}

function checkInfo(info: Info, ahead: number, { isCluster, isMemory }: InspectionOrder): void {
  if (info.get('loading') !== '0') throw new StoreFault('loading', 'it reads its data yet')
  if (info.get('role') !== 'master') throw new StoreFault('read_only', 'it is a replica')
  if (!isCluster && info.get('cluster_enabled') === '1') {
    throw new StoreFault('moved', 'it is a node of a cluster: name it under cluster')
  }
  if (!isMemory) return
  const policy = info.get('maxmemory_policy')
  if (info.get('maxmemory') !== '0' && policy !== 'noeviction') {
    throw new StoreFault('evicting', `maxmemory-policy is ${policy}: it has to be noeviction`)
  }
  if (Math.abs(ahead) > LARGEST_SKEW) {
    const seconds = Math.round(Math.abs(ahead))
    const way = ahead > 0 ? 'ahead of' : 'behind'
    throw new StoreFault('clock', `its clock is ${seconds}s ${way} ours`)
  }
}

function nameOf(info: Info, { isMemory }: InspectionOrder): string {
  const fields = ['run_id', 'master_replid', ...(isMemory ? ['evicted_keys'] : [])]
  const parts = fields.map((field) => info.get(field))
  if (parts.includes(undefined)) {
    throw new StoreFault('refused', 'INFO does not say which server it is')
  }
  return createHash('sha256').update(parts.join(' ')).digest('base64url').slice(0, 22)
}

/** Leaves another marker in the place of one: for whoever knows that one, all from before is lost. */
export async function replaceMarker(
  connection: RedisConnection,
  { key }: Marker,
  time: number,
): Promise<void> {
  const words = ['SET', key, newMarker(Math.ceil(time * 1000)), 'PX', String(MARKER_MS)]
  await connection.call(words, ANSWER_MS)
}

function newMarker(created: number): string {
  return `${randomBytes(16).toString('base64url')}.${created}`
}

/** The marker under a key; where there is none, it is left now. Of several who do that, one is first. */
async function leave(connection: RedisConnection, key: string, created: number): Promise<string> {
  const own = newMarker(created)
  let value = await connection.call(['GET', key], ANSWER_MS)
  if (value === null) {
    const set = await connection.call(['SET', key, own, 'NX'], ANSWER_MS)
    value = set === 'OK' ? own : await connection.call(['GET', key], ANSWER_MS)
  }
  if (typeof value !== 'string' || !MARKER_VALUE.test(value)) {
    throw new StoreFault('refused', 'a key of the gateway holds what is not of the gateway')
  }
  return value
}

function leftAt(marker: string): number {
  return Number(MARKER_VALUE.exec(marker)?.[1])
}

async function tryToWrite(
  connection: RedisConnection,
  words: readonly string[],
): Promise<StoreFault | undefined> {
  try {
    await connection.call(words, ANSWER_MS)
    return undefined
  } catch (error) {
    if (error instanceof StoreFault && PASSING.has(error.kind)) return error
    throw error
  }
}
