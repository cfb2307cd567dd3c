import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCaller } from '../support/caller.ts'
import { type CrewWorld, startCrewWorld } from '../support/crew.ts'
import { OK } from '../support/faulty-upstream.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket, type RawSocket } from '../support/raw-socket.ts'
import type { Answering } from '../support/stub.ts'

let world: CrewWorld
let honest: Answering

beforeAll(async () => {
  world = await startCrewWorld()
  honest = world.stub.answer
})
beforeEach(() => {
  world.stub.answer = honest
  world.upstream.answer = ({ socket }) => void socket.write(OK)
})
afterEach(() => world.stop())
afterAll(() => world.close())

const RELOADED = 'configuration reloaded'
const REFUSED = 'the configuration was not reloaded'

/** One that has ended, and whose end nobody has asked about yet, is not alive. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return !/^(Z|$)/.test(stdout.trim())
}

/** Requests under way that the upstream does not answer until it is told to. */
async function hold(port: number, count: number) {
  const waiting: (() => void)[] = []
  world.upstream.answer = ({ socket }) => void waiting.push(() => void socket.write(OK))
  const sockets = await Promise.all(
    Array.from({ length: count }, () => openSocket(world.fixture, { port })),
  )
  const before = world.upstream.requests.length
  for (const raw of sockets) raw.write(get('/open'))
  await expect.poll(() => world.upstream.requests.length, { timeout: 20_000 }).toBe(before + count)
  const answer = () => {
    for (const one of waiting) one()
  }
  return { sockets, answer }
}

async function expectLastAnswers(sockets: readonly RawSocket[]): Promise<void> {
  for (const raw of sockets) {
    const answer = await raw.response()
    expect(answer).toMatchObject({ status: 200, complete: true })
    expect(answer.lines('connection')).toEqual(['close'])
  }
}

/** Whether nobody listens on a port any more: to be cut off by one who is about to end is another thing. */
function refuses(port: number): Promise<boolean> {
  return openSocket(world.fixture, { port }).then(
    ({ socket }) => {
      socket.destroy()
      return false
    },
    (error) => error.code === 'ECONNREFUSED',
  )
}

/** Whether somebody else can listen there. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  // Whatever comes first: an error is thrown.
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  server.close()
  return isListening
}

describe('a worker that is killed', () => {
  test('is replaced, nobody else notices, and readiness says what is missing', async () => {
    const crew = await world.start(world.yaml())
    expect(await crew.ready()).toEqual({
      status: 200,
      lines: ['[+] not shutting down', '[+] worker 1', '[+] worker 2', '[+] issuer bank', 'ready'],
    })
    const [, other] = await crew.callers()
    process.kill(crew.pidOf(1), 'SIGKILL')
    const statuses: number[] = []
    const ask = async () => {
      const fields = await world.dpopFields()
      statuses.push((await other.send({ fields })).status)
    }
    while (!crew.lines.some((line) => line.includes('a worker has ended'))) await ask()
    // From then on nobody connects to one that is gone.
    do {
      await ask()
      const fresh = createCaller(world.fixture, crew)
      statuses.push((await fresh.send({ path: '/open' })).status)
      fresh.close()
    } while (crew.filled(1) < 2)
    expect(new Set(statuses)).toEqual(new Set([200]))
    await expect.poll(async () => (await crew.ready()).status).toBe(200)
  })

  test('as soon as it has begun, again and again: the gateway ends with 1 and says why, and what is under way is answered', async () => {
    const crew = await world.start(world.yaml())
    const [one] = await crew.callers()
    let answer: () => void = () => {}
    world.upstream.answer = ({ socket }) => {
      answer = () => void socket.write(OK)
    }
    const arrival = world.upstream.nextRequest()
    const underWay = one.send({ path: '/open' })
    await arrival
    for (let i = 1; i <= 5; i++) {
      await expect.poll(() => crew.filled(2), { timeout: 30_000 }).toBe(i)
      process.kill(crew.pidOf(2), 'SIGKILL')
    }
    const line = JSON.parse(await crew.line('workers end as soon as they have begun'))
    expect(line).toMatchObject({ level: 'fatal', worker: 2, cause: 'SIGKILL' })
    await expect.poll(() => refuses(crew.port), { timeout: 20_000 }).toBe(true)
    answer()
    expect(await underWay).toMatchObject({ status: 200 })
    expect(await crew.exit).toBe(1)
  }, 60_000)
})

test('a worker that does nothing any more is ended and replaced, and others go on', async () => {
  const crew = await world.start(world.yaml())
  const [one, other] = await crew.callers()
  const [pid, otherPid] = [crew.pidOf(1), crew.pidOf(2)]
  process.kill(pid, 'SIGSTOP')
  const lost = one.send({ path: '/open' }).catch(({ code }) => code)
  expect(await other.send({ path: '/open' })).toMatchObject({ status: 200 })

  const line = JSON.parse(await crew.line('a worker answers nothing, and is ended'))
  expect(line).toMatchObject({ level: 'error', worker: 1 })
  expect(await lost).toBe('ECONNRESET')
  await expect.poll(() => crew.filled(1), { timeout: 20_000 }).toBe(2)
  expect(isAlive(pid)).toBe(false)
  await expect.poll(async () => (await crew.ready()).status).toBe(200)
  expect(await other.send({ path: '/open' })).toMatchObject({ status: 200 })
  expect(crew.pidOf(2)).toBe(otherPid)
  expect(await crew.metric('fapigw_worker_restarts_total', { worker: '1' })).toBe(1)
}, 120_000)

describe('a start that fails: exit code 1, the log says why, and no process is left', () => {
  test('for an address that is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const running = await world.run(world.yaml({ port }))
    expect(await running.exit).toBe(1)
    const { cause } = JSON.parse(await running.line('the gateway could not start'))
    expect(cause).toMatch(`EADDRINUSE`)
    taken.close()
  })
})

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('to the whole group: what is under way in all workers is answered, and the end is 0 [OPS-9, O01]', async () => {
    const crew = await world.start(world.yaml({ readyOffFor: '1s' }))
    await crew.callers()
    const { sockets, answer } = await hold(crew.port, 20)
    for (const pid of [crew.pidOf(1), crew.pidOf(2)]) process.kill(pid, signal)
    crew.child.kill(signal)
    await expect.poll(async () => (await crew.ready()).status).toBe(503)
    await expect.poll(() => refuses(crew.port), { timeout: 20_000 }).toBe(true)
    answer()
    await expectLastAnswers(sockets)
    expect(await crew.exit).toBe(0)
    expect([crew.pidOf(1), crew.pidOf(2)].map(isAlive)).toEqual([false, false])
  })
})

test('a second signal ends it at once, workers and all [O02]', async () => {
  const crew = await world.start(world.yaml({ drain: '1h' }))
  const { sockets } = await hold(crew.port, 4)
  crew.child.kill('SIGTERM')
  await expect.poll(() => refuses(crew.port), { timeout: 20_000 }).toBe(true)
  crew.child.kill('SIGTERM')
  expect(await crew.exit).toBe(1)
  for (const raw of sockets) await raw.closed
  await expect.poll(() => [1, 2].map(crew.pidOf).map(isAlive)).toEqual([false, false])
})

test('what does not end in time is cut off, and the exit code says so [O02]', async () => {
  const crew = await world.start(world.yaml({ drain: '1s' }))
  const { sockets } = await hold(crew.port, 4)
  crew.child.kill('SIGTERM')
  for (const raw of sockets) expect(await raw.rest()).toEqual([])
  expect(await crew.exit).toBe(1)
})

test('a primary that is killed: its workers answer what is under way and end, and the address is free [O03]', async () => {
  const crew = await world.start(world.yaml())
  await crew.callers()
  const { sockets, answer } = await hold(crew.port, 20)
  crew.child.kill('SIGKILL')
  await crew.line('the primary is gone')
  await expect.poll(() => refuses(crew.port), { timeout: 20_000 }).toBe(true)
  // While they still answer, another can have the address.
  await expect.poll(() => isFree(crew.port), { timeout: 20_000 }).toBe(true)
  answer()
  await expectLastAnswers(sockets)
  await expect
    .poll(() => [1, 2].map(crew.pidOf).map(isAlive), { timeout: 20_000 })
    .toEqual([false, false])
})

describe('SIGHUP', () => {
  test('a file that holds is in force in all workers, and in who takes their place [O06]', async () => {
    const crew = await world.start(world.yaml())
    const callers = await crew.callers()
    const hash = JSON.parse(await crew.line('"ready: ')).config
    const { config } = await crew.reload(world.yaml({ path: '/new' }), RELOADED)
    for (const caller of callers) {
      expect(await caller.send({ path: '/open' })).toMatchObject({ status: 404 })
      expect(await caller.send({ path: '/new' })).toMatchObject({ status: 200 })
    }
    expect(config).not.toBe(hash)
    expect(await crew.metric('fapigw_config_info', { hash: String(config) })).toBe(1)
    expect(await crew.metric('fapigw_config_info')).toBe(1)
    expect(await crew.metric('fapigw_config_reloads_total', { result: 'ok' })).toBe(1)
    process.kill(crew.pidOf(1), 'SIGKILL')
    await expect.poll(() => crew.filled(1), { timeout: 20_000 }).toBe(2)
    for (let i = 0; i < 10; i++) {
      const fresh = createCaller(world.fixture, crew)
      expect(await fresh.send({ path: '/new' })).toMatchObject({ status: 200 })
      fresh.close()
    }
  })

  test('a file that does not, or that needs a restart, changes nothing in any worker [O04]', async () => {
    const crew = await world.start(world.yaml())
    const callers = await crew.callers()
    const moved = world.yaml({ path: '/new', workers: 3 })
    expect(await crew.reload(moved, REFUSED)).toMatchObject({
      obstacles: ['workers changed: restart needed'],
    })
    await crew.reload(`${world.yaml({ path: '/new' })}rubbish: 1\n`, REFUSED)
    for (const caller of callers) {
      expect(await caller.send({ path: '/open' })).toMatchObject({ status: 200 })
    }
    expect(await crew.metric('fapigw_config_reloads_total', { result: 'failed' })).toBe(2)
    expect(await crew.metric('fapigw_config_last_reload_successful')).toBe(0)
  })

  test('an issuer whose keys cannot be had, where those in force can be used, changes nothing [O04]', async () => {
    const crew = await world.start(world.yaml())
    const callers = await crew.callers()
    const lost = world.yaml({ path: '/new' }).replace('/jwks"', '/jwks?other"')
    world.stub.answer = () => ({ status: 503 })
    const { obstacles } = await crew.reload(lost, REFUSED)
    expect(obstacles).toEqual([expect.stringContaining('no key of issuer bank')])
    for (const caller of callers) {
      expect(await caller.send({ path: '/open' })).toMatchObject({ status: 200 })
      expect(await caller.send({ fields: await world.mtlsFields() })).toMatchObject({ status: 200 })
    }
  })

  test('RFC 9449 §11.1: proofs that are accepted for longer from then on are not taken from before, by any worker', async () => {
    const windows = (age: string) => `dpop: { nonce: { mode: off }, proof_max_age: ${age} }`
    const crew = await world.start(world.yaml({ more: windows('10s') }))
    const callers = await crew.callers()
    const fields = await world.dpopFields()
    expect(await callers[0].send({ fields })).toMatchObject({ status: 200 })
    const made = Math.floor(Date.now() / 1000)
    await crew.reload(world.yaml({ more: windows('60s') }), RELOADED)
    const before = await world.dpopFields({ claims: { iat: made - 1 } })
    for (const caller of callers) {
      const answer = await caller.send({ fields: before })
      expect(JSON.parse(answer.body).error_description).toBe('dpop_proof_before_start')
    }
    // And soon again everything is taken.
    for (const caller of callers) {
      await expect
        .poll(async () => (await caller.send({ fields: await world.dpopFields() })).status, {
          timeout: 20_000,
        })
        .toBe(200)
    }
  })
})

test('limits.connections is that of all workers together', async () => {
  const crew = await world.start(
    world.yaml({ more: 'limits: { connections: 7 }\ndpop: { nonce: { mode: off } }' }),
  )
  const opened: RawSocket[] = []
  for (let i = 0; i < 60; i++) {
    const raw = await openSocket(world.fixture, crew).catch(() => undefined)
    if (raw !== undefined) opened.push(raw)
  }
  expect(opened).toHaveLength(7)
  for (const { socket } of opened) socket.destroy()
})
