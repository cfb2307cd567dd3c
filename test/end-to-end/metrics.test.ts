import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { parseExposition, sumOf } from '../support/exposition.ts'
import { API, type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { sendRaw } from '../support/raw-socket.ts'

const YAML = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
  other:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      auth: { method: client_secret_post, client_id: gateway, client_secret: secret }
defaults: { issuers: [bank] }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
  - { id: payments, match: "POST,PUT /payments", scopes: [payments], upstream: $BANK }
  - { id: open, match: { paths: [/open] }, public: true, upstream: $BANK }
  - { id: opaque, match: GET /opaque, issuers: [other], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let dpop: Client
let mint: Mint
/** A scrape before the first request. */
let first: string

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  gateway = await fixture.gateway(YAML)
  first = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  dpop = await fixture.client('dpop', gateway)
  const honest = createMint(signing, fixture.as.issuer)
  const cnf = { 'x5t#S256': fixture.certificates.mtls.thumbprint }
  mint = (claims, header) => honest({ cnf, ...claims }, header)
})

afterAll(async () => {
  caller.close()
  await fixture.close()
})

const bearer = (token: string) => ['Authorization', `Bearer ${token}`]

/** Sends a request and waits until it has been accounted for. */
async function settled(send: (id: string[]) => Promise<unknown>): Promise<void> {
  const id = randomUUID()
  await send(['x-fapi-interaction-id', id])
  await gateway.accessLine(id)
}

/** What a scrape counts more than another one, of a name and labels. */
async function growth(
  work: () => Promise<void>,
  counted: Readonly<Record<string, readonly [string, Record<string, string>]>>,
): Promise<Record<string, number>> {
  const before = await gateway.metrics()
  await work()
  const after = await gateway.metrics()
  return Object.fromEntries(
    Object.entries(counted).map(([key, [name, labels]]) => [
      key,
      (sumOf(after, `fapigw_${name}`, labels) ?? 0) -
        (sumOf(before, `fapigw_${name}`, labels) ?? 0),
    ]),
  )
}

describe('before the first request every series that can be foreseen is there, at zero', () => {
  const zero = (name: string, labels: Record<string, string>) =>
    expect([name, labels, sumOf(first, `fapigw_${name}`, labels)]).toEqual([name, labels, 0])

  test.each([
    ['accounts', ['GET', 'HEAD']],
    ['payments', ['POST', 'PUT']],
    ['open', ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']],
    ['opaque', ['GET', 'HEAD']],
  ])('of the route %s', (route, methods) => {
    const isPublic = route === 'open'
    for (const method of methods) {
      zero('http_requests_total', { route, method, code: '200', outcome: 'ok' })
      zero('http_requests_total', { route, method, code: '502', outcome: 'upstream_error' })
      zero('http_requests_total', { route, method, code: '503', outcome: 'gateway_error' })
      if (isPublic) continue
      zero('http_requests_total', { route, method, code: '401', outcome: 'denied' })
      zero('http_requests_total', { route, method, code: '403', outcome: 'denied' })
    }
    zero('http_request_duration_seconds_count', { route })
    zero('overhead_seconds_count', { route })
    zero('http_request_bytes_total', { route })
    zero('http_response_bytes_total', { route })
    if (isPublic) return
    zero('dpop_nonce_challenges_total', { route })
    for (const method of ['mtls', 'dpop', 'mtls+dpop', 'none']) {
      zero('sender_constraint_total', { route, method, result: 'ok' })
      zero('sender_constraint_total', { route, method, result: 'refused' })
    }
  })

  test('of the issuers', () => {
    for (const result of ['ok', 'refused']) {
      zero('tokens_verified_total', { issuer: 'bank', kind: 'jwt', result })
      zero('tokens_verified_total', { issuer: 'other', kind: 'introspection', result })
    }
    for (const result of ['timeout', 'error'])
      zero('jwks_refresh_total', { issuer: 'bank', result })
    const issuer = 'other'
    for (const result of ['active', 'inactive', 'timeout', 'error', 'bad_response']) {
      zero('introspection_requests_total', { issuer, result })
    }
    for (const result of ['hit', 'miss', 'negative_hit', 'coalesced']) {
      zero('introspection_cache_total', { issuer, result })
    }
    zero('introspection_duration_seconds_count', { issuer })
  })

  test('of the stores', () => {
    zero('replay_detected_total', { kind: 'dpop_jti' })
    zero('replay_cache_entries', { store: 'memory' })
    zero('replay_cache_evictions_total', { store: 'memory' })
    zero('replay_cache_full_total', { store: 'memory' })
  })

  test('and what is known already is told', () => {
    expect(sumOf(first, 'fapigw_jwks_keys', { issuer: 'bank' })).toBe(2)
    expect(sumOf(first, 'fapigw_jwks_refresh_total', { issuer: 'bank', result: 'ok' })).toBe(1)
    const { hash } = gateway.configuration
    expect(sumOf(first, 'fapigw_config_info', { hash, profile: 'fapi2-security' })).toBe(1)
    expect(sumOf(first, 'fapigw_build_info')).toBe(1)
  })
})

describe('what is counted', () => {
  const route = 'accounts'
  const requests = (code: string, outcome: string) =>
    ['http_requests_total', { route, method: 'GET', code, outcome }] as const

  test('of requests that are served', async () => {
    const token = await mint()
    const grown = await growth(
      async () => {
        for (let i = 0; i < 3; i++) {
          await settled((id) => caller.send({ fields: [...id, ...bearer(token)] }))
        }
      },
      {
        ok: requests('200', 'ok'),
        all: ['http_requests_total', {}],
        durations: ['http_request_duration_seconds_count', { route }],
        overheads: ['overhead_seconds_count', { route }],
        tokens: ['tokens_verified_total', { issuer: 'bank', kind: 'jwt', result: 'ok' }],
        bindings: ['sender_constraint_total', { route, method: 'mtls', result: 'ok' }],
        upstream: ['upstream_requests_total', { code_class: '2xx', reason: 'ok' }],
        denials: ['denials_total', {}],
      },
    )
    expect(grown).toEqual({
      ok: 3,
      all: 3,
      durations: 3,
      overheads: 3,
      tokens: 3,
      bindings: 3,
      upstream: 3,
      denials: 0,
    })
    const text = await gateway.metrics()
    expect(sumOf(text, 'fapigw_http_requests_in_flight')).toBe(0)
    const [overhead, total] = ['overhead_seconds_sum', 'http_request_duration_seconds_sum']
    expect(sumOf(text, `fapigw_${overhead}`, { route })).toBeLessThan(
      sumOf(text, `fapigw_${total}`, { route })!,
    )
  })

  test('of requests that are refused', async () => {
    const unbound = await mint({ cnf: undefined })
    const expired = await mint({ exp: 1 })
    const grown = await growth(
      async () => {
        await settled((id) => caller.send({ fields: id }))
        await settled((id) => caller.send({ fields: [...id, ...bearer(unbound)] }))
        await settled((id) => caller.send({ fields: [...id, ...bearer(expired)] }))
      },
      {
        denied: requests('401', 'denied'),
        missing: ['denials_total', { route, reason: 'token_missing', mode: 'enforce' }],
        unbound: ['denials_total', { route, reason: 'cnf_missing' }],
        expired: ['denials_total', { route, reason: 'token_expired' }],
        bindings: ['sender_constraint_total', { route, method: 'none', result: 'refused' }],
        refused: ['tokens_verified_total', { issuer: 'bank', kind: 'jwt', result: 'refused' }],
        verified: ['tokens_verified_total', { issuer: 'bank', kind: 'jwt', result: 'ok' }],
        upstream: ['upstream_requests_total', {}],
      },
    )
    expect(grown).toEqual({
      denied: 3,
      missing: 1,
      unbound: 1,
      expired: 1,
      bindings: 1,
      refused: 1,
      verified: 1,
      upstream: 0,
    })
  })

  test('of proofs: nonces that were asked for, replays, what is remembered', async () => {
    const { accessToken } = await dpop.token({ scope: 'accounts', resource: RESOURCES.jwt })
    const url = `${API}/accounts`
    const grown = await growth(
      async () => {
        for (const times of [1, 2]) {
          const proof = await dpop.makeProof({ method: 'GET', url, accessToken })
          for (let i = 0; i < times; i++) {
            const headers = { authorization: `DPoP ${accessToken}`, dpop: proof }
            await settled(([, id]) =>
              dpop.rawCall(url, { headers: { ...headers, 'x-fapi-interaction-id': id! } }),
            )
          }
        }
      },
      {
        challenges: ['dpop_nonce_challenges_total', { route }],
        replays: ['replay_detected_total', { kind: 'dpop_jti' }],
        remembered: ['replay_cache_entries', { store: 'memory' }],
        skews: ['clock_skew_seconds_count', { source: 'dpop_iat' }],
      },
    )
    expect(grown).toEqual({ challenges: 1, replays: 1, remembered: 1, skews: 3 })
  })
})

test('no label is a stranger’s word: hostile requests make no series of their own [OPS-3, O18]', async () => {
  const hostile = async () => {
    for (const method of ['PROPFIND', 'PURGE', 'MKCOL', 'M-SEARCH', 'OPTIONS']) {
      await settled((id) => caller.send({ method, path: `/${randomUUID()}`, fields: id }))
    }
    await settled((id) => caller.send({ fields: [...id, 'Host', `${randomUUID()}.example`] }))
    await settled((id) => caller.send({ fields: [...id, 'Expect', randomUUID()] }))
    await settled((id) => caller.send({ path: `/accounts/${randomUUID()}`, fields: id }))
    for (const token of [
      await mint({ client_id: randomUUID(), sub: randomUUID(), scope: `accounts ${randomUUID()}` }),
      await mint({ iss: `https://${randomUUID()}.example` }),
      await mint({ aud: randomUUID() }),
      await mint({}, { kid: randomUUID() }),
      await mint({ cnf: { [randomUUID()]: randomUUID() } }),
      randomUUID(),
    ]) {
      await settled((id) => caller.send({ fields: [...id, ...bearer(token)] }))
    }
    await sendRaw(fixture, gateway, `${randomUUID()} / HTTP/1.1\r\n\r\n`)
  }
  const series = async () =>
    parseExposition(await gateway.metrics()).map(
      ({ name, labels }) => `${name} ${JSON.stringify(labels)}`,
    )
  const ours = (all: string[]) => all.filter((one) => one.startsWith('fapigw_'))

  await hostile()
  const once = ours(await series())
  for (let i = 0; i < 3; i++) await hostile()
  expect(ours(await series())).toEqual(once)
  expect(new Set(once).size).toBe(once.length)
})
