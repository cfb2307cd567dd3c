import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { IntrospectionClient } from '../../src/adapter/introspection.ts'
import { DiscoveredIssuer } from '../../src/adapter/metadata.ts'
import { OutboundClient } from '../../src/adapter/outbound.ts'
import { SharedAnswers } from '../../src/adapter/shared-answers.ts'
import type { IntrospectionConfig } from '../../src/config/configuration.ts'
import { Failure } from '../../src/failure/failure.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { sumOf } from '../support/exposition.ts'
import { until } from '../support/redis-server.ts'
import {
  honest,
  type OpenStore,
  openStore,
  type ScriptedRedis,
  startScriptedRedis,
} from '../support/redis-store.ts'
import { type StubIssuer, startStubIssuer } from '../support/stub-issuer.ts'

const KEY = 'a-key-of-thirty-two-characters-1'
const OTHER_KEY = 'a-key-of-thirty-two-characters-2'
const now = () => Date.now() / 1000

let stored: Map<string, string>
let server: ScriptedRedis
const stores: OpenStore[] = []
const clients: OutboundClient[] = []

beforeEach(async () => {
  stored = new Map()
  server = await startScriptedRedis(honest(stored))
})
afterEach(async () => {
  for (const { close } of stores.splice(0)) await close()
  for (const client of clients.splice(0)) await client.close()
  await server.close()
})

/** As one instance. @param ahead Seconds by which its clock is ahead. */
async function open(ahead = 0, secrets: readonly string[] = [KEY]) {
  const opened = await openStore(server.port, { now: () => now() + ahead, isMemory: false })
  stores.push(opened)
  return { opened, answers: new SharedAnswers(opened.store, secrets) }
}

const claims = { active: true, sub: 'alice', scope: 'accounts' }
const kept = () => [...stored].filter(([key]) => key.includes('answer'))
const untilKept = (count = 1) => until(() => kept().length === count, 'it is kept')

describe('RFC 7662 §4: an answer that instances share', () => {
  test('is found by another, as old as it is, whatever its clock says', async () => {
    const [one, other] = [await open(), await open(-5)]
    one.answers.keep('bank', 'digest', { claims, age: 3 }, 15)
    await untilKept()
    const found = await other.answers.find('bank', 'digest')
    expect(found?.claims).toEqual(claims)
    expect(found?.age).toBeGreaterThanOrEqual(3)
    expect(found?.age).toBeLessThan(8)
    expect(await other.answers.find('bank', 'another')).toBeUndefined()
    expect(await other.answers.find('another', 'digest')).toBeUndefined()
  })

  test('is kept for the rest of its life and not at all after it, nor if it is very large', async () => {
    const lives: string[] = []
    const well = server.script
    server.script = (words, socket) => {
      if (words[0] === 'SET' && words[1]?.includes('answer')) lives.push(words.slice(3).join(' '))
      return well(words, socket)
    }
    const { answers } = await open()
    answers.keep('bank', 'over', { claims, age: 15 }, 15)
    answers.keep('bank', 'large', { claims: { ...claims, x: 'x'.repeat(30_000) }, age: 0 }, 15)
    answers.keep('bank', 'digest', { claims, age: 3 }, 15)
    await untilKept()
    expect(lives).toEqual(['PX 12000'])
  })

  test('is forgotten by all when one learns otherwise', async () => {
    const [one, other] = [await open(), await open()]
    one.answers.keep('bank', 'digest', { claims, age: 0 }, 15)
    await untilKept()
    other.answers.forget('bank', 'digest')
    await untilKept(0)
    expect(await one.answers.find('bank', 'digest')).toBeUndefined()
  })

  test('is not to be read, looked for or made by whoever has the store', async () => {
    const { answers } = await open()
    const stranger = await open(0, [OTHER_KEY])
    answers.keep('bank', 'one', { claims, age: 0 }, 15)
    await untilKept()
    answers.keep('bank', 'two', { claims: { ...claims, sub: 'mallory' }, age: 0 }, 15)
    await untilKept(2)
    const [[name, value], [otherName, otherValue]] = kept() as [[string, string], [string, string]]
    expect([name, value, otherName].join()).not.toMatch(/alice|accounts|bank|one/)
    expect(Buffer.from(value, 'base64url').toString('latin1')).not.toContain('alice')
    expect(await stranger.answers.find('bank', 'one')).toBeUndefined()

    // In each other's place; changed; cut off; nothing.
    const last = value.endsWith('A') ? 'B' : 'A'
    for (const forged of [
      otherValue,
      value.slice(0, -3) + last.repeat(3),
      value.slice(8),
      '',
      'x',
    ]) {
      stored.set(name, forged)
      expect(await answers.find('bank', 'one')).toBeUndefined()
    }
    stored.set(name, value)
    expect(await answers.find('bank', 'one')).toMatchObject({ claims })
  })

  test('is not taken any more when the server may be another: its clock is', async () => {
    const { answers, opened } = await open()
    answers.keep('bank', 'digest', { claims, age: 0 }, 15)
    await untilKept()
    const { epoch } = opened.store
    for (const key of stored.keys()) if (key.includes('epoch')) stored.delete(key)
    await until(() => opened.store.epoch !== epoch && opened.store.isUp, 'it is noticed')
    expect(await answers.find('bank', 'digest')).toBeUndefined()
  })

  test('is read with each key while one takes the place of another', async () => {
    const [old, both, done] = [
      await open(0, [KEY]),
      await open(0, [OTHER_KEY, KEY]),
      await open(0, [OTHER_KEY]),
    ]
    old.answers.keep('bank', 'old', { claims, age: 0 }, 15)
    await untilKept()
    both.answers.keep('bank', 'new', { claims, age: 0 }, 15)
    await untilKept(2)
    expect(await both.answers.find('bank', 'old')).toMatchObject({ claims })
    expect(await both.answers.find('bank', 'new')).toMatchObject({ claims })
    expect(await done.answers.find('bank', 'new')).toMatchObject({ claims })
    expect(await done.answers.find('bank', 'old')).toBeUndefined()
    both.answers.forget('bank', 'old')
    await untilKept(1)
  })
})

describe('introspection by two instances', () => {
  let stub: StubIssuer
  let said: () => unknown
  beforeAll(async () => {
    stub = await startStubIssuer(() => ({ body: said() }))
    return () => stub.close()
  })
  beforeEach(() => {
    said = () => ({
      active: true,
      aud: 'https://api.bank.example',
      exp: Math.floor(now()) + 300,
      sub: 'alice',
    })
  })

  async function instance(more: Partial<IntrospectionConfig> = {}, issuer = stub.config()) {
    const { answers } = await open()
    const client = new OutboundClient(stub.tls, 5)
    clients.push(client)
    const metrics = createMetrics()
    const source = new IntrospectionClient({
      issuer,
      config: {
        response: 'json',
        endpoint: `${stub.origin}/introspect`,
        authentication: { method: 'client_secret_post', clientId: 'g', clientSecret: 's' },
        tls: stub.tls,
        ttl: 15,
        negativeTtl: 5,
        cache: { entries: 100, bytes: 1_000_000 },
        connections: 32,
        shared: true,
        timeout: 5,
        breaker: { failures: 5, window: 10, halfOpenAfter: 5 },
        ...more,
      },
      client,
      discovery: new DiscoveredIssuer(stub.origin, client),
      answers,
      metrics,
      logger: createLogger('silent'),
      now,
      clock: () => performance.now() / 1000,
    })
    return {
      async ask(token = 'token', maxAge?: number) {
        const verdict = await source.introspect(token, `digest of ${token}`, now(), maxAge)
        return verdict instanceof Failure ? verdict.reason : verdict.subject
      },
      looked: async (result: string) =>
        sumOf(await metrics.expose(), 'fapigw_introspection_cache_total', { result }) ?? 0,
      forget: () => source.forget(),
    }
  }
  const calls = () => stub.requests.length

  test('asks the issuer once', async () => {
    const [one, other] = [await instance(), await instance()]
    const before = calls()
    expect(await one.ask()).toBe('alice')
    await untilKept()
    expect(await other.ask()).toBe('alice')
    expect(await other.ask()).toBe('alice')
    expect(calls()).toBe(before + 1)
    expect([await one.looked('miss'), await other.looked('miss')]).toEqual([1, 0])
    expect([await other.looked('shared_hit'), await other.looked('hit')]).toEqual([1, 1])
  })

  test('FAPI 2.0 SP §5.3.4-3: uses no answer that is older than a revocation may go unseen [F2-RS-3]', async () => {
    const [one, other] = [await instance(), await instance()]
    await one.ask()
    await untilKept()
    said = () => ({ active: false })
    expect(await other.ask('token', 0.001)).toBe('token_inactive')
    // And what it learned holds for all.
    await untilKept(0)
    expect(await (await instance()).ask()).toBe('token_inactive')
  })

  test('asks for itself when it is another client, or wants signed answers', async () => {
    await (await instance()).ask()
    await untilKept()
    const before = calls()
    const authentication = {
      method: 'client_secret_post',
      clientId: 'h',
      clientSecret: 's',
    } as const
    await (await instance({ authentication })).ask()
    await (await instance({ response: 'jwt' })).ask()
    expect(calls()).toBe(before + 2)
  })

  test('judges what it finds by its own rules', async () => {
    await (await instance()).ask()
    await untilKept()
    const before = calls()
    const issuer = stub.config({ audiences: ['https://other.bank.example'] })
    expect(await (await instance({}, issuer)).ask()).toBe('token_audience_mismatch')
    expect(calls()).toBe(before + 1)
  })

  test('uses nothing from before a key of the issuer was withdrawn', async () => {
    const [one, other] = [await instance(), await instance()]
    await one.ask()
    await untilKept()
    const before = calls()
    other.forget()
    await other.ask()
    expect(calls()).toBe(before + 1)
  })

  test('asks the issuer where the store is away: nothing is refused for that', async () => {
    const one = await instance()
    await server.close()
    await until(() => stores.every(({ store }) => !store.isUp), 'it is noticed')
    const before = calls()
    expect(await one.ask()).toBe('alice')
    expect(calls()).toBe(before + 1)
    server = await startScriptedRedis(honest())
  })

  test('of many at once, one asks', async () => {
    const one = await instance()
    const before = calls()
    const all = await Promise.all(Array.from({ length: 20 }, () => one.ask('token', 10)))
    expect(new Set(all)).toEqual(new Set(['alice']))
    expect(calls()).toBe(before + 1)
    expect(await one.looked('coalesced')).toBe(19)
  })
})
