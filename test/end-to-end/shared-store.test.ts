import { createHash, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller, type RawAnswer } from '../support/caller.ts'
import { sumOf } from '../support/exposition.ts'
import { API, type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
import { REDIS_IS_INSTALLED, type RedisServer, startRedis, until } from '../support/redis-server.ts'
import { startStub } from '../support/stub.ts'

const suffix = REDIS_IS_INSTALLED ? '' : ' (skipped: redis-server is not installed)'

/** By iat, which any instance can judge; on `/accounts/31820` by nonce. */
const YAML = (port: number) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
stores: { redis: { url: "redis://127.0.0.1:${port}", timeout: 500ms } }
dpop:
  nonce: { mode: off, secret: a-secret-that-both-instances-have }
  replay: { store: redis, on_unavailable: deny }
  proof_max_age: 60s
defaults: { scopes: [accounts] }
routes:
  - { id: accounts, match: GET /accounts/**, upstream: $BANK }
  - { id: required, match: GET /accounts/31820, dpop_freshness: { nonce: required }, upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`
const BY_IAT = '/accounts'
const BY_NONCE = '/accounts/31820'

describe.skipIf(!REDIS_IS_INSTALLED)(`two gateways that share a store${suffix}`, () => {
  let redis: RedisServer
  let fixture: Fixture
  let gateways: readonly TestGateway[]
  let callers: readonly Caller[]
  let client: Client
  let token: string
  let holder: Client
  let bound: string

  beforeAll(async () => {
    redis = await startRedis()
    fixture = await startFixture()
    gateways = [await fixture.gateway(YAML(redis.port)), await fixture.gateway(YAML(redis.port))]
    callers = gateways.map((gateway) => createCaller(fixture, gateway))
    client = await fixture.client('dpop', gateways[0]!)
    holder = await fixture.client('mtls', gateways[0]!)
    token = (await client.token({ scope: 'accounts', resource: RESOURCES.jwt })).accessToken
    bound = (await holder.token({ scope: 'accounts', resource: RESOURCES.jwt })).accessToken
  })
  afterAll(async () => {
    for (const caller of callers) caller.close()
    await fixture.close()
    await redis.stop()
  })
  beforeEach(() => areServing())

  const fieldsOf = async (path = BY_IAT, nonce?: string, claims: object = {}) => {
    const proof = await signProof(client.dpopKeys, {
      method: 'GET',
      url: API + path,
      accessToken: token,
      ...(nonce === undefined ? {} : { nonce }),
      claims: { ...claims },
    })
    return ['Authorization', `DPoP ${token}`, 'DPoP', proof]
  }
  const send = (i: number, fields: readonly string[], path = BY_IAT) =>
    callers[i]!.send({ path, fields })
  const reasonOf = ({ body }: RawAnswer) => JSON.parse(body).error_description
  const readiness = async (i: number) => {
    const response = await fetch(`${gateways[i]!.adminUrl}/readyz?verbose`)
    return [response.status, await response.text()] as const
  }
  const areServing = async () => {
    for (const i of [0, 1]) {
      await until(
        async () => (await send(i, await fieldsOf())).status === 200,
        `gateway ${i} serves`,
      )
    }
  }
  const nonceOf = async (i: number) =>
    (await send(i, await fieldsOf(BY_NONCE), BY_NONCE)).lines('dpop-nonce')[0]!

  test('RFC 9449 §11.1: of a thousand copies of one proof at once, one is served [DPOP-11.1-2, D13, HOLE-2]', async () => {
    const fields = await fieldsOf()
    const before = fixture.reached.length
    const many = Array.from({ length: 100 }, (_, i) => createCaller(fixture, gateways[i % 2]!))
    const answers = await Promise.all(
      many.flatMap((caller) => Array.from({ length: 10 }, () => caller.send({ fields }))),
    )
    for (const caller of many) caller.close()
    const counts = Map.groupBy(answers, ({ status }) => status)
    expect([...counts].map(([status, { length }]) => [status, length]).toSorted()).toEqual([
      [200, 1],
      [401, 999],
    ])
    expect(new Set(counts.get(401)!.map(reasonOf))).toEqual(new Set(['dpop_replayed']))
    expect(fixture.reached).toHaveLength(before + 1)
  })

  test('RFC 9449 §11.1: a proof that one accepted is refused by the other [DPOP-11.1-2]', async () => {
    const fields = await fieldsOf()
    expect(await send(0, fields)).toMatchObject({ status: 200 })
    expect(reasonOf(await send(1, fields))).toBe('dpop_replayed')
    const detected = await gateways[1]!.metrics()
    expect(sumOf(detected, 'fapigw_replay_detected_total', { kind: 'dpop_jti' })).toBeGreaterThan(0)
  })

  test('RFC 9449 §8: each accepts the nonces of the other', async () => {
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const nonce = await nonceOf(from)
      const fields = await fieldsOf(BY_NONCE, nonce)
      expect(await send(to, fields, BY_NONCE)).toMatchObject({ status: 200 })
      expect(reasonOf(await send(from, fields, BY_NONCE))).toBe('dpop_replayed')
    }
  })

  test('a secret of nonces is replaced, and nobody refused meanwhile', async () => {
    const [one, other] = gateways as [TestGateway, TestGateway]
    const [secret = ''] = one.configuration.dpop.nonceSecrets
    const next = 'another-secret-that-both-will-have'
    const replace = (gateway: TestGateway, nonceSecrets: string[]) => {
      const { configuration, running } = gateway
      return running.reload({ ...configuration, dpop: { ...configuration.dpop, nonceSecrets } })
    }
    const isServed = async (from: number, to: number) => {
      const fields = await fieldsOf(BY_NONCE, await nonceOf(from))
      expect(await send(to, fields, BY_NONCE)).toMatchObject({ status: 200 })
    }
    // One instance after the other, each time; what one gives out is good at the other throughout.
    for (const secrets of [
      [secret, next],
      [next, secret],
      [next],
      [next, secret],
      [secret, next],
      [secret],
    ]) {
      for (const gateway of [one, other]) {
        expect(await replace(gateway, secrets)).toBeUndefined()
        await isServed(0, 1)
        await isServed(1, 0)
      }
    }
  })

  test('the store is killed: what needs it is 503, nothing else suffers, and it comes back [R02]', async () => {
    const used = await fieldsOf(BY_NONCE, await nonceOf(0))
    expect(await send(0, used, BY_NONCE)).toMatchObject({ status: 200 })
    await redis.kill()
    for (const i of [0, 1]) {
      const refused = await send(i, await fieldsOf())
      expect(refused).toMatchObject({ status: 503 })
      expect(refused.lines('retry-after')).toEqual(['1'])
      expect(reasonOf(refused)).toBe('replay_store_unavailable')
      const [status, text] = await readiness(i)
      expect(status).toBe(200)
      expect(text).toMatch(/^\[-\] store redis: \w+/m)
      expect(sumOf(await gateways[i]!.metrics(), 'fapigw_store_up')).toBe(0)
      // A token that is bound to a certificate needs no store.
      const holding = createCaller(fixture, gateways[i]!, fixture.certificates.mtls)
      const served = await holding.send({ fields: ['Authorization', `Bearer ${bound}`] })
      holding.close()
      expect(served).toMatchObject({ status: 200 })
    }
    await redis.restart()
    await areServing()
    expect((await readiness(0))[1]).toContain('[+] store redis\n')
    // It has lost everything: that the proof was used it does not know, and its nonce is not good.
    for (const i of [0, 1]) {
      const again = await send(i, used, BY_NONCE)
      expect(again).toMatchObject({ status: 401 })
      expect(reasonOf(again)).toBe('dpop_nonce_stale')
    }
    const [one, other] = [await nonceOf(0), await nonceOf(1)]
    expect(one).toBe(other)
    expect(await send(1, await fieldsOf(BY_NONCE, one), BY_NONCE)).toMatchObject({ status: 200 })
  })

  test('the store is emptied: no proof that was used before is accepted again [R11]', async () => {
    const [byIat, byNonce] = [await fieldsOf(), await fieldsOf(BY_NONCE, await nonceOf(1))]
    expect(await send(0, byIat)).toMatchObject({ status: 200 })
    expect(await send(1, byNonce, BY_NONCE)).toMatchObject({ status: 200 })
    await redis.call('FLUSHALL')
    // At once, and when all have heard of it.
    for (let i = 0; i < 6; i++) {
      expect((await send(i % 2, byIat)).status).not.toBe(200)
      expect((await send(i % 2, byNonce, BY_NONCE)).status).not.toBe(200)
    }
    await areServing()
    expect(await send(0, byIat)).toMatchObject({ status: 503 })
    expect(reasonOf(await send(1, byIat))).toBe('dpop_proof_before_start')
    expect(reasonOf(await send(0, byNonce, BY_NONCE))).toBe('dpop_nonce_stale')
  })

  test('the store is stopped: 503, and served again when it goes on [R03]', async () => {
    process.kill(redis.child.pid!, 'SIGSTOP')
    try {
      const answers = await Promise.all(
        Array.from({ length: 40 }, async (_, i) => send(i % 2, await fieldsOf())),
      )
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
      await until(() => gateways.every(({ running }) => running.isReady()), 'both are ready')
    } finally {
      process.kill(redis.child.pid!, 'SIGCONT')
    }
    await areServing()
  })

  test('the store is paused: 503, and served again after it [R03]', async () => {
    await redis.call('CLIENT', 'PAUSE', '1500', 'WRITE')
    expect(await send(0, await fieldsOf())).toMatchObject({ status: 503 })
    await until(async () => (await send(1, await fieldsOf())).status === 200, 'it is over')
  })

  test('the store is full: 503 and its own reason, until there is room [R07, OPS-6]', async () => {
    await redis.call('CONFIG', 'SET', 'maxmemory', '1')
    try {
      const refused = await send(0, await fieldsOf())
      expect(refused).toMatchObject({ status: 503 })
      expect(reasonOf(refused)).toBe('replay_store_full')
      const samples = await gateways[0]!.metrics()
      expect(sumOf(samples, 'fapigw_replay_cache_full_total', { store: 'redis' })).toBe(1)
    } finally {
      await redis.call('CONFIG', 'SET', 'maxmemory', '0')
    }
    await areServing()
  })

  test('a gateway that starts while the store is away is not ready, and is when it is there [R01]', async () => {
    await redis.kill()
    const late = await fixture.gateway(YAML(redis.port))
    const caller = createCaller(fixture, late)
    const ready = await fetch(`${late.adminUrl}/readyz?verbose`)
    expect(ready.status).toBe(503)
    expect(await ready.text()).toContain('[-] store redis: ECONNREFUSED\nnot ready\n')
    expect(await caller.send({ fields: await fieldsOf() })).toMatchObject({ status: 503 })
    expect(late.running.isReady()).toBe(false)
    await redis.restart()
    await until(() => late.running.isReady(), 'it is ready')
    caller.close()
    await late.close()
  })

  test('no secret and nothing of a request is in the log or in the store', async () => {
    const fields = await fieldsOf()
    await send(0, fields)
    const keys = (await redis.call('KEYS', '*')) as string[]
    const jti = JSON.parse(Buffer.from(fields[3]!.split('.')[1]!, 'base64url').toString()).jti
    const told = [...keys, ...gateways.flatMap(({ lines }) => lines)].join('\n')
    for (const secret of [token, jti, 'a-secret-that-both']) expect(told).not.toContain(secret)
    expect(keys.length).toBeGreaterThan(0)
    for (const key of keys) expect(key).toMatch(/^fgw:(?:jti|epoch|window|trial|answer):/)
  })

  test('answers about opaque tokens are shared: the issuer is asked once', async () => {
    const der = new X509Certificate(fixture.certificates.mtls.certificate).raw
    const thumbprint = createHash('sha256').update(der).digest('base64url')
    const stub = await startStub(fixture, () => ({
      body: {
        active: true,
        aud: API,
        scope: 'accounts',
        exp: Math.floor(Date.now() / 1000) + 60,
        cnf: { 'x5t#S256': thumbprint },
      },
    }))
    const yaml = YAML(redis.port)
      .replace('$ISSUER', stub.origin)
      .replace(
        'ca: ca.pem }',
        `ca: ca.pem, tokens: introspection, introspection: { endpoint: "${stub.origin}/introspect", auth: { method: client_secret_basic, client_id: g, client_secret: s }, cache: { shared: true } } }`,
      )
      .replace(
        'timeout: 500ms',
        'timeout: 500ms, encryption_key: a-key-that-both-instances-have-32',
      )
    const [one, other] = [await fixture.gateway(yaml), await fixture.gateway(yaml)]
    const fields = ['Authorization', 'Bearer an-opaque-token']
    const callAt = async (gateway: TestGateway) => {
      const caller = createCaller(fixture, gateway, fixture.certificates.mtls)
      const { status } = await caller.send({ fields })
      caller.close()
      return status
    }
    expect(await callAt(one)).toBe(200)
    await until(
      async () => ((await redis.call('KEYS', 'fgw:answer:*')) as string[]).length === 1,
      'it is kept',
    )
    expect(await callAt(other)).toBe(200)
    expect(stub.requests).toHaveLength(1)
    const looked = sumOf(await other.metrics(), 'fapigw_introspection_cache_total', {
      result: 'shared_hit',
    })
    expect(looked).toBe(1)
    await one.close()
    await other.close()
    await stub.close()
  })
})
