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
  said = () => active()
})

afterEach(() => client.close())

afterAll(() => stub.close())

function open(more: Partial<IntrospectionConfig> = {}): IntrospectionClient {
  const config: IntrospectionConfig = {
    response: 'json',
    endpoint: `${stub.origin}/introspect`,
    authentication: SECRET,
    tls: stub.tls,
    ttl: 15,
    negativeTtl: 5,
    maxEntries: 100,
    timeout: 5,
    ...more,
  }
  return new IntrospectionClient({
    issuer: stub.config(),
    config,
    client,
    discovery: new DiscoveredIssuer(stub.origin, client),
    metrics,
    logger: createLogger('silent'),
    now: () => now,
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

describe('RFC 7662 §4: an answer is kept', () => {
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
    const source = open({ maxEntries: 2 })
    const before = calls()
    for (const token of ['a', 'b', 'c', 'a']) await ask(source, token)
    expect(calls()).toBe(before + 4)
  })
})

describe('RFC 7662 §4: tokens that are refused', () => {
  test('do not push out those that are accepted, however many there are', async () => {
    said = (token) => (token === 'good' ? active() : { active: false })
    const source = open({ maxEntries: 2 })
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
    // Neither later, nor by a clock that goes back to when it was good.
    for (const at of [NOW + 20, NOW + 5]) {
      now = at
      expect(await ask(source, 'a')).toBe('token_inactive')
    }
    expect(calls()).toBe(before)
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
  test('are asked about once each', async () => {
    const source = open()
    const before = calls()
    const tokens = Array.from({ length: 300 }, (_, i) => `token-${i % 3}`)
    const verdicts = await Promise.all(tokens.map((token) => ask(source, token)))
    expect(new Set(verdicts)).toEqual(new Set(['active']))
    expect(calls()).toBe(before + 3)
    expect([await looked('miss'), await looked('coalesced')]).toEqual([3, 297])
  })

  test('and about no more than 256: who comes then is not kept waiting', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    stub.answer = async (request, response) => {
      await held
      return answer(request, response)
    }
    const source = open()
    const asked = Array.from({ length: 256 }, (_, i) => ask(source, `token-${i}`))
    expect(source.introspect('more', 'digest of more', now)).toMatchObject({
      error: 'temporarily_unavailable',
      reason: 'introspection_busy',
    })
    const joined = ask(source, 'token-0')
    release()
    expect(new Set(await Promise.all([...asked, joined]))).toEqual(new Set(['active']))
    expect(await ask(source, 'more')).toBe('active')
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

  test('RFC 8705 §5: at the alias, by whoever authenticates with a certificate', async () => {
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

test('RFC 7662 §2.1: the token is sent as it is, whatever it is made of', async () => {
  await ask(open(), 'a+b/c=~&token=other')
  const form = new URLSearchParams(stub.requests.at(-1)!.body)
  expect([...form]).toEqual([
    ['token', 'a+b/c=~&token=other'],
    ['token_type_hint', 'access_token'],
    ['client_id', 'gateway'],
    ['client_secret', 'secret'],
  ])
})
