import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createCaller, type RawAnswer } from '../support/caller.ts'
import { type CrewWorld, startCrewWorld } from '../support/crew.ts'
import { REDIS_IS_INSTALLED, startRedis } from '../support/redis-server.ts'

let world: CrewWorld

beforeAll(async () => {
  world = await startCrewWorld()
})
afterEach(() => world.stop())
afterAll(() => world.close())

const reasonOf = ({ body }: RawAnswer): string => JSON.parse(body).error_description

describe('RFC 9449 §11.1: workers have one memory of used proofs', () => {
  test('of 400 copies of one proof over 100 connections with two workers, one is served [R12, D13]', async () => {
    const crew = await world.start(world.yaml())
    const callers = Array.from({ length: 100 }, () => createCaller(world.fixture, crew))
    const count = (answers: readonly RawAnswer[], status: number) =>
      answers.filter((answer) => answer.status === status).length
    const served: RawAnswer[] = []
    for (;;) {
      const fields = await world.dpopFields()
      const before = world.upstream.requests.length
      const copies = callers.flatMap((caller) =>
        Array.from({ length: 4 }, () => caller.send({ fields })),
      )
      const answers = await Promise.all(copies)
      served.push(...answers)
      expect(count(answers, 200)).toBeLessThanOrEqual(1)
      expect(world.upstream.requests).toHaveLength(before + count(answers, 200))
      const others = answers.filter(({ status }) => status !== 200)
      const late = others.filter((answer) => reasonOf(answer) === 'replay_store_unavailable')
      expect(count(others, 401) + late.length).toBe(others.length)
      // A machine that is too busy to answer in time refuses what it cannot know: once more, then.
      if (late.length > 0) continue
      expect([count(answers, 200), count(answers, 401)]).toEqual([1, 399])
      expect(new Set(others.map(reasonOf))).toEqual(new Set(['dpop_replayed']))
      break
    }
    for (const caller of callers) caller.close()
    const asked = await Promise.all(
      served.map((answer) => crew.workerOf(answer.lines('x-fapi-interaction-id')[0]!)),
    )
    expect(new Set(asked)).toEqual(new Set([1, 2]))
    const refused = count(served, 401)
    await expect.poll(() => crew.metric('fapigw_replay_detected_total')).toBe(refused)
  })

  test('what one served, the other refuses; and so does who takes the place of one that was killed [R12]', async () => {
    const crew = await world.start(world.yaml())
    const [one, other] = await crew.callers()
    const fields = await world.dpopFields()
    expect(await one.send({ fields })).toMatchObject({ status: 200 })
    expect(await other.send({ fields })).toMatchObject({ status: 401 })

    process.kill(crew.pidOf(1), 'SIGKILL')
    await expect.poll(() => crew.filled(1), { timeout: 20_000 }).toBe(2)
    const [again] = await crew.callers()
    expect(reasonOf(await again.send({ fields }))).toBe('dpop_replayed')
    // Nothing was forgotten, so a proof made before it began is not refused for that.
    const earlier = await world.dpopFields({ claims: { iat: Math.floor(Date.now() / 1000) - 2 } })
    expect(await again.send({ fields: earlier })).toMatchObject({ status: 200 })
  })

  test('RFC 9449 §8: a nonce of one is good with the other', async () => {
    const crew = await world.start(world.yaml({ more: 'dpop: { nonce: { mode: required } }' }))
    const [one, other] = await crew.callers()
    const challenged = await one.send({ fields: await world.dpopFields() })
    expect(reasonOf(challenged)).toBe('dpop_nonce_required')
    const [nonce] = challenged.lines('dpop-nonce')
    const fields = await world.dpopFields({ nonce: nonce! })
    expect(await other.send({ fields })).toMatchObject({ status: 200 })
  })
})

describe('a primary that does not answer', () => {
  test('RFC 9449 §11.1: proofs are answered 503, everything else is served, and then all is as before [R12, OPS-6]', async () => {
    const crew = await world.start(world.yaml())
    const callers = await crew.callers()
    // Keys and tokens are at hand in both.
    for (const caller of callers) {
      expect(await caller.send({ fields: await world.dpopFields() })).toMatchObject({ status: 200 })
    }
    crew.child.kill('SIGSTOP')
    const used: string[][] = []
    for (const caller of callers) {
      const fields = await world.dpopFields()
      used.push(fields)
      const answer = await caller.send({ fields })
      expect(answer).toMatchObject({ status: 503 })
      expect(reasonOf(answer)).toBe('replay_store_unavailable')
    }
    for (let i = 0; i < 10; i++) {
      const fresh = createCaller(world.fixture, crew, world.fixture.certificates.mtls)
      const fields = await world.mtlsFields()
      expect(await fresh.send({ fields })).toMatchObject({ status: 200 })
      expect(await fresh.send({ path: '/open' })).toMatchObject({ status: 200 })
      fresh.close()
    }
    crew.child.kill('SIGCONT')
    for (const caller of callers) {
      const status = async () => (await caller.send({ fields: await world.dpopFields() })).status
      await expect.poll(status, { timeout: 20_000 }).toBe(200)
    }
    // What it had not answered in time it has noted: those proofs are used.
    for (const fields of used) {
      expect(await callers[0].send({ fields })).toMatchObject({ status: 401 })
    }
  })
})

describe.skipIf(!REDIS_IS_INSTALLED)(
  `with a store that instances share${REDIS_IS_INSTALLED ? '' : ' (skipped: redis-server is not installed)'}`,
  () => {
    test('RFC 9449 §11.1: every worker asks it itself, whatever the primary does [R12]', async () => {
      const redis = await startRedis()
      try {
        const more = `stores: { redis: { url: "redis://127.0.0.1:${redis.port}", timeout: 500ms } }
dpop: { nonce: { mode: off, secret: a-secret-that-both-instances-have }, replay: { store: redis } }`
        const crew = await world.start(world.yaml({ more }))
        const callers = await crew.callers()
        expect((await crew.ready()).lines).toContain('[+] store redis')
        // What was made before the store was first reached may have been used.
        for (const caller of callers) {
          const status = async () =>
            (await caller.send({ fields: await world.dpopFields() })).status
          await expect.poll(status, { timeout: 20_000 }).toBe(200)
        }
        crew.child.kill('SIGSTOP')
        const fields = await world.dpopFields()
        expect(await callers[0].send({ fields })).toMatchObject({ status: 200 })
        expect(reasonOf(await callers[1].send({ fields }))).toBe('dpop_replayed')
        crew.child.kill('SIGCONT')
        expect(await crew.metric('fapigw_store_up', { store: 'redis' })).toBe(1)
      } finally {
        await world.stop()
        await redis.stop()
      }
    })
  },
)
