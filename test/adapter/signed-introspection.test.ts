import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { IntrospectionClient } from '../../src/adapter/introspection.ts'
import { ReachedIssuer } from '../../src/adapter/issuers.ts'
import { DiscoveredIssuer } from '../../src/adapter/metadata.ts'
import { OutboundClient } from '../../src/adapter/outbound.ts'
import type { IntrospectionConfig } from '../../src/config/configuration.ts'
import { Failure } from '../../src/failure/failure.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { createKeyPair, type KeyPair, signCompact } from '../support/compact-signing.ts'
import { sumOf } from '../support/exposition.ts'
import { AUDIENCE, NOW } from '../support/issuer.ts'
import type { StubAnswer } from '../support/stub.ts'
import { type StubIssuer, startStubIssuer } from '../support/stub-issuer.ts'

const TYPE = 'application/token-introspection+jwt'
const JWKS = { refresh: 600, cooldown: 30, staleIfError: 3600, timeout: 5 }

const active = { active: true, aud: AUDIENCE, exp: NOW + 300 }
const one = createKeyPair('ES256')
const other = createKeyPair('ES256')

let stub: StubIssuer
let metrics: Metrics
/** What the issuer says its keys are, by name; `undefined`: they cannot be had. */
let published: Record<string, KeyPair> | undefined
/** What the introspection endpoint answers. */
let said: () => StubAnswer
/** Seconds of the clock that never jumps. */
let time: number
const opened: ReachedIssuer[] = []

beforeAll(async () => {
  stub = await startStubIssuer(({ url }) => {
    if (url === '/introspect') return said()
    if (url === '/jwks') return published === undefined ? { status: 503 } : { body: keySet() }
    return { body: { issuer: stub.origin, jwks_uri: `${stub.origin}/jwks` } }
  })
})
beforeEach(() => {
  published = { key: one }
  said = () => ({ type: TYPE, body: sign() })
  time = 0
  metrics = createMetrics()
})
afterEach(async () => {
  for (const issuer of opened.splice(0)) await issuer.close()
})
afterAll(() => stub.close())

function keySet() {
  const keys = Object.entries(published ?? {}).map(([kid, { publicKey }]) => ({
    ...publicKey.export({ format: 'jwk' }),
    kid,
  }))
  return { keys }
}

function sign(claims: object = {}, { privateKey }: KeyPair = one, kid = 'key'): string {
  return signCompact(
    { typ: 'token-introspection+jwt', alg: 'ES256', kid },
    { iss: stub.origin, aud: 'gateway', iat: NOW, token_introspection: active, ...claims },
    'ES256',
    privateKey,
  )
}

const settings = (more: Partial<IntrospectionConfig> = {}): IntrospectionConfig => ({
  endpoint: `${stub.origin}/introspect`,
  response: 'jwt',
  authentication: { method: 'client_secret_post', clientId: 'gateway', clientSecret: 'secret' },
  tls: stub.tls,
  ttl: 15,
  negativeTtl: 5,
  cache: { entries: 100, bytes: 1_000_000 },
  shared: false,
  timeout: 5,
  connections: 32,
  breaker: { failures: 5, window: 10, halfOpenAfter: 5 },
  ...more,
})

/** An issuer whose tokens are introspected, and which is started. */
async function start(more: Partial<IntrospectionConfig> = {}) {
  const config = stub.config({ tokens: 'introspection', jwks: JWKS, introspection: settings(more) })
  const reached = new ReachedIssuer(config, {
    metrics,
    logger: createLogger('silent'),
    now: () => NOW,
    clock: () => time,
  })
  opened.push(reached)
  await reached.start()
  const ask = (token: string) => reasonOf(reached.issuer.introspection!, token)
  return { reached, ask }
}

async function reasonOf(
  source: Pick<IntrospectionClient, 'introspect'>,
  token: string,
): Promise<string> {
  const verdict = await source.introspect(token, `digest of ${token}`, NOW)
  return verdict instanceof Failure ? verdict.reason : 'active'
}

const calls = () => stub.requests.filter(({ url }) => url === '/introspect').length

const counted = async (result: string) =>
  sumOf(await metrics.expose(), 'fapigw_introspection_requests_total', {
    issuer: 'stub',
    result,
  }) ?? 0

describe('RFC 9701 §4: where signed answers are asked for [INT-7]', () => {
  test('they are asked for by their media type, and believed', async () => {
    const { ask } = await start()
    expect(await ask('a')).toBe('active')
    expect(stub.requests.at(-1)?.headers.accept).toBe(TYPE)
    expect([await counted('active'), await counted('bad_response')]).toEqual([1, 0])
  })

  test('the media type may have parameters, and any case', async () => {
    said = () => ({ type: 'Application/Token-Introspection+JWT; charset=utf-8', body: sign() })
    const { ask } = await start()
    expect(await ask('a')).toBe('active')
  })

  test('one that says that the token is not active is an answer about the token', async () => {
    said = () => ({ type: TYPE, body: sign({ token_introspection: { active: false } }) })
    const { ask } = await start()
    expect(await ask('a')).toBe('token_inactive')
    expect([await counted('inactive'), await counted('bad_response')]).toEqual([1, 0])
  })

  test.each<[string, () => StubAnswer, string]>([
    ['plain JSON', () => ({ body: active }), 'introspection_jwt_missing'],
    [
      'plain JSON called signed',
      () => ({ type: TYPE, body: active }),
      'introspection_jwt_malformed',
    ],
    ['a signed one called JSON', () => ({ body: sign() }), 'introspection_jwt_missing'],
    [
      'a signed one called JWT',
      () => ({ type: 'application/jwt', body: sign() }),
      'introspection_jwt_missing',
    ],
    ['nothing', () => ({ type: TYPE, body: '' }), 'introspection_jwt_malformed'],
    [
      'one of another key',
      () => ({ type: TYPE, body: sign({}, other) }),
      'introspection_jwt_signature_invalid',
    ],
    [
      'one for another resource server',
      () => ({ type: TYPE, body: sign({ aud: 'other' }) }),
      'introspection_jwt_audience_mismatch',
    ],
    [
      'one that says nothing of a token',
      () => ({ type: TYPE, body: sign({ token_introspection: {} }) }),
      'introspection_response_invalid',
    ],
    ['an error', () => ({ status: 401, type: TYPE, body: sign() }), 'introspection_unavailable'],
  ])(
    '%s is no answer, is not kept, and is not held against the token',
    async (_, answer, reason) => {
      const { reached, ask } = await start()
      const before = calls()
      said = answer
      const verdict = await reached.issuer.introspection!.introspect('a', 'digest of a', NOW)
      expect(verdict).toMatchObject({ error: 'temporarily_unavailable', reason })
      const result = reason === 'introspection_unavailable' ? 'error' : 'bad_response'
      expect(await counted(result)).toBe(1)
      said = () => ({ type: TYPE, body: sign() })
      expect(await ask('a')).toBe('active')
      expect(calls()).toBe(before + 2)
    },
  )

  test('an audience of the issuer names this resource server too', async () => {
    said = () => ({ type: TYPE, body: sign({ aud: AUDIENCE }) })
    const { ask } = await start()
    expect(await ask('a')).toBe('active')
  })
})

describe('RFC 9701 §4: where plain answers are asked for [INT-7]', () => {
  test('they are believed, and signed ones are not', async () => {
    said = () => ({ body: active })
    const { ask } = await start({ response: 'json' })
    expect(await ask('a')).toBe('active')
    expect(stub.requests.at(-1)?.headers.accept).toBe('application/json')
    said = () => ({ type: TYPE, body: sign() })
    expect(await ask('b')).toBe('introspection_response_malformed')
  })

  test('no keys are fetched, and none are waited for', async () => {
    published = undefined
    const before = stub.requests.length
    const { reached } = await start({ response: 'json' })
    expect(reached.ready).toBe(true)
    expect(stub.requests).toHaveLength(before)
  })
})

describe('RFC 9701 §5: the keys of an issuer that only answers about tokens [INT-8]', () => {
  test('are found by discovery, and fetched before the first request', async () => {
    const before = stub.requests.length
    const { reached, ask } = await start()
    expect(reached.ready).toBe(true)
    expect(stub.requests.slice(before).map(({ url }) => url)).toEqual([
      '/.well-known/oauth-authorization-server',
      '/jwks',
    ])
    await ask('a')
    expect(stub.requests.at(-1)?.url).toBe('/introspect')
    expect(sumOf(await metrics.expose(), 'fapigw_jwks_keys', { issuer: 'stub' })).toBe(1)
  })

  test('are waited for: it is not ready without, and no answer is believed', async () => {
    published = undefined
    const { reached, ask } = await start()
    expect([reached.ready, await ask('a')]).toEqual([false, 'jwks_not_loaded'])
    published = { key: one }
    time += 1
    expect([await ask('a'), reached.ready]).toEqual(['active', true])
  })

  test('are fetched anew for a kid that is not known', async () => {
    const { ask } = await start()
    published = { key: one, next: other }
    time = JWKS.cooldown
    said = () => ({ type: TYPE, body: sign({}, other, 'next') })
    expect(await ask('a')).toBe('active')
  })

  test('are fetched anew for a bad signature, since another may have their name', async () => {
    const { ask } = await start()
    published = { key: other }
    time = JWKS.cooldown
    said = () => ({ type: TYPE, body: sign({}, other) })
    expect(await ask('a')).toBe('active')
  })

  test('take with them what they have signed, when they are withdrawn', async () => {
    const { ask } = await start()
    expect(await ask('a')).toBe('active')
    said = () => ({ type: TYPE, body: sign({ token_introspection: { active: false } }) })
    expect(await ask('refused')).toBe('token_inactive')
    published = { next: other }
    time = JWKS.cooldown
    said = () => ({ type: TYPE, body: sign({}, other, 'next') })
    expect(await ask('b')).toBe('active')
    const before = calls()
    expect([await ask('a'), await ask('refused'), await ask('b')]).toEqual(Array(3).fill('active'))
    expect(calls()).toBe(before + 2)
  })
})

test('RFC 9701 §5: without keys no signed answer is believed, and no other either [INT-8]', async () => {
  const client = new OutboundClient(stub.tls, 5)
  const source = new IntrospectionClient({
    issuer: stub.config(),
    config: settings(),
    client,
    discovery: new DiscoveredIssuer(stub.origin, client),
    metrics,
    logger: createLogger('silent'),
    now: () => NOW,
    clock: () => time,
  })
  expect(await reasonOf(source, 'a')).toBe('introspection_jwt_missing')
  said = () => ({ body: active })
  expect(await reasonOf(source, 'a')).toBe('introspection_jwt_missing')
  await client.close()
})
