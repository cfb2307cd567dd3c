/**
 * How many proofs a process asks the store about at once, and with how many commands.
 *
 * A process does in one turn of its event loop what has come since the last one began. For each proof there is
 * one command, and for each turn one more to each server that is asked (see `src/adapter/redis/pipeline.ts`).
 * Simplified: all work for a request is done in one turn; in the gateway it is spread over several, so
 * that turns are shorter and fewer proofs are in one. So it says what batches save at most.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { SLOTS, slotOf } from '../../../src/adapter/redis/slot.ts'
import { Random } from './random.ts'

export interface TurnOrder {
  /** Part of the time for which the process is busy, below 1. */
  readonly load: number
  /** Numbers of servers among which the slots are divided. */
  readonly shards: readonly number[]
  readonly proofs: number
  readonly seed: number
}

export interface TurnFigures {
  readonly proofsPerTurn: number
  /** By number of servers. */
  readonly commandsPerProof: ReadonlyMap<number, number>
}

/** Time is counted in requests: one takes 1, so that they come at the rate of the load. */
export function simulateTurns({ load, shards, proofs, seed }: TurnOrder): TurnFigures {
  const random = new Random(seed)
  const markers = new Map(shards.map((count) => [count, 0]))
  let [now, turns, asked] = [0, 0, 0]
  let arrival = random.exponential(1 / load)
  while (asked < proofs) {
    now = Math.max(now, arrival)
    const slots: number[] = []
    for (; arrival <= now; arrival += random.exponential(1 / load)) {
      slots.push(slotOfProof(asked + slots.length))
    }
    for (const count of shards) {
      const servers = new Set(slots.map((slot) => shardOf(slot, count)))
      markers.set(count, markers.get(count)! + servers.size)
    }
    turns += 1
    asked += slots.length
    now += slots.length
  }
  return {
    proofsPerTurn: asked / turns,
    commandsPerProof: new Map([...markers].map(([count, sum]) => [count, 1 + sum / asked])),
  }
}

/** What the busiest of some servers has, as a multiple of its part. */
export function busiestShard(shards: number, proofs: number): number {
  const counts = new Array<number>(shards).fill(0)
  for (let i = 0; i < proofs; i++) {
    const shard = shardOf(slotOfProof(i), shards)
    counts[shard] = counts[shard]! + 1
  }
  return (Math.max(...counts) * shards) / proofs
}

function slotOfProof(number: number): number {
  const key = createHash('sha256').update(`client ${number}`).digest('base64url')
  return slotOf(`fgw:jti:${key}`)
}

/** Slots are given out in ranges of one length. */
function shardOf(slot: number, shards: number): number {
  return Math.floor((slot * shards) / SLOTS)
}
