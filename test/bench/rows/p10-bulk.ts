/**
 * P10: bodies of 1 GiB, streamed in both directions: memory stays flat, and throughput is compared.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { listen } from '../../../src/demo/loopback.ts'
import { cpuTime, residentMemory } from '../cpu-time.ts'
import type { Plan } from '../plan.ts'
import { expectStatus, probe } from '../probe.ts'
import { pathOf } from '../programs.ts'
import type { Finding } from '../result.ts'
import type { Rig } from '../rig.ts'
import { pairedRatios, type Spread, spreadOf } from '../statistics.ts'
import { PUBLIC, startGateway } from '../subjects/gateway.ts'
import { startNginx } from '../subjects/nginx.ts'
import type { Subject } from '../subjects/subject.ts'
import { BULK_FILE, BULK_PATH } from '../subjects/upstream.ts'
import type { GatewayBuild, SpecialRow } from './row.ts'

const GIB = 1024 ** 3
const PATHS = { down: BULK_PATH, up: '/bulk-up' } as const
/** Milliseconds between two looks at memory. */
const LOOK = 20

const DIRECTIONS = ['down', 'up'] as const
type Direction = (typeof DIRECTIONS)[number]

interface Transfer {
  /** Bytes a second. */
  readonly rate: number
  /** Greatest resident memory while it lasted. */
  readonly memory: number
  readonly cpu: number
}

export const bulk: SpecialRow = {
  kind: 'special',
  id: 'P10',
  title: '1 GiB, down and up',
  async measure(rig, build, plan, say) {
    const size = plan.quick ? GIB / 8 : GIB
    const file = join(rig.folder, BULK_FILE)
    // A hole, of which nothing is on the disk.
    writeFileSync(file, '')
    truncateSync(file, size)
    const sink = await startSink(size)
    const subjects: Subject[] = []
    try {
      const url = `http://127.0.0.1:${sink.port}`
      subjects.push(await startBulkGateway(rig, build, url))
      subjects.push(await startNginx(rig, { elsewhere: { [PATHS.up]: url } }))
      return await measureBulk(rig, subjects, file, size, plan, say)
    } finally {
      await Promise.all(subjects.map((subject) => subject.close()))
      await sink.close()
    }
  },
}

async function measureBulk(
  rig: Rig,
  subjects: readonly Subject[],
  file: string,
  size: number,
  { rounds: most }: Plan,
  say: (text: string) => void,
) {
  const names = ['gateway', 'nginx']
  for (const { port } of subjects) await expectStatus('an account', probe(rig, port), 200)
  const idle = residentMemory(subjects[0]!.pids)
  const findings: Finding[] = []
  let greatest = 0
  // A gibibyte is long enough to need no more of them.
  const rounds = Math.min(most, 3)
  for (const direction of DIRECTIONS) {
    const transfers: Transfer[][] = subjects.map(() => [])
    for (let round = 0; round < rounds; round++) {
      for (const [i, subject] of subjects.entries()) {
        const one = await transfer(rig, subject, direction, file, size)
        transfers[i]!.push(one)
        if (i === 0) greatest = Math.max(greatest, one.memory)
        say(`  ${names[i]} ${direction}: ${(one.rate / 1e6).toFixed(0)} MB/s`)
      }
    }
    const [rates, costs] = (['rate', 'cpu'] as const).map((which) =>
      transfers.map((own) => own.map((one) => one[which])),
    ) as [number[][], number[][]]
    findings.push({
      what: `throughput ${direction} : nginx`,
      value: pairedRatios(rates[0]!, rates[1]!),
      unit: '×',
      target: { kind: 'at least', value: 0.5 },
    })
    findings.push({
      what: `CPU a byte ${direction} : nginx`,
      value: pairedRatios(costs[0]!, costs[1]!),
      unit: '×',
      target: undefined,
    })
    for (const [i, own] of transfers.entries()) {
      findings.push({
        what: `throughput ${direction} of ${names[i]}`,
        value: megabytes(own.map(({ rate }) => rate)),
        unit: 'MB/s',
        target: undefined,
      })
    }
  }
  findings.push({
    what: 'resident memory over idle',
    value: megabytes([greatest - idle]),
    unit: 'MB',
    target: { kind: 'at most', value: 32 },
  })
  return { measured: [], findings }
}

function megabytes(bytes: readonly number[]): Spread {
  return spreadOf(bytes.map((one) => one / 1e6))
}

/** Counts the bytes of a request before it answers. */
function startSink(size: number) {
  const server = createServer(async (request, response) => {
    let bytes = 0
    for await (const chunk of request) bytes += chunk.length
    response.writeHead(bytes === size ? 200 : 500, { 'content-length': 2 })
    response.end('{}')
  })
  return listen(server, 0)
}

function startBulkGateway(
  rig: Rig,
  { program, nodeOptions = [] }: GatewayBuild,
  sink: string,
): Promise<Subject> {
  const routes = `${PUBLIC}
  - { id: down, match: "GET ${PATHS.down}", public: true, upstream: bank }
  - { id: up, match: "PUT ${PATHS.up}", public: true, upstream: "${sink}", limits: { body: 1GiB } }`
  return startGateway(rig, { program: program(rig), nodeOptions, routes })
}

/** By curl, which costs the cores of the load less than a client of our own would. */
async function transfer(
  { cores }: Rig,
  { port, pids }: Subject,
  direction: Direction,
  file: string,
  size: number,
): Promise<Transfer> {
  const url = `https://localhost:${port}${PATHS[direction]}`
  const write = `%{http_code} %{size_download} %{size_upload}`
  const curl = [pathOf('curl'), '-sk', '--http1.1', '-H', 'Expect:', '-w', write, url]
  const body = direction === 'up' ? ['-T', file, '-o', '/dev/null'] : ['-o', '/dev/null']
  let memory = 0
  const timer = setInterval(() => {
    memory = Math.max(memory, residentMemory(pids))
  }, LOOK)
  const [start, before] = [performance.now(), cpuTime(pids)]
  try {
    const { stdout } = await promisify(execFile)('taskset', ['-c', cores.load, ...curl, ...body])
    const [status, down, up] = stdout.split(' ').map(Number)
    if (status !== 200 || (direction === 'down' ? down : up) !== size) {
      throw new Error(`${direction} ended with ${stdout} instead of ${size} bytes`)
    }
  } finally {
    clearInterval(timer)
  }
  const rate = (size * 1000) / (performance.now() - start)
  return { rate, memory, cpu: cpuTime(pids) - before }
}
