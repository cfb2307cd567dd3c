/**
 * What a rate takes: of processors, of memory, of a store. The formulas of docs/explanation/scaling.md.
 *
 * @module
 */

import type { CostName, Costs } from './costs.ts'
import type { WindowFigures } from './window.ts'

export interface Assumptions {
  /** Part of the time for which a processor of the gateways, or of a store, may be busy. */
  readonly load: number
  readonly storeLoad: number
  /** Seconds between two requests of one client, each with a token of its own. */
  readonly callEvery: number
  readonly requestsPerConnection: number
  /** Seconds for which an answer about an opaque token is used. */
  readonly answerLife: number
}

export interface Size {
  readonly what: string
  /** Undefined where a cost that it needs was not measured. */
  readonly value: number | undefined
  readonly unit: '' | 'B' | '/s'
}

/** @param rate Requests a second. */
export function sizeFor(
  rate: number,
  costs: Costs,
  window: WindowFigures,
  assumed: Assumptions,
): readonly Size[] {
  const { load, storeLoad, callEvery, requestsPerConnection, answerLife } = assumed
  const proofs = rate * window.attempts
  const clients = rate * callEvery
  const connections = rate / requestsPerConnection
  const of = (name: CostName) => costs[name].value
  const busy = (perSecond: number, cost: number | undefined) =>
    cost === undefined ? undefined : (perSecond * cost) / 1e6
  const cores = (perSecond: number, cost: number | undefined) => whole(busy(perSecond, cost), load)
  const storage = (entries: number, bytes: number | undefined) =>
    bytes === undefined ? undefined : entries * bytes

  const [inMemory, inRedis] = [window.memory.most * rate, window.redis.most * rate]
  const processes = cores(proofs, of('dpopRedis'))
  // Each process asks for itself; no more often than it is called.
  const questions = (clients / answerLife) * (processes ?? Number.POSITIVE_INFINITY)
  const anew = (cost: number | undefined) =>
    sum(cost, difference(of('newToken'), of('certificate')))
  return [
    count('cores: public route', cores(rate, of('publicRoute'))),
    count('cores: token bound to a certificate', cores(rate, of('certificate'))),
    count('cores: opaque token, its answer remembered', cores(rate, of('opaque'))),
    count('cores: DPoP, with Redis', processes),
    count('cores: DPoP, each token new to its process', cores(proofs, anew(of('dpopRedis')))),
    { what: 'new connections', value: connections, unit: '/s' },
    count(
      'cores: for these, beside the requests',
      cores(connections, difference(of('connection'), of('certificate'))),
    ),
    count('tokens in use, one a client', clients),
    {
      what: 'memory of a process that sees all of them',
      value: storage(clients, of('token')),
      unit: 'B',
    },
    { what: 'introspections, answers shared', value: clients / answerLife, unit: '/s' },
    {
      what: 'introspections, each process for itself',
      value: processes === undefined ? undefined : Math.min(rate, questions),
      unit: '/s',
    },
    count('used proofs in memory (`max_entries`)', inMemory),
    { what: 'memory for these', value: storage(inMemory, of('memoryJti')), unit: 'B' },
    count('primary of workers, processors busy', busy(rate, of('primaryProof'))),
    count('the same, 16 proofs a message', busy(rate, of('primaryBatch'))),
    count('keys in Redis', inRedis),
    { what: 'memory for these in Redis', value: storage(inRedis, of('redisJti')), unit: 'B' },
    { what: 'commands to Redis, at most', value: 2 * rate, unit: '/s' },
    count('processors of Redis busy', busy(rate, of('redisProof'))),
    count('masters of Redis', whole(busy(rate, of('redisProof')), storeLoad)),
  ]
}

/** How many of something are needed, if one of them may be busy for this part of the time. */
function whole(busy: number | undefined, load: number): number | undefined {
  return busy === undefined ? undefined : Math.max(1, Math.ceil(busy / load))
}

function count(what: string, value: number | undefined): Size {
  return { what, value, unit: '' }
}

function sum(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other
}

/** Never below nothing: two measurements may be off. */
function difference(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : Math.max(0, one - other)
}
