import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { initialiseIssuer, ReachedIssuer } from '../../src/adapter/issuers.ts'
import { accessToken } from '../../src/check/access-token.ts'
import type { IntrospectionConfig, IssuerConfig } from '../../src/config/configuration.ts'
import { Failure } from '../../src/failure/failure.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createCheckedRoute, createTokenRequest } from '../support/checked-request.ts'
import { createKeyPair, type KeyPair, signCompact } from '../support/compact-signing.ts'
import { sumOf } from '../support/exposition.ts'
import { AUDIENCE, NOW } from '../support/issuer.ts'
import { type StubIssuer, startStubIssuer } from '../support/stub-issuer.ts'

const JWKS = { refresh: 600, cooldown: 30, staleIfError: 3600, timeout: 5 }

let stub: StubIssuer
/** What the issuer says its keys are, by name; `undefined`: it is down. */
let published: Record<string, KeyPair> | undefined
/** Seconds of the clock that never jumps. */
let time: number
/** Done before the issuer says its keys. */
let delay: () => void
const one = createKeyPair('ES256')
const other = createKeyPair('ES256')
const opened: ReachedIssuer[] = []

beforeAll(async () => {
  stub = await startStubIssuer(() => {
    delay()
    if (published === undefined) return { status: 503 }
    const keys = Object.entries(published).map(([kid, { publicKey }]) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
    }))
    return { body: { keys } }
  })
})
beforeEach(() => {
  published = { key: one }
  time = 0
  delay = () => {}
})
afterEach(async () => {
  for (const issuer of opened.splice(0)) await issuer.close()
})
afterAll(() => stub.close())

/** A started issuer, and a route that asks it for the reason why a token is not accepted. */
async function start() {
  const config = stub.config({ jwksUri: `${stub.origin}/jwks`, jwks: JWKS, algorithms: ['ES256'] })
  const reached = new ReachedIssuer(config, {
    metrics: createMetrics(),
    logger: createLogger('silent'),
    now: () => NOW,
    clock: () => time,
  })
  opened.push(reached)
  await reached.start()
  const check = accessToken.compile(
    {
      algorithms: ['ES256'],
      clock_skew: 10,
      type_required: true,
      max_lifetime: undefined,
      revocation_max_delay: undefined,
    },
    createCheckedRoute({ issuers: [reached.issuer] }),
  )!
  const ask = async (token: string) => {
    const outcome = await check(createTokenRequest(token))
    return outcome instanceof Failure ? outcome.reason : 'accepted'
  }
  return { reached, ask }
}

function sign({ privateKey }: KeyPair, kid = 'key'): string {
  const claims = {
    iss: stub.origin,
    sub: 'alice',
    client_id: 'app',
    aud: AUDIENCE,
    iat: NOW,
    exp: NOW + 300,
    jti: randomUUID(),
  }
  return signCompact({ typ: 'at+jwt', alg: 'ES256', kid }, claims, 'ES256', privateKey)
}

const fetches = () => stub.requests.length

describe('RFC 7517 §5: what was verified with keys that do not count any more', () => {
  test('is not accepted once the set is too old, and is again when there is another', async () => {
    const { reached, ask } = await start()
    const token = sign(one)
    expect(await ask(token)).toBe('accepted')
    published = undefined
    time = JWKS.refresh + JWKS.staleIfError
    expect([await ask(token), reached.ready]).toEqual(['accepted', true])
    time += 1
    expect([await ask(token), reached.ready]).toEqual(['jwks_not_loaded', false])
    published = { key: one }
    time += JWKS.cooldown
    expect([await ask(token), reached.ready]).toEqual(['accepted', true])
  })

  test.each<[string, () => Record<string, KeyPair>, string]>([
    ['is replaced by another name', () => ({ next: other }), 'token_kid_unknown'],
    ['is replaced under its name', () => ({ key: other }), 'token_signature_invalid'],
  ])('is forgotten when the key %s', async (_title, next, reason) => {
    const { ask } = await start()
    const token = sign(one)
    expect(await ask(token)).toBe('accepted')
    published = next()
    time = JWKS.cooldown
    // Somebody asks for a key that is not there: the set is fetched for it.
    expect(await ask(sign(other, 'unknown'))).toBe('token_kid_unknown')
    expect(await ask(token)).toBe(reason)
  })

  test('is not accepted and not refused while there is no key, and the issuer is not ready', async () => {
    const { reached, ask } = await start()
    const token = sign(one)
    expect([await ask(token), reached.ready]).toEqual(['accepted', true])
    published = {}
    time = JWKS.cooldown
    expect(await ask(sign(other, 'unknown'))).toBe('jwks_empty')
    expect([await ask(token), reached.ready]).toEqual(['jwks_empty', false])
    published = { key: one }
    time += JWKS.cooldown
    expect([await ask(token), reached.ready]).toEqual(['accepted', true])
  })

  test('is remembered as long as its key stands in the set, whatever else does', async () => {
    const { reached, ask } = await start()
    const token = sign(one)
    expect(await ask(token)).toBe('accepted')
    published = { renamed: one, next: other }
    time = JWKS.cooldown
    expect(await ask(sign(other, 'next'))).toBe('accepted')
    expect(reached.issuer.verified.get(createTokenRequest(token).credentialsDigest!)).toBeDefined()
    expect(await ask(token)).toBe('accepted')
  })
})

describe('RFC 8725 §3.10: another key under the same kid', () => {
  test('is fetched for one bad signature, and its tokens are accepted from then on [I06]', async () => {
    const { ask } = await start()
    expect(await ask(sign(one))).toBe('accepted')
    published = { key: other }
    time = JWKS.cooldown
    const before = fetches()
    expect(await ask(sign(other))).toBe('accepted')
    expect(await ask(sign(other))).toBe('accepted')
    expect(await ask(sign(one))).toBe('token_signature_invalid')
    expect(fetches()).toBe(before + 1)
  })

  test('is looked for at most once a cool-down, whoever sends bad signatures [JWT-13]', async () => {
    const { ask } = await start()
    const forged = sign(other)
    const before = fetches()
    const flood = async () =>
      new Set(await Promise.all(Array.from({ length: 1000 }, () => ask(forged))))
    const refused = new Set(['token_signature_invalid'])
    expect([await flood(), fetches() - before]).toEqual([refused, 0])
    time = JWKS.cooldown
    expect([await flood(), fetches() - before]).toEqual([refused, 1])
    expect([await flood(), fetches() - before]).toEqual([refused, 1])
    time += JWKS.cooldown
    expect([await flood(), fetches() - before]).toEqual([refused, 2])
    expect(await ask(sign(one))).toBe('accepted')
  })

  test('is not looked for by who has waited for the keys already, however long that took', async () => {
    const { ask } = await start()
    const before = fetches()
    published = { next: other }
    time = JWKS.cooldown
    // The answer takes longer than the cool-down.
    delay = () => {
      time += 2 * JWKS.cooldown
    }
    expect(await ask(sign(other))).toBe('token_kid_unknown')
    expect(fetches()).toBe(before + 1)
  })

  test('that cannot be asked for leaves the verdict as it was', async () => {
    const { ask } = await start()
    published = undefined
    time = JWKS.cooldown
    expect(await ask(sign(other))).toBe('token_signature_invalid')
    expect(await ask(sign(one))).toBe('accepted')
  })
})

describe('FAPI 2.0 SP §5.3.4-3: how long a revoked token may pass is a metric [F2-RS-3]', () => {
  const introspection: IntrospectionConfig = {
    endpoint: undefined,
    response: 'json',
    authentication: { method: 'tls_client_auth', clientId: 'gateway' },
    tls: { ca: undefined, cert: undefined, key: undefined, serverName: undefined },
    ttl: 15,
    negativeTtl: 5,
    cache: { entries: 10, bytes: 1_000_000 },
    shared: false,
    timeout: 1,
    connections: 32,
    breaker: { failures: 5, window: 10, halfOpenAfter: 5 },
  }

  test.each<[string, Partial<IssuerConfig>, number]>([
    ['without end', {}, Number.POSITIVE_INFINITY],
    ['as long as a token lives', { maxLifetime: 300 }, 320],
    ['as long as an answer is used', { tokens: 'introspection', introspection }, 15],
    ['the same of JWTs that are asked about', { introspection, revocationMaxDelay: 5 }, 5],
    ['as JWTs live, where they are not', { introspection, maxLifetime: 60 }, 80],
  ])('%s', async (_, config, seconds) => {
    const metrics = createMetrics()
    initialiseIssuer(metrics, stub.config(config))
    expect(
      sumOf(await metrics.expose(), 'fapigw_revocation_delay_seconds', { issuer: 'stub' }),
    ).toBe(seconds)
  })
})
