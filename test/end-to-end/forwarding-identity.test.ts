import { calculateJwkThumbprint, exportJWK } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type Caller, createCaller, linesOf } from '../support/caller.ts'
import {
  API,
  type Fixture,
  HOST,
  RESOURCES,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'

const YAML = `version: 1
profile: custom
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
dpop: { nonce: { mode: off } }
defaults: { scopes: [accounts] }
routes:
  - { id: accounts, match: GET /accounts/**, upstream: $BANK }
  - { id: based, match: "GET,POST /based/**", upstream: $BANK/core/v1 }
  - { id: passed, match: GET /passed, forward: { authorization: pass }, upstream: $BANK }
  - id: renamed
    match: GET /renamed
    forward: { client_id: TPP, sub: X-Sub, scope: false, iss: false, binding: X-Bound, thumbprint: X-Thumb }
    upstream: $BANK
  - { id: open, match: GET /open, public: true, upstream: $BANK }
  - { id: loose, match: GET /loose, sender: none, upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`
const ID = '93bac548-d2de-4546-b106-880a5018460D'

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let client: Client
let mint: Mint
let token: string
let issuer: string

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  gateway = await fixture.gateway(YAML)
  const { mtls } = fixture.certificates
  caller = createCaller(fixture, gateway, mtls)
  client = await fixture.client('dpop', gateway)
  issuer = fixture.as.issuer
  const honest = createMint(signing, issuer)
  mint = (claims) => honest({ cnf: { 'x5t#S256': mtls.thumbprint }, ...claims })
  token = await mint()
})

afterAll(async () => {
  caller.close()
  await fixture.close()
})

/** What reached the bank of a request that is served, or at least forwarded. */
async function forwarded(fields: string[] = [], path = '/accounts', credentials = token) {
  const before = fixture.reached.length
  const own = ['Authorization', `Bearer ${credentials}`, 'x-fapi-interaction-id', ID]
  await caller.send({ path, fields: [...own, ...fields] })
  expect(fixture.reached).toHaveLength(before + 1)
  return fixture.reached.at(-1)!
}

/** What the gateway says of itself, on the route `accounts`. */
const OWN = (): Record<string, string[]> => ({
  'x-client-id': ['minted'],
  'x-subject': ['minted'],
  'x-scope': ['accounts'],
  'x-token-issuer': [issuer],
  'x-token-binding': ['mtls'],
  'x-token-thumbprint': [fixture.certificates.mtls.thumbprint],
  'x-fapi-interaction-id': [ID],
  'x-forwarded-for': ['127.0.0.1'],
  'x-forwarded-host': [HOST],
  'x-forwarded-proto': ['https'],
  forwarded: [`for=127.0.0.1;host="${HOST}";proto=https`],
  via: [expect.stringMatching(/^1\.1 fapi-gateway-[0-9a-f]{8}$/)],
  host: [new URL(fixture.bank.url).host],
  connection: ['keep-alive'],
})

/** All fields, by lower-case name. */
function byName(rawHeaders: readonly string[]): Record<string, string[]> {
  const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
  return Object.fromEntries(names.map((name) => [name, linesOf(rawHeaders, name)]))
}

test('RFC 9110 §11.6.2: the bank is told who it is for, and not given the token [F1B-RS-6, BT-11]', async () => {
  const { rawHeaders, method, url } = await forwarded()
  expect(`${method} ${url}`).toBe('GET /accounts')
  expect(byName(rawHeaders)).toEqual(OWN())
})

test.each([
  ['/accounts?a=1&b=%20&c', '/accounts?a=1&b=%20&c'],
  ['/accounts?', '/accounts?'],
  ['/accounts/a%20b/c?x=%2F../', '/accounts/a%20b/c?x=%2F../'],
  ['/based/x?q', '/core/v1/based/x?q'],
])('RFC 9110 §7.6: path and query go on as they came: %s', async (path, expected) => {
  expect((await forwarded([], path)).url).toBe(expected)
})

/** Each a thing that a client may not say, or only to the gateway. */
const SPOOFED = [
  'X-Client-Id',
  'x-client-id',
  'X_Client_Id',
  'x_client_id',
  'X.Client.Id',
  'X-Subject',
  'X_SUBJECT',
  'X-Scope',
  'X-Token-Issuer',
  'X-Token-Binding',
  'X-Token_Binding',
  'X-Token-Thumbprint',
  'X-Forwarded-For',
  'X_Forwarded_For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Client-Cert',
  'Forwarded',
  'X-Real-IP',
  'True-Client-IP',
  'Client-Cert',
  'Client_Cert',
  'Client-Cert-Chain',
  'X-Client-Cert',
  'X-SSL-Client-Cert',
  'SSL-Client-Verify',
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Envoy-Original-Path',
  'Proxy',
  'Proxy-Authorization',
  'DPoP',
  'TE',
  'Keep-Alive',
  'Upgrade',
]

describe('RFC 9700 §4.13: what a client says of itself does not reach the bank [BT-12, HTTP-1, H16, H20, PF-9, PF-10, PF-19]', () => {
  const spoof = 'spoofed-by-a-client'

  test.each(SPOOFED)('%s', async (name) => {
    const { rawHeaders } = await forwarded([name, spoof])
    expect(byName(rawHeaders)).toEqual(OWN())
  })

  test('all of them at once, each twice', async () => {
    const fields = SPOOFED.flatMap((name) => [name, spoof, name, spoof])
    expect(byName((await forwarded(fields)).rawHeaders)).toEqual(OWN())
  })

  test.each([
    'X-Client-Id',
    'X-Forwarded-For',
    'Forwarded',
    'x-fapi-interaction-id',
    'Via',
    'X-Token-Binding',
    'Authorization',
    'Host',
  ])(
    'RFC 9110 §7.6.1: named in Connection, ours are sent all the same: %s [H15, HTTP-1]',
    async (name) => {
      const { rawHeaders } = await forwarded(['Connection', `keep-alive, ${name}`])
      expect(byName(rawHeaders)).toEqual(OWN())
    },
  )

  test('RFC 9110 §7.6.1: a field named in Connection was for the gateway', async () => {
    const fields = ['Connection', 'X-Private', 'X-Private', '1', 'X-Public', '2']
    expect(byName((await forwarded(fields)).rawHeaders)).toEqual({ ...OWN(), 'x-public': ['2'] })
  })
})

test('what a client may say goes on, line by line', async () => {
  const fields = ['Accept', 'a/b', 'accept', 'c/d', 'Cookie', 'a=b', 'x-fapi-auth-date', 'now']
  expect(byName((await forwarded(fields)).rawHeaders)).toEqual({
    ...OWN(),
    accept: ['a/b', 'c/d'],
    cookie: ['a=b'],
    'x-fapi-auth-date': ['now'],
  })
})

test('RFC 9110 §7.6.3: our line of Via stands behind the others [HTTP-2]', async () => {
  const { rawHeaders } = await forwarded(['Via', '1.1 one'])
  expect(linesOf(rawHeaders, 'via')).toEqual([
    '1.1 one',
    expect.stringMatching(/^1\.1 fapi-gateway-/),
  ])
})

test('the token goes on where that is configured, and the proof does not', async () => {
  const { accessToken } = await client.token({ scope: 'accounts', resource: RESOURCES.jwt })
  const proof = await client.makeProof({ method: 'GET', url: `${API}/passed`, accessToken })
  const fields = ['Authorization', `DPoP ${accessToken}`, 'DPoP', proof]
  await caller.send({ path: '/passed', fields })
  const { authorization, dpop, ...told } = byName(fixture.reached.at(-1)!.rawHeaders)
  expect({ authorization, dpop }).toEqual({ authorization: [`DPoP ${accessToken}`] })
  expect(told).toMatchObject({
    'x-client-id': ['dpop'],
    'x-subject': ['dpop'],
    'x-token-binding': ['dpop'],
    'x-token-thumbprint': [
      await calculateJwkThumbprint(await exportJWK(client.dpopKeys.publicKey)),
    ],
  })
})

test('names are those of the configuration, and a client’s own of those names are gone', async () => {
  const spoofed = ['TPP', 'me', 'tpp', 'me', 'X_Sub', 'me', 'X-Bound', 'none', 'X-Client-Id', 'me']
  const told = byName((await forwarded(spoofed, '/renamed')).rawHeaders)
  expect(told).toMatchObject({ tpp: ['minted'], 'x-sub': ['minted'], 'x-bound': ['mtls'] })
  expect(told).toMatchObject({ 'x-thumb': [fixture.certificates.mtls.thumbprint] })
  for (const name of ['x-scope', 'x-token-issuer', 'x_sub']) expect(told).not.toHaveProperty(name)
})

test('RFC 8705 §3, RFC 9449 §6: a token that is bound twice is told of as such', async () => {
  const jkt = await calculateJwkThumbprint(await exportJWK(client.dpopKeys.publicKey))
  const accessToken = await mint({
    cnf: { jkt, 'x5t#S256': fixture.certificates.mtls.thumbprint },
  })
  const dpop = await client.makeProof({ method: 'GET', url: `${API}/accounts`, accessToken })
  const fields = ['Authorization', `DPoP ${accessToken}`, 'DPoP', dpop]
  expect(await caller.send({ fields })).toMatchObject({ status: 200 })
  expect(byName(fixture.reached.at(-1)!.rawHeaders)).toMatchObject({
    'x-token-binding': ['mtls+dpop'],
    'x-token-thumbprint': [jkt],
  })
})

test('envoyproxy/envoy#43630: where no token is asked for, none goes on, and nobody is named [PF-41]', async () => {
  const before = fixture.reached.length
  const fields = [...SPOOFED.flatMap((name) => [name, 'spoofed']), 'x-fapi-interaction-id', ID]
  await caller.send({ path: '/open', fields: ['Authorization', `Bearer ${token}`, ...fields] })
  expect(fixture.reached).toHaveLength(before + 1)
  const own = Object.entries(OWN()).filter(
    ([name]) => !/^x-(client|subject|scope|token)/.test(name),
  )
  expect(byName(fixture.reached.at(-1)!.rawHeaders)).toEqual(Object.fromEntries(own))
})

test('CVE-2026-44087: what a token does not say leaves no field, whatever the client sent [PF-21, PF-26]', async () => {
  const unbound = await mint({ cnf: undefined, scope: 'accounts' })
  const fields = ['X-Token-Thumbprint', 'spoofed', 'X-Token-Binding', 'mtls']
  const told = byName((await forwarded(fields, '/loose', unbound)).rawHeaders)
  expect(told['x-token-binding']).toEqual(['none'])
  expect(told).not.toHaveProperty('x-token-thumbprint')
})

test.each([
  ['a\r\nX-Client-Id: other', 'a%0D%0AX-Client-Id: other'],
  ['käufer', 'k%C3%A4ufer'],
  ['100%25', '100%2525'],
  [' spaced ', '%20spaced%20'],
])('RFC 9110 §5.5: a sub that is no field value is encoded: %j', async (sub, expected) => {
  const { rawHeaders } = await forwarded([], '/accounts', await mint({ sub }))
  expect(byName(rawHeaders)).toEqual({ ...OWN(), 'x-subject': [expected] })
})
