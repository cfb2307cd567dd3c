/**
 * A soak: scenarios at a steady rate, while keys change, the configuration is read again and connections
 * come and go; then silence, in which everything has to be given back.
 *
 * @module
 */

import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { sumOf } from '../support/exposition.ts'
import { type AtRest, findGrowth, type Sample } from './measurement.ts'
import { createScenarios, type Scenario } from './scenario.ts'
import type { World } from './world.ts'

export interface Plan {
  /** Seconds of traffic. */
  readonly seconds: number
  /** Scenarios a second. */
  readonly rate: number
  readonly onSample?: (sample: Sample) => void
  /** Called with each wrong answer of a kind that was not there before. */
  readonly onFault?: (fault: string) => void
}

export interface Verdict {
  readonly samples: readonly Sample[]
  readonly requests: number
  /** How often each scenario was played. */
  readonly played: Readonly<Record<string, number>>
  /** Wrong answers, by what is wrong with them. */
  readonly wrong: Readonly<Record<string, number>>
  readonly growth: readonly string[]
  readonly before: AtRest
  readonly after: AtRest
}

/** Most that are under way: a machine that is busy is not given more to do. */
const PARALLEL = 64
/** Milliseconds between two beginnings: several at once where the rate asks for it. */
const TICK = 20
/** Seconds between two changes of keys, as long as a set is kept at least; and of other things. */
const ROTATION = 20
const RELOAD = 30
const DISCONNECTION = 15
/** How many samples there are, and seconds between them at least. */
const SAMPLES = 120
const LEAST_PAUSE = 1
/** Seconds in which idle connections are given back, and milliseconds between two looks. */
const PATIENCE = 60
const LOOK = 500

export async function soak(
  world: World,
  { seconds, rate, onSample, onFault }: Plan,
): Promise<Verdict> {
  const scenarios = createScenarios(world)
  const played: Record<string, number> = {}
  const wrong: Record<string, number> = {}
  let begun = 0
  const underWay = new Set<Promise<void>>()
  const note = (fault: string) => {
    if (wrong[fault] === undefined) onFault?.(fault)
    wrong[fault] = (wrong[fault] ?? 0) + 1
  }
  const play = async (scenario: Scenario) => {
    try {
      for (const fault of await scenario.run()) note(`${scenario.name}: ${fault}`)
    } catch (error) {
      note(`${scenario.name}: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }
  const begin = (scenario: Scenario) => {
    played[scenario.name] = (played[scenario.name] ?? 0) + 1
    begun += 1
    const playing = play(scenario)
    underWay.add(playing)
    void playing.finally(() => underWay.delete(playing))
  }

  // Every kind once, so that what is made at first use is there before it is looked at what is left.
  for (const scenario of scenarios) await play(scenario)
  const before = await rest(world, undefined)

  const start = performance.now()
  const now = () => (performance.now() - start) / 1000
  const samples: Sample[] = []
  const chores = [
    every(ROTATION, seconds, async () => world.issuer.rotate()),
    every(RELOAD, seconds, () => world.gateway.reload()),
    every(DISCONNECTION, seconds, async () => world.disconnect()),
    every(Math.max(LEAST_PAUSE, seconds / SAMPLES), 2 * LEAST_PAUSE, async () => {
      const count = Object.values(wrong).reduce((sum, times) => sum + times, world.faults.length)
      const sample = await measure(world, { at: now(), requests: begun, wrong: count })
      samples.push(sample)
      onSample?.(sample)
    }),
  ]
  while (now() < seconds) {
    for (const chore of chores) chore.look(now(), note)
    while (begun < now() * rate && underWay.size < PARALLEL) begin(drawn(scenarios))
    await pause(TICK)
  }
  await Promise.all(underWay)
  await Promise.all(chores.map((chore) => chore.done()))
  world.disconnect()
  for (const fault of lateArrivals(world)) note(fault)
  for (const fault of world.faults) note(fault)
  const after = await rest(world, before)
  return {
    samples,
    requests: begun,
    played,
    wrong,
    growth: findGrowth(samples, before, after),
    before,
    after,
  }
}

/** By weight. */
function drawn(scenarios: readonly Scenario[]): Scenario {
  let at = randomInt(scenarios.reduce((sum, { weight }) => sum + weight, 0))
  for (const scenario of scenarios) {
    at -= scenario.weight
    if (at < 0) return scenario
  }
  return scenarios[0]!
}

/**
 * What is done again and again beside the traffic, one at a time.
 *
 * @param period Seconds; in a run that is shorter it is done in the middle.
 */
function every(period: number, whole: number, work: () => Promise<void>) {
  let next = Math.min(period, whole / 2)
  let doing: Promise<void> | undefined
  return {
    look(now: number, note: (fault: string) => void): void {
      if (now < next || doing !== undefined) return
      next = now + period
      doing = work()
        .catch((error) => note(String(error)))
        .finally(() => {
          doing = undefined
        })
    },
    done: () => doing ?? Promise.resolve(),
  }
}

/** What was refused, and is at the upstream all the same. */
function lateArrivals({ upstream, refused }: World): string[] {
  return [...upstream.arrivals.keys()]
    .filter((id) => refused.has(id))
    .map(() => 'was refused, and reached the upstream later')
}

async function measure(
  { gateway }: World,
  counts: Pick<Sample, 'at' | 'requests' | 'wrong'>,
): Promise<Sample> {
  const text = await gateway.metrics()
  const { rss, sockets } = await gateway.usage()
  const of = (name: string) => sumOf(text, name) ?? 0
  return {
    ...counts,
    rss,
    sockets,
    heap: of('nodejs_heap_size_used_bytes'),
    delay: 1000 * of('nodejs_eventloop_lag_p99_seconds'),
    cached: of('fapigw_cache_entries'),
    proofs: of('fapigw_replay_cache_entries'),
  }
}

/** Lets all connections go, and waits until nothing more is given back, or as much as there was before. */
async function rest(world: World, before: AtRest | undefined): Promise<AtRest> {
  world.disconnect()
  const end = performance.now() + PATIENCE * 1000
  let last = Number.POSITIVE_INFINITY
  let still = 0
  for (;;) {
    await pause(LOOK)
    const { sockets } = await world.gateway.usage()
    still = sockets === last ? still + 1 : 0
    last = sockets
    const { heapUsed, external, timers } = await world.gateway.probe()
    const isSettled = before === undefined ? still * LOOK >= SETTLED_MS : sockets <= before.sockets
    if ((isSettled && timers <= (before?.timers ?? timers)) || performance.now() > end) {
      return { sockets, timers, heap: heapUsed, external }
    }
  }
}

/** Longer than idle connections to upstream and issuer are kept. */
const SETTLED_MS = 3000
