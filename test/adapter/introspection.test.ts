import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { IntrospectionClient } from '../../src/adapter/introspection.ts'
import { DiscoveredIssuer } from '../../src/adapter/metadata.ts'
import { OutboundClient } from '../../src/adapter/outbound.ts'
import type { ClientAuthentication, IntrospectionConfig } from '../../src/config/configuration.ts'
import { Failure } from '../../src/failure/failure.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { sumOf } from '../support/exposition.ts'
import type { Answering } from '../support/stub.ts'
import { type StubIssuer, startStubIssuer } from '../support/stub-issuer.ts'

const NOW = 1_700_000_000
const SECRET: ClientAuthentication = {
  method: 'client_secret_post',
  clientId: 'gateway',
  clientSecret: 'secret',
}

let stub: StubIssuer
let client: OutboundClient
let metrics: Metrics
/** Seconds since the epoch. */
let now: number
/** Seconds of the other clock. */
let time: number
let lines: string[]
/** What is said of the token of a call. */
let said: (token: string) => unknown

const active = (more: object = {}) => ({
  active: true,
  aud: 'https://api.bank.example',
  exp: NOW + 300,
  ...more,
})

/** Metadata, and an endpoint that says what it is told to. */
const answer: Answering = ({ url, body }) => {
  if (url.startsWith('/.well-known/')) {
    return {
      body: {
        issuer: stub.origin,
        introspection_endpoint: `${stub.origin}/introspect`,
        mtls_endpoint_aliases: { introspection_endpoint: `${stub.origin}/mtls/introspect` },
      },
    }
  }
  return { body: said(new URLSearchParams(body).get('token') ?? '') }
}

beforeAll(async () => {
  stub = await startStubIssuer(answer)
})

beforeEach(() => {
  stub.answer = answer
  client = new OutboundClient(stub.tls, 5)
  metrics = createMetrics()
  now = NOW
  time = 0
  lines = []
  said = () => active()
})

afterEach(() => client.close())

afterAll(() => stub.close())

function open(more: Partial<IntrospectionConfig> = {}, discoverer = client): IntrospectionClient {
  const config: IntrospectionConfig = {
    response: 'json',
    endpoint: `${stub.origin}/introspect`,
    authentication: SECRET,
    tls: stub.tls,
    ttl: 15,
    negativeTtl: 5,
    cache: { entries: 100, bytes: 1_000_000 },
    shared: false,
    timeout: 5,
    connections: 32,
    breaker: { failures: 5, window: 10, halfOpenAfter: 5 },
    ...more,
  }
  return new IntrospectionClient({
    issuer: stub.config(),
    config,
    client,
    discovery: new DiscoveredIssuer(stub.origin, discoverer),
    metrics,
    logger: createLogger('warn', { write: (line) => void lines.push(line) }),
    now: () => now,
    clock: () => time,
  })
}

/** `active`, or why the token is not accepted. */
async function ask(source: IntrospectionClient, token: string): Promise<string> {
  const verdict = await source.introspect(token, `digest of ${token}`, now)
  return verdict instanceof Failure ? verdict.reason : 'active'
}

const calls = () => stub.requests.filter(({ url }) => url.endsWith('/introspect')).length

const looked = async (result: string) =>
  sumOf(await metrics.expose(), 'fapigw_introspection_cache_total', { issuer: 'stub', result }) ?? 0

const answered = async (result: string) =>
  sumOf(await metrics.expose(), 'fapigw_introspection_requests_total', {
    issuer: 'stub',
    result,
  }) ?? 0

describe('RFC 7662 §4: an answer is kept [INT-4]', () => {
  test('for its time, and no longer', async () => {
    const source = open()
    const before = calls()
    expect(await ask(source, 'a')).toBe('active')
    now += 14.9
    expect(await ask(source, 'a')).toBe('active')
    expect(calls()).toBe(before + 1)
    now += 0.1
    expect(await ask(source, 'a')).toBe('active')
    expect(calls()).toBe(before + 2)
    expect([await looked('miss'), await looked('hit')]).toEqual([2, 1])
  })

  test('FAPI 2.0 SP §5.3.4-3: and used no longer than a route lets a revocation go unseen [F2-RS-3]', async () => {
    const source = open({ ttl: 60 })
    const before = calls()
    const within = (maxAge: number) => source.introspect('a', 'digest of a', now, maxAge)
    await within(10)
    now += 9.9
    expect(within(10)).not.toBeInstanceOf(Promise)
    now += 0.1
    said = () => ({ active: false })
    // Another route may be content with what is known.
    expect(source.introspect('a', 'digest of a', now)).not.toBeInstanceOf(Failure)
    expect(await within(10)).toMatchObject({ reason: 'token_inactive' })
    expect(await within(0)).toMatchObject({ reason: 'token_inactive' })
    expect(calls()).toBe(before + 2)
  })

  test('FAPI 2.0 SP §5.3.4-3: an answer that is under way is joined no later than that [F2-RS-3]', async () => {
    const releases: (() => void)[] = []
    stub.answer = async (request, response) => {
      const decided = said('a')
      await new Promise<void>((resolve) => releases.push(resolve))
      await answer(request, response)
      return { body: decided }
    }
    const source = open()
    const within = (maxAge: number | undefined) =>
      Promise.resolve(source.introspect('a', 'digest of a', now, maxAge))
    const first = within(0)
    await expect.poll(() => releases.length).toBe(1)
    said = () => ({ active: false })
    now += 1.5
    const joined = [within(undefined), within(1.6)]
    const anew = within(1.5)
    await expect.poll(() => releases.length).toBe(2)
    releases[1]!()
    expect(await anew).toMatchObject({ reason: 'token_inactive' })
    releases[0]!()
    for (const one of [first, ...joined]) expect(await one).not.toBeInstanceOf(Failure)
    // What was decided earlier does not take the place of what was decided later.
    expect(source.introspect('a', 'digest of a', now)).toMatchObject({ reason: 'token_inactive' })
  })

  test('FAPI 2.0 SP §5.3.4-3: and is asked for anew by each of those who come at once, where no delay is allowed [F2-RS-3]', async () => {
    const source = open()
    const before = calls()
    await Promise.all([1, 2, 3].map(() => source.introspect('a', 'digest of a', now, 0)))
    expect(calls()).toBe(before + 3)
  })

  test('for its time from when it was asked for, not from when it came', async () => {
    said = () => {
      now += 10
      return active()
    }
    const source = open()
    const before = calls()
    await ask(source, 'a')
    now += 4.9
    expect(source.introspect('a', 'digest of a', now)).not.toBeInstanceOf(Promise)
    now += 0.1
    await ask(source, 'a')
    expect(calls()).toBe(before + 2)
  })

  test('for its time by the clock that never jumps, if the other is set back in little steps [OPS-6]', async () => {
    const source = open({ ttl: 60 })
    const within = (maxAge?: number) => source.introspect('a', 'digest of a', now, maxAge)
    await within()
    said = () => ({ active: false })
    time += 10
    expect(within()).not.toBeInstanceOf(Promise)
    expect(await within(10)).toMatchObject({ reason: 'token_inactive' })

    said = () => active()
    const other = open({ ttl: 60 })
    await ask(other, 'a')
    said = () => ({ active: false })
    time += 60
    expect(await ask(other, 'a')).toBe('token_inactive')
  })

  test('and not for as long as a clock goes back: that would hide a revocation [OPS-6]', async () => {
    const source = open()
    const before = calls()
    expect(await ask(source, 'a')).toBe('active')
    said = () => ({ active: false })
    now -= 3600
    expect(await ask(source, 'a')).toBe('token_inactive')
    expect(calls()).toBe(before + 2)
  })

  test('without a promise', async () => {
    const source = open()
    await ask(source, 'a')
    expect(source.introspect('a', 'digest of a', now)).not.toBeInstanceOf(Promise)
  })

  test('not beyond the end of the token', async () => {
    said = () => active({ exp: NOW + 3 })
    const source = open()
    const before = calls()
    await ask(source, 'a')
    now += 2.9
    await ask(source, 'a')
    expect(calls()).toBe(before + 1)
    now += 0.1
    await ask(source, 'a')
    expect(calls()).toBe(before + 2)
  })

  test('for less, where the token is not active [HOLE-5]', async () => {
    said = () => ({ active: false })
    const source = open()
    const before = calls()
    expect(await ask(source, 'a')).toBe('token_inactive')
    now += 4.9
    expect(await ask(source, 'a')).toBe('token_inactive')
    expect(calls()).toBe(before + 1)
    now += 0.1
    said = () => active()
    expect(await ask(source, 'a')).toBe('active')
    expect([await looked('miss'), await looked('negative_hit')]).toEqual([2, 1])
  })

  test('not at all, where its time is zero', async () => {
    const source = open({ ttl: 0, negativeTtl: 0 })
    const before = calls()
    await ask(source, 'a')
    await ask(source, 'a')
    said = () => ({ active: false })
    await ask(source, 'b')
    await ask(source, 'b')
    expect(calls()).toBe(before + 4)
  })

  test('under the token that it is about', async () => {
    said = (token) => (token === 'good' ? active() : { active: false })
    const source = open()
    for (let i = 0; i < 2; i++) {
      expect(await ask(source, 'good')).toBe('active')
      expect(await ask(source, 'bad')).toBe('token_inactive')
    }
  })

  test('with no more than so many others', async () => {
    const source = open({ cache: { entries: 2, bytes: 1_000_000 } })
    const before = calls()
    for (const token of ['a', 'b', 'c', 'a']) await ask(source, token)
    expect(calls()).toBe(before + 4)
  })
})

describe('RFC 7662 §4: tokens that are refused [INT-4]', () => {
  test('do not push out those that are accepted, however many there are', async () => {
    said = (token) => (token === 'good' ? active() : { active: false })
    const source = open({ cache: { entries: 2, bytes: 1_000_000 } })
    expect(await ask(source, 'good')).toBe('active')
    for (let i = 0; i < 20; i++) expect(await ask(source, `bad-${i}`)).toBe('token_inactive')
    const before = calls()
    expect(await ask(source, 'good')).toBe('active')
    expect(calls()).toBe(before)
  })

  test('were perhaps good before: that is over, and does not come back', async () => {
    const source = open({ ttl: 15, negativeTtl: 60 })
    expect(await ask(source, 'a')).toBe('active')
    said = () => ({ active: false })
    now += 15
    expect(await ask(source, 'a')).toBe('token_inactive')
    const before = calls()
    // Neither later, nor by a clock that goes back to when it was good: then it is asked about anew.
    for (const at of [NOW + 20, NOW + 5]) {
      now = at
      expect(await ask(source, 'a')).toBe('token_inactive')
    }
    expect(calls()).toBe(before + 1)
  })

  test('were perhaps good before: that is over, though it is not remembered that they are refused', async () => {
    const source = open({ negativeTtl: 0 })
    expect(await ask(source, 'a')).toBe('active')
    said = () => ({ active: false })
    now += 2
    const verdict = await source.introspect('a', 'digest of a', now, 1)
    expect(verdict).toMatchObject({ reason: 'token_inactive' })
    expect(await ask(source, 'a')).toBe('token_inactive')
  })

  test('are good later, if they are: what was refused does not stand in front of that', async () => {
    said = () => ({ active: false })
    const source = open({ ttl: 15, negativeTtl: 5 })
    expect(await ask(source, 'a')).toBe('token_inactive')
    said = () => active()
    now += 5
    expect(await ask(source, 'a')).toBe('active')
    const before = calls()
    expect(await ask(source, 'a')).toBe('active')
    expect(calls()).toBe(before)
  })
})

describe('tokens that are asked about at the same time', () => {
  test('are asked about once each [INT-4, I12]', async () => {
    const source = open()
    const before = calls()
    const tokens = Array.from({ length: 300 }, (_, i) => `token-${i % 3}`)
    const verdicts = await Promise.all(tokens.map((token) => ask(source, token)))
    expect(new Set(verdicts)).toEqual(new Set(['active']))
    expect(calls()).toBe(before + 3)
    expect([await looked('miss'), await looked('coalesced')]).toEqual([3, 297])
  })

  test('and about no more than there are connections: who comes then is not kept waiting [I09]', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    stub.answer = async (request, response) => {
      await held
      return answer(request, response)
    }
    const source = open()
    const asked = Array.from({ length: 32 }, (_, i) => ask(source, `token-${i}`))
    expect(source.introspect('more', 'digest of more', now)).toMatchObject({
      error: 'temporarily_unavailable',
      reason: 'introspection_busy',
    })
    const joined = ask(source, 'token-0')
    release()
    expect(new Set(await Promise.all([...asked, joined]))).toEqual(new Set(['active']))
    expect(await ask(source, 'more')).toBe('active')
  })

  test('as many as the configuration allows, and no more', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    stub.answer = async (request, response) => {
      await held
      return answer(request, response)
    }
    await client.close()
    client = new OutboundClient(stub.tls, 5, { connections: 40 })
    const source = open({ connections: 40 })
    const before = calls()
    const asked = Array.from({ length: 40 }, (_, i) => ask(source, `token-${i}`))
    expect(await ask(source, 'more')).toBe('introspection_busy')
    // Each has its connection: none waits for another's answer.
    await expect.poll(() => calls() - before).toBe(40)
    release()
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['active']))
  })

  test('and a burst of made-up ones at a slow endpoint opens no circuit for the honest [I09, I19]', async () => {
    stub.answer = async (request, response) => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      return answer(request, response)
    }
    said = (token) => (token === 'good' ? active() : { active: false })
    await client.close()
    client = new OutboundClient(stub.tls, 2)
    const source = open()
    const burst = await Promise.all(Array.from({ length: 256 }, (_, i) => ask(source, `bad-${i}`)))
    expect(new Set(burst)).toEqual(new Set(['token_inactive', 'introspection_busy']))
    expect(burst.filter((one) => one === 'token_inactive')).toHaveLength(32)
    expect(await ask(source, 'good')).toBe('active')
  })

  test('are told the same, if there was no answer; and whoever comes later asks anew', async () => {
    stub.answer = () => ({ status: 500 })
    const source = open()
    const verdicts = await Promise.all([ask(source, 'a'), ask(source, 'a')])
    expect(verdicts).toEqual(['introspection_unavailable', 'introspection_unavailable'])
    stub.answer = answer
    expect(await ask(source, 'a')).toBe('active')
  })
})

describe('RFC 8414 §2: the endpoint is found by discovery', () => {
  test('once, for all tokens', async () => {
    const source = open({ endpoint: undefined })
    const before = stub.requests.length
    await ask(source, 'a')
    await ask(source, 'b')
    expect(stub.requests.slice(before).map(({ url }) => url)).toEqual([
      '/.well-known/oauth-authorization-server',
      '/introspect',
      '/introspect',
    ])
  })

  test('RFC 8705 §5: at the alias, by whoever authenticates with a certificate [F2-NET-6]', async () => {
    const authentication = { method: 'tls_client_auth', clientId: 'gateway' } as const
    await ask(open({ endpoint: undefined, authentication }), 'a')
    expect(stub.requests.at(-1)?.url).toBe('/mtls/introspect')
  })

  test('again, if it was not found before', async () => {
    const source = open({ endpoint: undefined })
    stub.answer = () => ({ status: 503 })
    expect(await ask(source, 'a')).toBe('introspection_unavailable')
    stub.answer = () => ({ body: { issuer: stub.origin } })
    expect(await ask(source, 'a')).toBe('introspection_unavailable')
    stub.answer = answer
    expect(await ask(source, 'a')).toBe('active')
  })
})

describe('the time of a verdict', () => {
  /** Nobody answers under these paths. */
  const silent =
    (...paths: string[]): Answering =>
    (request, response) =>
      paths.some((path) => request.url.startsWith(path)) ? 'unanswered' : answer(request, response)

  beforeEach(async () => {
    await client.close()
    client = new OutboundClient(stub.tls, 0.3)
  })

  test('is that of introspection, discovery included, however long that may take by itself', async () => {
    stub.answer = silent('/.well-known/')
    const patient = new OutboundClient(stub.tls, 60)
    const source = open({ endpoint: undefined }, patient)
    expect(await ask(source, 'a')).toBe('introspection_unavailable')
    expect(await answered('timeout')).toBe(1)
    await patient.close()
  })

  test('is over for one call, and what was found too late is there for the next', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    stub.answer = async (request, response) => {
      if (request.url.startsWith('/.well-known/')) await held
      return answer(request, response)
    }
    const patient = new OutboundClient(stub.tls, 60)
    const breaker = { failures: 1000, window: 1, halfOpenAfter: 1 }
    const source = open({ endpoint: undefined, breaker }, patient)
    const before = stub.requests.length
    expect(await ask(source, 'a')).toBe('introspection_unavailable')
    release()
    await expect.poll(() => ask(source, 'a'), { timeout: 20_000 }).toBe('active')
    const discoveries = stub.requests.slice(before).filter(({ url }) => url !== '/introspect')
    expect(discoveries).toHaveLength(1)
    await patient.close()
  })
})

describe('RFC 7517 §5: an answer that was asked for before all was forgotten', () => {
  test('is asked for again, and neither told nor remembered', async () => {
    const releases: (() => void)[] = []
    stub.answer = async (request, response) => {
      const decided = said('a')
      await new Promise<void>((resolve) => releases.push(resolve))
      await answer(request, response)
      return { body: decided }
    }
    const source = open()
    const first = ask(source, 'a')
    await expect.poll(() => releases.length).toBe(1)
    source.forget()
    said = () => ({ active: false })
    // Who comes now joins the call that is under way, and is told what is known afterwards.
    const joined = ask(source, 'a')
    releases[0]!()
    await expect.poll(() => releases.length).toBe(2)
    releases[1]!()
    expect(await Promise.all([first, joined])).toEqual(['token_inactive', 'token_inactive'])
    expect(source.introspect('a', 'digest of a', now)).toMatchObject({ reason: 'token_inactive' })
  })

  test('is not asked for again if there was none', async () => {
    const source = open()
    stub.answer = async () => {
      source.forget()
      return { status: 500 }
    }
    const before = calls()
    expect(await ask(source, 'a')).toBe('introspection_unavailable')
    expect(calls()).toBe(before + 1)
    stub.answer = answer
    expect(await ask(source, 'a')).toBe('active')
  })
})

test('RFC 7662 §2.1: the token is sent as it is, whatever it is made of [INT-1, I21]', async () => {
  await ask(open(), 'a+b/c=~&token=other')
  const form = new URLSearchParams(stub.requests.at(-1)!.body)
  expect([...form]).toEqual([
    ['token', 'a+b/c=~&token=other'],
    ['token_type_hint', 'access_token'],
    ['client_id', 'gateway'],
    ['client_secret', 'secret'],
  ])
})

describe('an endpoint that does not answer', () => {
  const broken: [string, Answering][] = [
    [
      'whose connections break off',
      (_, response) => {
        response.destroy()
        return 'unanswered'
      },
    ],
    ...[429, 502, 503, 504].map((status): [string, Answering] => [
      `with ${status}`,
      () => ({ status, headers: { 'retry-after': '60' } }),
    ]),
  ]

  test.each(broken)(
    'is left alone after five calls, and tried again by one at a time: %s [I19]',
    async (_title, answering) => {
      const source = open()
      stub.answer = answering
      for (let i = 0; i < 5; i++) {
        expect(await ask(source, `token-${i}`)).toBe('introspection_unavailable')
      }
      const before = calls()
      for (let i = 0; i < 20; i++) {
        expect(source.introspect(`more-${i}`, `digest ${i}`, now)).toMatchObject({
          error: 'temporarily_unavailable',
          reason: 'introspection_circuit_open',
        })
      }
      expect(calls()).toBe(before)
      const labels = { issuer: 'stub', result: 'circuit_open' }
      expect(sumOf(await metrics.expose(), 'fapigw_introspection_requests_total', labels)).toBe(20)

      // It is back: of those who come at once, one finds that out.
      stub.answer = answer
      time += 5
      const verdicts = await Promise.all(
        Array.from({ length: 50 }, (_, i) => ask(source, `at-${i}`)),
      )
      expect(verdicts.filter((verdict) => verdict === 'active')).toHaveLength(1)
      expect(calls()).toBe(before + 1)
      for (let i = 0; i < 5; i++) expect(await ask(source, `back-${i}`)).toBe('active')
    },
  )

  test('what is remembered of a token is used all the same [I19]', async () => {
    const source = open()
    expect(await ask(source, 'a')).toBe('active')
    stub.answer = () => ({ status: 503 })
    for (let i = 0; i < 5; i++) await ask(source, `token-${i}`)
    expect(await ask(source, 'more')).toBe('introspection_circuit_open')
    expect(await ask(source, 'a')).toBe('active')
  })

  test.each([400, 401, 500])(
    'is not what answers %d: a stranger might bring that about for everybody [I19]',
    async (status) => {
      const source = open()
      stub.answer = () => ({ status })
      for (let i = 0; i < 20; i++) {
        expect(await ask(source, `token-${i}`)).toBe('introspection_unavailable')
      }
      stub.answer = answer
      expect(await ask(source, 'a')).toBe('active')
    },
  )

  test('is written about once in a while, without the token [I20]', async () => {
    const source = open()
    stub.answer = () => ({ status: 500 })
    for (let i = 0; i < 30; i++) await ask(source, `secret-token-${i}`)
    expect(lines).toHaveLength(1)
    time += 10
    await ask(source, 'secret-token')
    expect(lines).toHaveLength(2)
    expect(JSON.parse(lines[1]!)).toMatchObject({ issuer: 'stub', suppressed: 29 })
    expect(lines.join()).not.toContain('secret')
  })
})
