/**
 * P11: what it costs a request that several processes remember one set of proofs: two workers, and two
 * gateways that share a Redis. All of them on the one core that is measured, so that only what they do for
 * each other is added.
 *
 * @module
 */

import { type Contender, measureInTurns } from '../contender.ts'
import { CONNECTIONS } from '../load/load.ts'
import { prepareWrk } from '../load/wrk.ts'
import { expectStatus, PATH, probe } from '../probe.ts'
import type { Finding } from '../result.ts'
import type { Rig } from '../rig.ts'
import { pairedRatios } from '../statistics.ts'
import { type GatewayOptions, obstacleTo, PROTECTED, startGateway } from '../subjects/gateway.ts'
import { startRedis } from '../subjects/redis.ts'
import type { Subject } from '../subjects/subject.ts'
import { gatewayWithProofs } from './p03-dpop.ts'
import { iatOfRun, ProvenRequests } from './proven-requests.ts'
import type { GatewayBuild, SpecialRow } from './row.ts'

const AT_MOST = 1.15
const TWO_WORKERS = 'workers: 2'

/** Instances behind one address have to know each other's nonces, too. */
const SHARED = (
  redisPort: number,
) => `stores: { redis: { url: "redis://127.0.0.1:${redisPort}", timeout: 1s } }
dpop:
  replay: { store: redis }
  nonce: { secret: "bench-bench-bench-bench-bench-bench-32" }`

/** Times that a used proof is sent again, on connections of their own: whichever worker takes them. */
const TRIES = 8

export const processes: SpecialRow = {
  kind: 'special',
  id: 'P11',
  title: 'several processes, the work of P3 on one core',
  async measure(rig, build, plan, say) {
    const options = { program: build.program(rig), routes: PROTECTED }
    const notes: string[] = []
    const others = [
      { contender: twoWorkers(build), sections: TWO_WORKERS },
      { contender: twoGateways(build), sections: SHARED(6379) },
    ].filter(({ contender: { name }, sections }) => {
      const obstacle = obstacleTo(rig, { ...options, sections })
      if (obstacle !== undefined) notes.push(`${name}: not there yet (${obstacle})`)
      return obstacle === undefined
    })
    if (others.length === 0) return { measured: [], findings: [], notes }

    const one = { ...gatewayWithProofs(build), name: 'one process' }
    const contenders = [one, ...others.map(({ contender }) => contender)]
    const { measured, runs } = await measureInTurns(rig, contenders, plan, say)
    const costs = runs.map((own) => own.map(({ cpu, requests }) => cpu / requests))
    const findings = others.map(
      ({ contender }, i): Finding => ({
        what: `CPU a request, ${contender.name} : one process`,
        value: pairedRatios(costs[i + 1]!, costs[0]!),
        unit: '×',
        target: { kind: 'at most', value: AT_MOST },
      }),
    )
    notes.push(
      'A used proof was refused by whichever process it came to. The CPU of Redis is not counted.',
    )
    return { measured, findings, notes }
  },
}

function twoWorkers(build: GatewayBuild): Contender {
  const contender = gatewayWithProofs(build, TWO_WORKERS)
  return {
    ...contender,
    name: 'two workers',
    async mustRefuse(rig, subject) {
      const [proven = []] = await new ProvenRequests().make(rig, subject.port, 1, iatOfRun(0))
      await expectStatus('a token with a proof', probe(rig, subject.port, proven), 200)
      for (let i = 0; i < TRIES; i++) {
        await expectStatus('a used proof', probe(rig, subject.port, proven), 401)
      }
    },
  }
}

interface Pair extends Subject {
  /** Of the other gateway, which is called by the name of the first. */
  readonly other: number
}

function twoGateways(build: GatewayBuild): Contender {
  const pairs = new Map<Subject, Pair>()
  const proven = new ProvenRequests()
  return {
    name: 'two gateways and Redis',
    async start(rig) {
      const pair = await startPair(rig, { program: build.program(rig), routes: PROTECTED })
      pairs.set(pair, pair)
      return pair
    },
    async prepare(rig, subject, seconds, rate) {
      const { port, other } = pairs.get(subject)!
      // One of the two may be asked more than the other.
      const count = Math.ceil(rate * seconds * 1.5)
      const made = await proven.make(rig, port, count, iatOfRun(count))
      const requests = made.map((fields) => ({ path: PATH, fields }))
      const half = Math.ceil(count / 2)
      const more = { once: true, connections: CONNECTIONS / 2, publicPort: port }
      const loads = [
        await prepareWrk(rig, port, seconds, { ...more, requests: requests.slice(0, half) }),
        await prepareWrk(rig, other, seconds, { ...more, requests: requests.slice(half) }),
      ]
      return async () => {
        const [one, two] = await Promise.all(loads.map((load) => load()))
        return {
          requests: one!.requests + two!.requests,
          seconds: Math.max(one!.seconds, two!.seconds),
          // The slower of the two.
          p50: Math.max(one!.p50, two!.p50),
          p99: Math.max(one!.p99, two!.p99),
        }
      }
    },
    async mustRefuse(rig, subject) {
      const { port, other } = pairs.get(subject)!
      const [proof = []] = await new ProvenRequests().make(rig, port, 1, iatOfRun(0))
      await expectStatus('a token with a proof', probe(rig, port, proof), 200)
      const again = probe(rig, other, proof, false, port)
      await expectStatus('a proof that the other gateway took', again, 401)
    },
  }
}

async function startPair(rig: Rig, options: GatewayOptions): Promise<Pair> {
  const redis = await startRedis(rig)
  const sections = SHARED(redis.port)
  const one = await startGateway(rig, { ...options, sections })
  const two = await startGateway(rig, { ...options, sections, publicPort: one.port })
  return {
    port: one.port,
    other: two.port,
    pids: [...one.pids, ...two.pids],
    async close() {
      await Promise.all([one.close(), two.close()])
      await redis.close()
    },
  }
}
