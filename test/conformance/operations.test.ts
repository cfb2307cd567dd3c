import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { createWorkspace, gateway as file, type Workspace } from '../config/workspace.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { sumOf } from '../support/exposition.ts'
import {
  API,
  type Fixture,
  RESOURCES,
  SMALLEST,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'
import { get } from '../support/open-gateway.ts'
import { sendRaw } from '../support/raw-socket.ts'

describe('what FAPI forbids cannot be configured under a profile of FAPI', () => {
  let workspace: Workspace
  beforeAll(async () => {
    workspace = await createWorkspace()
  })
  afterAll(() => workspace.remove())

  const listen = (more: string) =>
    `{ address: "127.0.0.1:8443", public_url: https://api.bank.example, certificate: tls/server.crt, key: tls/server.key, client_ca: tls/client-ca.pem, ${more} }`
  const issuers = (more: string) =>
    `{ bank: { issuer: https://as.bank.example, audience: https://api.bank.example, ${more} } }`
  const routes = (more: string) =>
    `[{ id: a, match: GET /a, scopes: [a], upstream: "http://127.0.0.1:1", ${more} }]`

  const FORBIDDEN: readonly [string, Record<string, string>, string][] = [
    ['RS256', { issuers: issuers('algorithms: [RS256]') }, 'profile-floor'],
    ['TLS 1.1', { listen: listen('min_version: "1.1"') }, 'invalid-value'],
    ['tokens that are bound to nothing', { routes: routes('sender: none') }, 'profile-floor'],
    [
      'the same in the long form',
      { routes: routes('sender_constraint: { required: false }') },
      'profile-floor',
    ],
    ['a token in the query', { routes: routes('credentials: { query: true }') }, 'unknown-key'],
    [
      'a suite that is not of the profile',
      { routes: routes('transport: { cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256] }') },
      'invalid-value',
    ],
    [
      'more skew than the profile overlooks',
      { routes: routes('access_token: { clock_skew: 61s }') },
      'profile-floor',
    ],
    ['RS256 in proofs', { routes: routes('dpop_proof: { algorithms: [RS256] }') }, 'profile-floor'],
  ]

  test.each(
    ['fapi1-advanced', 'fapi2-security'].flatMap((profile) =>
      FORBIDDEN.map(([title, change, id]) => [profile, title, change, id] as const),
    ),
  )('%s: %s [OPS-7, OPS-6]', async (profile, _title, change, id) => {
    const { configuration, diagnostics } = await workspace.load(file({ profile, ...change }))
    expect(diagnostics.map((one) => one.id)).toContain(id)
    expect(configuration).toBeUndefined()
  })

  test('what FAPI does not speak of is left to who names no profile of it [OPS-7]', async () => {
    const change = {
      profile: 'custom',
      issuers: issuers('algorithms: [RS256]'),
      routes: routes('sender: none, access_token: { algorithms: [RS256] }'),
    }
    const { configuration, diagnostics } = await workspace.load(file(change))
    expect(diagnostics).toEqual([])
    expect(configuration?.profile).toBe('custom')
  })
})

describe('with a gateway', () => {
  let fixture: Fixture
  let gateway: TestGateway
  let caller: Caller
  let stranger: Caller
  let dpop: Client
  let token: string
  let dpopToken: string

  beforeAll(async () => {
    fixture = await startFixture()
    gateway = await fixture.gateway(`${SMALLEST}dpop: { nonce: { mode: off } }\n`)
    caller = createCaller(fixture, gateway, fixture.certificates.mtls)
    stranger = createCaller(fixture, gateway, fixture.certificates.stranger)
    dpop = await fixture.client('dpop', gateway)
    const mtls = await fixture.client('mtls', gateway)
    const request = { scope: 'accounts', resource: RESOURCES.jwt }
    token = (await mtls.token(request)).accessToken
    dpopToken = (await dpop.token(request)).accessToken
  })
  afterAll(async () => {
    caller.close()
    stranger.close()
    await fixture.close()
  })

  const bearer = (value: string) => ['Authorization', `Bearer ${value}`]

  async function proven(claims: Record<string, unknown> = {}): Promise<string[]> {
    const proof = { method: 'GET', url: `${API}/accounts`, accessToken: dpopToken, claims }
    return ['Authorization', `DPoP ${dpopToken}`, 'DPoP', await dpop.makeProof(proof)]
  }

  test.each(['/metrics', '/healthz', '/readyz'])(
    '%s is told on the admin address, and to no client [OPS-4]',
    async (path) => {
      expect((await fetch(gateway.adminUrl + path)).status).toBe(200)
      const fields = bearer(token)
      const answer = await caller.send({ path, fields })
      expect(answer.status).toBe(404)
      expect(JSON.parse(answer.body)).toMatchObject({ error_description: 'route_not_found' })
    },
  )

  test('clients’ clocks are watched, in proofs that are refused for theirs too [OPS-8]', async () => {
    const sum = async () =>
      sumOf(await gateway.metrics(), 'fapigw_clock_skew_seconds_sum', { source: 'dpop_iat' }) ?? 0
    for (const [ahead, status] of [
      [8, 200],
      [-1000, 401],
    ] as const) {
      const before = await sum()
      const id = randomUUID()
      const iat = Math.floor(Date.now() / 1000) + ahead
      const fields = [...(await proven({ iat })), 'x-fapi-interaction-id', id]
      expect(await caller.send({ fields })).toMatchObject({ status })
      await gateway.accessLine(id)
      const grown = (await sum()) - before
      // A second for the fraction, and however long the test was held up.
      expect(grown).toBeLessThanOrEqual(ahead)
      expect(grown).toBeGreaterThan(ahead - 20)
    }
  })

  describe('every decision leaves one line, with who, what, which token and what came of it', () => {
    const ALWAYS = {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      msg: 'access',
      listener: 'listen',
      mode: 'enforce',
      config: expect.stringMatching(/^[0-9a-f]+$/),
    }
    const digest = expect.stringMatching(/^[\w-]{8}$/)

    /** The only line of a request, found by what the client was told. */
    async function lineOf(id: string): Promise<Record<string, unknown>> {
      const line = await gateway.accessLine(id)
      expect(gateway.lines.filter((one) => one.includes(id))).toHaveLength(1)
      expect(line).toMatchObject(ALWAYS)
      return line
    }

    test.each<[string, () => Promise<string[]> | string[], () => Caller, object]>([
      [
        'served, by certificate',
        () => bearer(token),
        () => caller,
        { status: 200, outcome: 'ok', client_id: 'mtls', sender: 'mtls', jti_sha256_8: digest },
      ],
      [
        'served, by DPoP',
        () => proven(),
        () => caller,
        { status: 200, outcome: 'ok', client_id: 'dpop', sender: 'dpop', jkt_8: digest },
      ],
      [
        'refused to a thief',
        () => bearer(token),
        () => stranger,
        {
          status: 401,
          outcome: 'denied',
          reason: 'cnf_x5t_mismatch',
          client_id: 'mtls',
          jti_sha256_8: digest,
          cert_sha256_8: digest,
        },
      ],
      ['refused to nobody', () => [], () => caller, { status: 401, reason: 'token_missing' }],
    ])('%s [OPS-10, F1B-RS-12]', async (_title, fields, by, expected) => {
      const answer = await by().send({ fields: await fields() })
      const line = await lineOf(answer.lines('x-fapi-interaction-id')[0]!)
      expect(line).toMatchObject({ route: 'accounts', method: 'GET', ...expected })
      expect(JSON.stringify(line)).not.toContain(token.slice(-30))
    })

    test('refused before it was a request [OPS-10, F1B-RS-12]', async () => {
      for (const [bytes, status, reason] of [
        ['nonsense\r\n\r\n', 400, 'http_malformed'],
        [get('/', [`X: ${'a'.repeat(17_000)}`]), 431, 'header_bytes_too_many'],
        [get('example.com:443', [], 'CONNECT'), 405, 'method_connect'],
      ] as const) {
        const [answer] = await sendRaw(fixture, gateway, bytes)
        const line = await lineOf(answer?.lines('x-fapi-interaction-id')[0] ?? 'none')
        expect(line).toMatchObject({ status, reason, route: '_unmatched' })
      }
    })
  })
})
