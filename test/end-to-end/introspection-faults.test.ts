import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { listen } from '../../src/demo/loopback.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { sumOf } from '../support/exposition.ts'
import { API, type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, namedSigningKeys } from '../support/minting.ts'
import { expectRefusal, refusedToken, TOKEN_NOT_ACCEPTED } from '../support/refusal.ts'
import { type Answering, type Stub, startStub } from '../support/stub.ts'

const yaml = (endpoint: string, closed: string) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  stub:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${endpoint}
      auth: { method: client_secret_basic, client_id: gateway, client_secret: secret }
      timeout: 2s
  slow:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${endpoint}
      auth: { method: client_secret_basic, client_id: gateway, client_secret: secret }
      timeout: 100ms
  patient:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${endpoint}
      auth: { method: client_secret_basic, client_id: gateway, client_secret: secret }
      cache: { max_entries: 1000, negative_ttl: 1m }
      timeout: 30s
  closed:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${closed}
      auth: { method: client_secret_basic, client_id: gateway, client_secret: secret }
  untrusted:
    issuer: $ISSUER
    audience: https://$HOST
    tokens: introspection
    introspection:
      endpoint: ${endpoint}
      auth: { method: client_secret_basic, client_id: gateway, client_secret: secret }
defaults: { scopes: [accounts] }
routes:
  - { id: accounts, match: GET /accounts/**, issuers: [stub], upstream: $BANK }
  - { id: slow, match: GET /accounts/slow, issuers: [slow], upstream: $BANK }
  - { id: patient, match: GET /accounts/22289, issuers: [patient], upstream: $BANK }
  - { id: closed, match: GET /accounts/closed, issuers: [closed], upstream: $BANK }
  - { id: untrusted, match: GET /accounts/untrusted, issuers: [untrusted], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let stub: Stub
/** A response of which nothing is wrong. */
let active: Record<string, unknown>

beforeAll(async () => {
  fixture = await startFixture()
  stub = await startStub(fixture, () => ({ body: active }))
  const { port, close } = await listen(createServer(), 0)
  await close()
  gateway = await fixture.gateway(yaml(`${stub.origin}/introspect`, `https://localhost:${port}/`))
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  active = {
    active: true,
    aud: API,
    exp: Math.floor(Date.now() / 1000) + 3600,
    scope: 'accounts',
    client_id: 'tpp',
    cnf: { 'x5t#S256': fixture.certificates.mtls.thumbprint },
  }
})

beforeEach(() => {
  stub.answer = () => ({ body: active })
})

afterAll(async () => {
  caller.close()
  await fixture.close()
  await stub.close()
})

const credentials = (token: string = randomUUID()) => ['Authorization', `Bearer ${token}`]

const requests = async (issuer: string, result: string) =>
  sumOf(await gateway.metrics(), 'fapigw_introspection_requests_total', { issuer, result }) ?? 0

/** Tokens that were judged, whatever came of it. */
const verified = async () => sumOf(await gateway.metrics(), 'fapigw_tokens_verified_total')

/** Never 401, since it is not known; never through. */
async function expectUnavailable(
  reason: string,
  { route = 'accounts', token }: { route?: string; token?: string } = {},
): Promise<void> {
  const judged = await verified()
  await expectRefusal(
    { fixture, gateway, caller },
    {
      path: route === 'accounts' ? '/accounts' : `/accounts/${route}`,
      fields: credentials(token),
    },
    {
      status: 503,
      challenges: [],
      error: 'temporarily_unavailable',
      reason,
      route,
      outcome: 'gateway_error',
      fields: { 'retry-after': '1' },
    },
  )
  expect(await verified()).toBe(judged)
}

test('with a response of which nothing is wrong, a request is served', async () => {
  const before = fixture.reached.length
  expect(await caller.send({ fields: credentials('a-token~/+=') })).toMatchObject({ status: 200 })
  expect(fixture.reached).toHaveLength(before + 1)
  expect(stub.requests.at(-1)).toMatchObject({
    method: 'POST',
    url: '/introspect',
    headers: {
      accept: 'application/json',
      authorization: `Basic ${Buffer.from('gateway:secret').toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'token=a-token%7E%2F%2B%3D&token_type_hint=access_token',
  })
})

describe('RFC 7662 §2.3: an endpoint that does not answer says nothing of the token [INT-3, I10]', () => {
  const answers: readonly [string, Answering, string][] = [
    ['500', () => ({ status: 500, body: active }), 'introspection_unavailable'],
    ['401', () => ({ status: 401, body: active }), 'introspection_unavailable'],
    ['204', () => ({ status: 204, body: '' }), 'introspection_unavailable'],
    ['206', () => ({ status: 206, body: active }), 'introspection_unavailable'],
    [
      'a redirect',
      () => ({ status: 307, headers: { location: '/elsewhere' } }),
      'introspection_unavailable',
    ],
    [
      'HTML',
      () => ({ type: 'text/html', body: '<html>{"active":true}' }),
      'introspection_response_malformed',
    ],
    [
      'JSON called HTML',
      () => ({ type: 'text/html', body: active }),
      'introspection_response_malformed',
    ],
    ['nothing', () => ({ body: '' }), 'introspection_response_malformed'],
    ['half of it', () => ({ body: '{"active":true,"aud":' }), 'introspection_response_malformed'],
    ['a list', () => ({ body: [active] }), 'introspection_response_malformed'],
    ['null', () => ({ body: 'null' }), 'introspection_response_malformed'],
    ['no member', () => ({ body: {} }), 'introspection_response_invalid'],
    ['"true"', () => ({ body: { ...active, active: 'true' } }), 'introspection_response_invalid'],
    ['1', () => ({ body: { ...active, active: 1 } }), 'introspection_response_invalid'],
    [
      'no and yes',
      () => ({ body: `{"active":false,${JSON.stringify(active).slice(1)}` }),
      'introspection_response_malformed',
    ],
    [
      'two audiences, one behind the other',
      () => ({ body: `{"aud":"other",${JSON.stringify(active).slice(1)}` }),
      'introspection_response_malformed',
    ],
    [
      'a megabyte and more',
      () => ({ body: { ...active, more: 'x'.repeat(1_048_576) } }),
      'introspection_unavailable',
    ],
    [
      'a response that breaks off',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
        response.write('{"active":true', () => response.destroy())
        return 'unanswered'
      },
      'introspection_unavailable',
    ],
    [
      'nothing at all',
      (_, response) => {
        response.destroy()
        return 'unanswered'
      },
      'introspection_unavailable',
    ],
  ]

  test.each(answers)('%s', async (_title, answer, reason) => {
    const token = randomUUID()
    stub.answer = answer
    const result = reason === 'introspection_unavailable' ? 'error' : 'bad_response'
    const before = await requests('stub', result)
    await expectUnavailable(reason, { token })
    expect(await requests('stub', result)).toBe(before + 1)
    expect(stub.requests.map(({ url }) => url)).not.toContain('/elsewhere')

    // Nothing of it is remembered.
    stub.answer = () => ({ body: active })
    expect(await caller.send({ fields: credentials(token) })).toMatchObject({ status: 200 })
  })

  test('none in time [I09]', async () => {
    stub.answer = () => 'unanswered'
    const before = await requests('slow', 'timeout')
    await expectUnavailable('introspection_unavailable', { route: 'slow' })
    expect(await requests('slow', 'timeout')).toBe(before + 1)
  })

  test('nobody there', async () => {
    const before = await requests('closed', 'error')
    await expectUnavailable('introspection_unavailable', { route: 'closed' })
    expect(await requests('closed', 'error')).toBe(before + 1)
  })

  test('CVE-2026-31923, RFC 9325 §7.1: somebody there, whose certificate is not trusted [INT-1, I08, F1B-SEC-2, F2-NET-4, PF-23]', async () => {
    const before = stub.requests.length
    await expectUnavailable('introspection_unavailable', { route: 'untrusted' })
    expect(stub.requests).toHaveLength(before)
  })
})

describe('RFC 7662 §2.2: a response that is one is judged like a JWT [INT-5, I11]', () => {
  const concealed = (reason: string) => refusedToken(reason, TOKEN_NOT_ACCEPTED)
  const refusals: readonly [string, Record<string, unknown>, string][] = [
    ['inactive, whatever else it says', { active: false }, 'token_inactive'],
    ['of another issuer', { iss: 'https://other.example' }, 'token_issuer_mismatch'],
    ['for another audience', { aud: ['https://other.example'] }, 'token_audience_mismatch'],
    ['without an audience', { aud: undefined }, 'token_audience_malformed'],
    ['expired', { exp: 1 }, 'token_expired'],
    ['with an end that is no time', { exp: '9999999999' }, 'token_exp_malformed'],
    ['not yet valid', { nbf: 99_999_999_999 }, 'token_not_yet_valid'],
    ['of type DPoP without a key', { token_type: 'DPoP' }, 'token_type_mismatch'],
    ['bound in a way that is not known', { cnf: { jwk: {} } }, 'cnf_method_unknown'],
  ]

  test.each(refusals)('%s', async (_title, change, reason) => {
    stub.answer = () => ({ body: { ...active, ...change } })
    const request = { fields: credentials() }
    await expectRefusal({ fixture, gateway, caller }, request, concealed(reason))
  })

  test('FAPI 2.0 SP §5.3.4-5: bound to nothing [HOLE-9, HOLE-6]', async () => {
    stub.answer = () => ({ body: { ...active, cnf: undefined } })
    const request = { fields: credentials() }
    await expectRefusal({ fixture, gateway, caller }, request, refusedToken('cnf_missing'))
  })
})

test('RFC 7662 §2.2: one without an end is served, and soon asked about again', async () => {
  stub.answer = () => ({ body: { ...active, exp: undefined } })
  const fields = credentials()
  expect(await caller.send({ fields })).toMatchObject({ status: 200 })
  const asked = stub.requests.length
  const askAgain = async () => {
    expect(await caller.send({ fields })).toMatchObject({ status: 200 })
    return stub.requests.length
  }
  // Sooner than an answer with an end, which is kept for 15 seconds.
  await expect.poll(askAgain, { timeout: 10_000, interval: 200 }).toBeGreaterThan(asked)
})

test('where every token is introspected, a JWT is too, however well it is signed', async () => {
  const mint = createMint(await namedSigningKeys('own'), fixture.as.issuer)
  const token = await mint()
  stub.answer = () => ({ body: { active: false } })
  const request = { fields: credentials(token) }
  const expected = refusedToken('token_inactive', TOKEN_NOT_ACCEPTED)
  await expectRefusal({ fixture, gateway, caller }, request, expected)

  stub.answer = () => ({ body: active })
  expect(await caller.send({ fields: credentials(await mint()) })).toMatchObject({ status: 200 })
  expect(stub.requests.at(-1)?.body).toMatch(/^token=[\w-]+\.[\w-]+\.[\w-]+&/)
})

test('of a thousand made-up tokens at once, 32 are asked about, and the others told to come again [I13]', {
  timeout: 120_000,
}, async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  stub.answer = async () => {
    await held
    return { body: { active: false } }
  }
  const before = { asked: stub.requests.length, reached: fixture.reached.length }
  const path = '/accounts/22289'
  const tokens = Array.from({ length: 1000 }, () => credentials())
  const busy = async () =>
    sumOf(await gateway.metrics(), 'fapigw_denials_total', {
      route: 'patient',
      reason: 'introspection_busy',
    })
  try {
    const answers = Promise.all(tokens.map((fields) => caller.send({ path, fields })))
    await expect.poll(busy, { timeout: 60_000, interval: 50 }).toBe(968)
    release()
    const statuses = (await answers).map(({ status }) => status)
    expect(statuses.filter((status) => status === 503)).toHaveLength(968)
    expect(statuses.filter((status) => status === 401)).toHaveLength(32)
  } finally {
    release()
  }
  expect(stub.requests).toHaveLength(before.asked + 32)
  expect(fixture.reached).toHaveLength(before.reached)

  // Of those that are not active a tenth of max_entries is remembered; nobody else is pushed out by them.
  stub.answer = () => ({ body: active })
  const good = credentials()
  expect(await caller.send({ path, fields: good })).toMatchObject({ status: 200 })
  const asked = stub.requests.length
  expect(await caller.send({ path, fields: good })).toMatchObject({ status: 200 })
  expect(stub.requests).toHaveLength(asked)
})

test('an endpoint that is behind the gateway itself is asked once, and goes round no further [I22]', async () => {
  const { port, close } = await listen(createServer(), 0)
  await close()
  const origin = `https://localhost:${port}`
  const circular = await fixture.gateway(`version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:${port}
  public_url: ${origin}
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  circle:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${origin}/accounts
      auth: { method: client_secret_post, client_id: gateway, client_secret: secret }
routes:
  - { id: accounts, match: /accounts/**, scopes: [accounts], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
  const own = createCaller(fixture, circular, fixture.certificates.mtls, 'localhost')
  const before = fixture.reached.length
  const fields = ['Host', `localhost:${port}`, ...credentials()]
  expect(await own.send({ fields })).toMatchObject({ status: 503 })
  const reasons = circular.lines
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg === 'access')
    .map(({ reason }) => reason)
  expect(reasons).toEqual(['token_missing', 'introspection_unavailable'])
  expect(fixture.reached).toHaveLength(before)
  own.close()
})
