/**
 * The tables of docs/explanation/scaling.md: what is simulated, and what follows from what was measured.
 *
 * @module
 */

import type { PerformanceRecord } from '../record.ts'
import { type Cost, type Costs, costsOf } from './costs.ts'
import { profileWindows } from './domain.ts'
import { type Blocks, bytesText, numberText, tableOf } from './page.ts'
import { simulateMoves, simulateTheft, type Topology } from './regions.ts'
import { type Assumptions, type Size, sizeFor } from './sizing.ts'
import { busiestShard, simulateTurns } from './turns.ts'
import { simulateWindow, type WindowFigures } from './window.ts'

const SEED = 9449

export const ASSUMED: Assumptions = {
  load: 0.6,
  storeLoad: 0.5,
  callEvery: 10,
  requestsPerConnection: 100,
  answerLife: 15,
}

const RATES = [100, 10_000, 1_000_000] as const
const SHARDS = [1, 4, 16, 64] as const
const LOADS = [0.1, 0.3, 0.6, 0.9] as const
const CALL_EVERY = [1, 10, 60, 300] as const

const REGIONS = 3
/** Seconds: an assumption, for nobody's network was measured. */
const LAG = 0.5
const DELAYS = [
  [0, 0.1],
  [1, 2],
  [0, 60],
] as const
const MOVING = [0, 0.01, 0.1] as const

const NOT_MEASURED = 'not measured'

/** Tables that need no measurement: the same in every run. */
export function simulatedBlocks(): Blocks {
  return new Map([
    ['window', windowTable()],
    ['turns', turnsTable()],
    ['regions', regionsTable()],
    ['moves', movesTable()],
  ])
}

/** Tables that need one. */
export function measuredBlocks(record: PerformanceRecord): Blocks {
  const costs = costsOf(record)
  return new Map([
    ['costs', costsTable(costs, record)],
    ['sizes', sizesTable(costs)],
  ])
}

function windowOf(nonce: 'off' | 'required', callEvery: number): WindowFigures {
  const windows = profileWindows(nonce)
  return simulateWindow({ windows, rate: 50, callEvery, seconds: 300, seed: SEED })
}

function windowTable(): string {
  const head = [
    'proofs with',
    'a client calls every',
    'proofs sent for one request',
    'in memory: mean',
    'most',
    'in Redis: mean',
    'most',
    'end in one second',
  ]
  const row = (name: string, nonce: 'off' | 'required', callEvery: number) => {
    const { attempts, memory, redis, endings } = windowOf(nonce, callEvery)
    const numbers = [memory.mean, memory.most, redis.mean, redis.most, endings]
    const texts = numbers.map((one) => numberText(one, String(Math.trunc(one)).length))
    return [name, `${callEvery} s`, attempts.toFixed(2), ...texts]
  }
  return tableOf(head, [
    ...CALL_EVERY.map((every) => row('nonces', 'required', every)),
    row('`iat` alone', 'off', 10),
  ])
}

function turnsTable(): string {
  const figures = LOADS.map((load) => ({
    load,
    ...simulateTurns({ load, shards: SHARDS, proofs: 20_000, seed: SEED }),
  }))
  const head = ['a process is busy', 'proofs a turn', ...SHARDS.map((count) => `masters: ${count}`)]
  const busiest = SHARDS.map((count) => `× ${busiestShard(count, 10_000).toFixed(2)}`)
  return tableOf(head, [
    ...figures.map(({ load, proofsPerTurn, commandsPerProof }) => [
      `${load * 100} %`,
      proofsPerTurn.toFixed(1),
      ...SHARDS.map((count) => commandsPerProof.get(count)!.toFixed(2)),
    ]),
    ['of 10,000 proofs, the busiest master has its part', '', ...busiest],
  ])
}

function regionsTable(): string {
  const kinds: readonly [name: string, topology: Topology, nonce: 'off' | 'required'][] = [
    ['one store for all', 'one store', 'required'],
    ['a Redis each', 'Redis', 'required'],
    ['a Redis each, `nonce: "off"`', 'Redis', 'off'],
    [`Redis that replicates, ${LAG} s late`, 'Redis that replicates', 'required'],
    ['the same, `nonce: "off"`', 'Redis that replicates', 'off'],
    ['memory, one `nonce.secret`', 'memory', 'required'],
    ['memory, a `nonce.secret` each', 'memory and own secret', 'required'],
  ]
  const head = ['three regions with', 'sent again within 0.1 s', 'after 1 to 2 s', 'within 60 s']
  return tableOf(
    head,
    kinds.map(([name, topology, nonce]) => {
      const order = { topology, windows: profileWindows(nonce), regions: REGIONS, lag: LAG }
      const times = DELAYS.map((delay) =>
        simulateTheft({ ...order, delay, proofs: 2000, seed: SEED }),
      )
      return [name, ...times.map((one) => numberText(one, 2))]
    }),
  )
}

function movesTable(): string {
  const windows = profileWindows('required')
  return tableOf(
    ['requests that go to another region than the one before', 'proofs sent for one request'],
    MOVING.map((moving) => [
      `${moving * 100} %`,
      simulateMoves(windows, { regions: REGIONS, moving, seed: SEED }).toFixed(2),
    ]),
  )
}

function costsTable(costs: Costs, { machine, rows }: PerformanceRecord): string {
  const text = ({ value, unit }: Cost) => {
    if (value === undefined) return [NOT_MEASURED, '']
    return unit === 'B'
      ? [bytesText(value), '']
      : [`${numberText(value)} µs`, numberText(1e6 / value)]
  }
  const table = tableOf(
    ['one of', 'costs', 'a core does in a second', 'row'],
    Object.values(costs).map((cost) => [cost.what, ...text(cost), cost.source]),
  )
  const latest =
    rows
      .map(({ at }) => at.slice(0, 10))
      .sort()
      .at(-1) ?? ''
  return `${table}\n\nMeasured on ${machine.processor}, Node ${machine.node}, ${latest}: [performance](../performance.md).`
}

function sizesTable(costs: Costs): string {
  // Clients that call often leave most behind.
  const [{ attempts }, { memory, redis, endings }] = [
    windowOf('required', ASSUMED.callEvery),
    windowOf('required', CALL_EVERY[0]),
  ]
  const window = { attempts, memory, redis, endings }
  const columns = RATES.map((rate) => sizeFor(rate, costs, window, ASSUMED))
  return tableOf(
    ['requests a second', ...RATES.map((rate) => new Intl.NumberFormat('en').format(rate))],
    columns[0]!.map(({ what }, i) => [what, ...columns.map((column) => sizeText(column[i]!))]),
  )
}

function sizeText({ value, unit }: Size): string {
  if (value === undefined) return NOT_MEASURED
  return unit === 'B' ? bytesText(value) : `${numberText(value)}${unit}`
}
