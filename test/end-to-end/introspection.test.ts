import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { subjectDistinguishedName } from '../../src/demo/certificates.ts'
import type { Client } from '../../src/demo/client.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { sumOf } from '../support/exposition.ts'
import { type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'

/** Every sign that means something to a form, to `Basic`, or to a URL. */
const SECRET = 'a:b+c d%2F&="\\'

const YAML = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  basic:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    introspection:
      auth: { method: client_secret_basic, client_id: gateway:basic, client_secret: '${SECRET}' }
      cache: { ttl: 5m, negative_ttl: 1m }
  post:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    introspection:
      auth: { method: client_secret_post, client_id: gateway-post, client_secret: '${SECRET}' }
      cache: { ttl: 0s, negative_ttl: 0s }
  key:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    introspection:
      auth: { method: private_key_jwt, client_id: gateway-key, key: own.jwk, key_id: one, algorithm: ES256 }
      cache: { ttl: 1s }
  certificate:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    introspection:
      auth: { method: tls_client_auth, client_id: gateway-cert, cert: own.crt, key: own.key }
      timeout: 30s
  stranger:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    introspection:
      auth: { method: client_secret_post, client_id: gateway-post, client_secret: wrong }
defaults: { scopes: [accounts] }
routes:
  - { id: basic, match: GET /accounts/basic, issuers: [basic], upstream: $BANK }
  - { id: post, match: GET /accounts/post, issuers: [post], upstream: $BANK }
  - { id: key, match: GET /accounts/key, issuers: [key], upstream: $BANK }
  - { id: certificate, match: GET /accounts/certificate, issuers: [certificate], upstream: $BANK }
  - { id: stranger, match: GET /accounts/stranger, issuers: [stranger], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let client: Client
/** Calls of the introspection endpoint, and what holds them back. */
let calls = 0
let held: Promise<void> | undefined

beforeAll(async () => {
  fixture = await startFixture({
    introspectionClients: ['gateway:basic', 'gateway-post', 'gateway-key', 'gateway-cert'],
    onRequest: ({ url = '' }: IncomingMessage) => {
      if (!url.includes('introspection')) return
      calls += 1
      return held
    },
  })
  const own = await fixture.authority.issueClient({ commonName: 'gateway' })
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  await writeFile(join(fixture.folder, 'own.crt'), own.certificate)
  await writeFile(join(fixture.folder, 'own.key'), own.key)
  await writeFile(join(fixture.folder, 'own.jwk'), JSON.stringify(await exportJWK(privateKey)))

  const common = {
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  }
  const register = (id: string, method: string, more: object) =>
    fixture.as.registerClient({
      client_id: id,
      token_endpoint_auth_method: method,
      ...common,
      ...more,
    })
  await register('gateway:basic', 'client_secret_basic', { client_secret: SECRET })
  await register('gateway-post', 'client_secret_post', { client_secret: SECRET })
  await register('gateway-key', 'private_key_jwt', {
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] },
    token_endpoint_auth_signing_alg: 'ES256',
  })
  await register('gateway-cert', 'tls_client_auth', {
    tls_client_auth_subject_dn: subjectDistinguishedName(own.certificate),
  })
  gateway = await fixture.gateway(YAML)
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  client = await fixture.client('mtls', gateway)
})

afterAll(async () => {
  caller.close()
  await fixture.close()
  expect(fixture.as.faults).toEqual([])
})

const newToken = async () =>
  (await client.token({ scope: 'accounts', resource: RESOURCES.opaque })).accessToken

const ask = (route: string, token: string, id: string = randomUUID()) =>
  caller.send({
    path: `/accounts/${route}`,
    fields: ['Authorization', `Bearer ${token}`, 'x-fapi-interaction-id', id],
  })

/** The bank knows no account of such a name, so a request that was forwarded is answered 404 by it. */
const SERVED = { status: 404, body: '{"code":"not_found"}' }

const looked = async (issuer: string, result: string) =>
  sumOf(await gateway.metrics(), 'fapigw_introspection_cache_total', { issuer, result })

describe('RFC 7662 §2.1: the gateway authenticates by [INT-1]', () => {
  test.each(['basic', 'post', 'key', 'certificate'])('%s', async (route) => {
    const before = fixture.reached.length
    expect(await ask(route, await newToken())).toMatchObject(SERVED)
    expect(fixture.reached).toHaveLength(before + 1)
    const labels = { issuer: route, result: 'active' }
    expect(
      sumOf(await gateway.metrics(), 'fapigw_introspection_requests_total', labels),
    ).toBeGreaterThan(0)
  })

  test('RFC 8705 §3.2: a token is bound to the certificate that the answer names [MTLS-3]', async () => {
    const stranger = createCaller(fixture, gateway, fixture.certificates.stranger)
    try {
      const token = await newToken()
      const id = randomUUID()
      const fields = ['Authorization', `Bearer ${token}`, 'x-fapi-interaction-id', id]
      const answer = await stranger.send({ path: '/accounts/basic', fields })
      expect(answer.status).toBe(401)
      expect(await gateway.accessLine(id)).toMatchObject({ reason: 'cnf_x5t_mismatch' })
      expect(await ask('basic', token)).toMatchObject(SERVED)
    } finally {
      stranger.close()
    }
  })

  test('RFC 7662 §2.3: where it is not believed, nothing is known of the token', async () => {
    const before = fixture.reached.length
    const id = randomUUID()
    expect(await ask('stranger', await newToken(), id)).toMatchObject({ status: 503 })
    expect(await gateway.accessLine(id)).toMatchObject({ reason: 'introspection_unavailable' })
    expect(fixture.reached).toHaveLength(before)
  })
})

test('1,000 requests with one cold token are one call [I12]', { timeout: 120_000 }, async () => {
  const token = await newToken()
  const before = calls
  const coalesced = (await looked('certificate', 'coalesced')) ?? 0
  let release = () => {}
  held = new Promise((resolve) => {
    release = resolve
  })
  try {
    const answers = Promise.all(Array.from({ length: 1000 }, () => ask('certificate', token)))
    await expect
      .poll(() => looked('certificate', 'coalesced'), { timeout: 25_000, interval: 50 })
      .toBe(coalesced + 999)
    expect(calls).toBe(before + 1)
    release()
    for (const answer of await answers) expect(answer).toMatchObject(SERVED)
    expect(calls).toBe(before + 1)
  } finally {
    held = undefined
    release()
  }
})

describe('RFC 7662 §4: answers are kept', () => {
  test('that a token is active', async () => {
    const token = await newToken()
    await ask('basic', token)
    const before = calls
    const hits = (await looked('basic', 'hit')) ?? 0
    for (let i = 0; i < 5; i++) expect(await ask('basic', token)).toMatchObject(SERVED)
    expect(calls).toBe(before)
    expect(await looked('basic', 'hit')).toBe(hits + 5)
  })

  test('that it is not', async () => {
    await ask('basic', 'unknown-token')
    const before = calls
    const hits = (await looked('basic', 'negative_hit')) ?? 0
    const reached = fixture.reached.length
    for (let i = 0; i < 5; i++) {
      const id = randomUUID()
      expect(await ask('basic', 'unknown-token', id)).toMatchObject({ status: 401 })
      expect(await gateway.accessLine(id)).toMatchObject({
        reason: 'token_inactive',
        outcome: 'denied',
        issuer: 'basic',
      })
    }
    expect(calls).toBe(before)
    expect(await looked('basic', 'negative_hit')).toBe(hits + 5)
    expect(fixture.reached).toHaveLength(reached)
  })

  test('not where no time is given', async () => {
    const token = await newToken()
    const before = calls
    for (let i = 0; i < 3; i++) expect(await ask('post', token)).toMatchObject(SERVED)
    for (let i = 0; i < 3; i++) expect(await ask('post', 'unknown')).toMatchObject({ status: 401 })
    expect(calls).toBe(before + 6)
  })
})

describe('FAPI 2.0 SP §5.3.4-3: a token that is revoked is refused [I14, INT-4, F1B-RS-4, F2-RS-3]', () => {
  test('at once, where answers are not kept', async () => {
    const token = await newToken()
    expect(await ask('post', token)).toMatchObject(SERVED)
    await client.revoke(token)
    expect(await ask('post', token)).toMatchObject({ status: 401 })
  })

  test('when the answer has aged', async () => {
    const token = await newToken()
    expect(await ask('key', token)).toMatchObject(SERVED)
    await client.revoke(token)
    await expect
      .poll(async () => (await ask('key', token)).status, { timeout: 20_000, interval: 100 })
      .toBe(401)
    const reached = fixture.reached.length
    expect((await ask('key', token)).status).toBe(401)
    expect(fixture.reached).toHaveLength(reached)
  })
})
