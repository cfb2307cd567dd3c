/**
 * How many proofs are remembered at a time, and how often a client has to ask twice for want of a nonce.
 *
 * All numbers of proofs are divided by the rate: "seconds' worth" of requests, whatever the rate.
 *
 * @module
 */

import { lifeInStore } from '../../../src/adapter/replay-redis.ts'
import { ReplayDomain, type Windows } from './domain.ts'
import { Random } from './random.ts'

export interface WindowOrder {
  readonly windows: Windows
  /** Requests a second, enough for the law of large numbers. */
  readonly rate: number
  /** Seconds between two requests of one client, on average. */
  readonly callEvery: number
  /** Seconds that are looked at, after as many as it takes to fill. */
  readonly seconds: number
  readonly seed: number
}

export interface Remembered {
  readonly mean: number
  readonly most: number
}

export interface WindowFigures {
  /** Proofs that are sent for one request that is let through. */
  readonly attempts: number
  readonly memory: Remembered
  readonly redis: Remembered
  /** Keys of Redis that end within one second, at most. */
  readonly endings: number
}

/** Seconds by which a client's clock may be off. */
const CLOCK_ERROR = 2

export function simulateWindow(order: WindowOrder): WindowFigures {
  const { windows, rate, callEvery, seconds, seed } = order
  const random = new Random(seed)
  const domain = new ReplayDomain(windows, 'one')
  const known = new Array<string | undefined>(Math.max(1, Math.round(rate * callEvery)))
  const filling = lifeInStore(3 * windows.rotate, 0) + callEvery
  // Somewhere within a period of nonces.
  const start = 1_700_000_000.25
  const [from, to] = [Math.ceil(start + filling), Math.ceil(start + filling + seconds)]

  const ends = new Map<number, number>()
  const memory: number[] = []
  const redis: number[] = []
  let [sent, accepted, live, busiest] = [0, 0, 0, 0]
  let second = Math.floor(start)
  let now = start
  for (let id = 0; ; ) {
    now += random.exponential(1 / rate)
    for (; second < now; second++) {
      const ended = ends.get(second) ?? 0
      live -= ended
      ends.delete(second)
      if (second < from) continue
      busiest = Math.max(busiest, ended)
      memory.push(domain.store.size / rate)
      redis.push(live / rate)
    }
    if (now >= to) break
    const client = random.below(known.length)
    const iat = Math.floor(now + (random.next() * 2 - 1) * CLOCK_ERROR)
    const isCounted = now >= from
    for (let isDone = false; !isDone; ) {
      const use = domain.use({ jti: `${id++}`, iat, nonce: known[client] }, now)
      known[client] = domain.nonce(now)
      isDone = use.refused === undefined
      if (isCounted) sent += 1
      if (!isDone) continue
      if (isCounted) accepted += 1
      live += 1
      const end = Math.ceil(now + lifeInStore(use.until, now))
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
  }
  return {
    attempts: sent / accepted,
    memory: summaryOf(memory),
    redis: summaryOf(redis),
    endings: busiest / rate,
  }
}

function summaryOf(values: readonly number[]): Remembered {
  const sum = values.reduce((total, one) => total + one, 0)
  return { mean: sum / values.length, most: Math.max(...values) }
}
