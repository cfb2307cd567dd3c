import { once } from 'node:events'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCaller, type RawAnswer } from '../support/caller.ts'
import { type Crew, type CrewWorld, startCrewWorld } from '../support/crew.ts'
import { parseExposition } from '../support/exposition.ts'
import { HOST } from '../support/fixture.ts'
import { createMint, namedSigningKeys } from '../support/minting.ts'

let world: CrewWorld

beforeAll(async () => {
  world = await startCrewWorld()
})
beforeEach(() => {
  world.published = world.signing
})
afterEach(() => world.stop())
afterAll(() => world.close())

const statusOf = ({ status }: RawAnswer) => status

describe('RFC 7517 §5: the keys of an issuer are fetched once for all workers', () => {
  test('at the start, and for a name that nobody knows, however many ask [R12]', async () => {
    const before = world.fetches()
    const crew = await world.start(world.yaml({ workers: 4, cooldown: '1s' }))
    expect(world.fetches()).toBe(before + 1)
    expect(await crew.metric('fapigw_jwks_refresh_total', { result: 'ok' })).toBe(1)
    expect(await crew.metric('fapigw_jwks_keys')).toBe(2)

    // The cool-down counts from the fetch at the start: once it is over, there is one more, and no other.
    const unknown = await world.mint({}, { kid: 'unknown' })
    const fields = ['Authorization', `Bearer ${unknown}`]
    const callers = Array.from({ length: 40 }, () => createCaller(world.fixture, crew))
    await expect
      .poll(
        async () => {
          const answers = await Promise.all(callers.map((caller) => caller.send({ fields })))
          expect(new Set(answers.map(statusOf))).toEqual(new Set([401]))
          return world.fetches()
        },
        { timeout: 20_000 },
      )
      .toBe(before + 2)
    for (const caller of callers) caller.close()
  })

  test('a worker that takes the place of another costs the issuer nothing', async () => {
    const crew = await world.start(world.yaml({ cooldown: '1s' }))
    const before = world.fetches()
    process.kill(crew.pidOf(2), 'SIGKILL')
    await expect.poll(() => crew.filled(2), { timeout: 20_000 }).toBe(2)
    const [, again] = await crew.callers()
    expect(await again.send({ fields: await world.mtlsFields() })).toMatchObject({ status: 200 })
    expect(world.fetches()).toBe(before)
  })

  test('RFC 8725 §3.10: a new key that one asked for is known to the other, and one withdrawn to neither [JWT-13]', async () => {
    const crew = await world.start(world.yaml({ cooldown: '1s' }))
    const [one, other] = await crew.callers()
    const former = await world.mtlsFields()
    for (const caller of [one, other]) {
      expect(await caller.send({ fields: former })).toMatchObject({ status: 200 })
    }
    const next = await namedSigningKeys('next')
    world.published = next
    const cnf = { 'x5t#S256': world.fixture.certificates.mtls.thumbprint }
    const fields = ['Authorization', `Bearer ${await createMint(next, world.stub.origin)({ cnf })}`]
    await expect
      .poll(async () => (await one.send({ fields })).status, { timeout: 20_000 })
      .toBe(200)
    const fetches = world.fetches()
    // It may have come to the other a moment later than the answer to us.
    await expect.poll(async () => (await other.send({ fields })).status).toBe(200)
    for (const caller of [one, other]) {
      expect(await caller.send({ fields: former })).toMatchObject({ status: 401 })
    }
    expect(world.fetches()).toBeLessThanOrEqual(fetches + 1)
  })
})

describe('one scrape is of all workers', () => {
  const answered = (crew: Crew) =>
    crew.metric('fapigw_http_requests_total', { route: 'open', code: '200' })

  test('and its sums are exact [OPS-3]', async () => {
    const crew = await world.start(world.yaml())
    const [one, other] = await crew.callers()
    const before = (await answered(crew))!
    for (let i = 0; i < 7; i++) await one.send({ path: '/open' })
    for (let i = 0; i < 5; i++) await other.send({ path: '/open' })
    await one.send({ path: '/none' })
    // An answer is counted a moment after it was sent.
    await expect.poll(() => answered(crew)).toBe(before + 12)
    expect(await crew.metric('fapigw_http_requests_total', { code: '404' })).toBe(1)
    expect(await crew.metric('fapigw_http_request_duration_seconds_count', { route: 'open' })).toBe(
      before + 12,
    )
    expect(await crew.metric('fapigw_http_requests_in_flight')).toBe(0)
    expect(await crew.metric('fapigw_config_info')).toBe(1)
    expect(await crew.metric('fapigw_build_info')).toBe(1)
    expect(await crew.metric('fapigw_workers', { state: 'serving' })).toBe(2)

    const samples = parseExposition(await (await fetch(`${crew.admin}/metrics`)).text())
    const series = samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`)
    expect(series).toEqual([...new Set(series)])
  })

  test('what a worker counted stays when it is killed, and is not counted twice [OPS-3]', async () => {
    const crew = await world.start(world.yaml())
    const [one, other] = await crew.callers()
    const before = (await answered(crew))!
    for (let i = 0; i < 5; i++) await one.send({ path: '/open' })
    for (let i = 0; i < 3; i++) await other.send({ path: '/open' })
    await expect.poll(() => answered(crew)).toBe(before + 8)
    process.kill(crew.pidOf(1), 'SIGKILL')
    const seen: number[] = []
    await expect
      .poll(
        async () => {
          seen.push((await answered(crew))!)
          return crew.filled(1)
        },
        { timeout: 20_000 },
      )
      .toBe(2)
    expect(new Set(seen)).toEqual(new Set([before + 8]))
    await other.send({ path: '/open' })
    await expect.poll(() => answered(crew)).toBe(before + 9)
    expect(await crew.metric('fapigw_worker_restarts_total', { worker: '1' })).toBe(1)
    expect(await crew.metric('fapigw_worker_restarts_total', { worker: '2' })).toBe(0)
  })

  test('a worker that does not answer is named, and counts with what it said last', async () => {
    const crew = await world.start(world.yaml())
    const [one] = await crew.callers()
    await one.send({ path: '/open' })
    const before = await answered(crew)
    const pid = crew.pidOf(1)
    process.kill(pid, 'SIGSTOP')
    try {
      expect(await answered(crew)).toBe(before)
      expect(await crew.metric('fapigw_worker_answered', { worker: '1' })).toBe(0)
      expect(await crew.metric('fapigw_worker_answered', { worker: '2' })).toBe(1)
      const { status, lines } = await crew.ready()
      expect(status).toBe(503)
      expect(lines).toContain('[-] worker 1')
      expect(lines).toContain('[+] worker 2')
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await expect.poll(async () => (await crew.ready()).status).toBe(200)
    expect(await crew.metric('fapigw_worker_answered', { worker: '1' })).toBe(1)
  })
})

describe('RFC 9325 §3.4: session tickets', () => {
  /** Connects until a worker of this number answers. */
  async function make(crew: Crew, worker: number, options: ConnectionOptions = {}) {
    for (;;) {
      const { authority } = world.fixture
      const to = { host: '127.0.0.1', port: crew.port, servername: HOST, ca: authority.certificate }
      const socket = connect({ ...to, maxVersion: 'TLSv1.2', ...options })
      let session: Buffer | undefined
      socket.on('session', (one) => {
        session = one
      })
      await once(socket, 'secureConnect')
      const isResumed = socket.isSessionReused()
      let said = ''
      socket.on('data', (chunk) => {
        said += chunk
      })
      socket.write(`GET /open HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
      await once(socket, 'close')
      const id = /x-fapi-interaction-id: (\S+)/i.exec(said)?.[1]
      if ((await crew.workerOf(id!)) === worker) return { isResumed, session }
    }
  }

  test('one of one worker is good with the other, and with who takes its place [TLS-9]', async () => {
    const crew = await world.start(world.yaml())
    const { session } = await make(crew, 1)
    expect(await make(crew, 2, { session: session! })).toMatchObject({ isResumed: true })
    process.kill(crew.pidOf(2), 'SIGKILL')
    await expect.poll(() => crew.filled(2), { timeout: 20_000 }).toBe(2)
    expect(await make(crew, 2, { session: session! })).toMatchObject({ isResumed: true })
  })

  test('none outlives a change of the configuration, in any worker, nor in who takes its place [TLS-9, TLS-19]', async () => {
    const crew = await world.start(world.yaml())
    const { session } = await make(crew, 1)
    await crew.reload(world.yaml({ path: '/open' }), 'configuration reloaded')
    process.kill(crew.pidOf(2), 'SIGKILL')
    await expect.poll(() => crew.filled(2), { timeout: 20_000 }).toBe(2)
    for (const worker of [1, 2]) {
      expect(await make(crew, worker, { session: session! })).toMatchObject({ isResumed: false })
    }
    const next = await make(crew, 1)
    expect(await make(crew, 2, { session: next.session! })).toMatchObject({ isResumed: true })
  })
})
