import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { sumOf } from '../support/exposition.ts'
import { type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys, type SigningKeys } from '../support/minting.ts'
import { expectRefusal, refusedToken, TOKEN_NOT_ACCEPTED } from '../support/refusal.ts'

const yaml = (issuers: string, routes: string) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
${issuers}
defaults: { scopes: [accounts] }
routes:
${routes}
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`
const issuerOf = (id: string, issuer: string, jwks: string) =>
  `  ${id}: { issuer: "${issuer}", audience: https://$HOST, ca: ca.pem, jwks: { ${jwks} } }`
const routeOf = (id: string, path: string, issuers: string) =>
  `  - { id: ${id}, match: GET ${path}, issuers: [${issuers}], upstream: $BANK }`
const ONE_ROUTE = routeOf('accounts', '/accounts', 'bank')

let fixture: Fixture
let signing: SigningKeys
/** How often the authorization server was asked for its keys. */
let fetches = 0
const closing: (() => unknown)[] = []

beforeAll(async () => {
  signing = await namedSigningKeys('one')
  fixture = await startFixture({
    jwks: signing,
    onRequest: ({ url }) => {
      if (url === '/jwks') fetches += 1
    },
  })
})

afterAll(async () => {
  for (const close of closing.reverse()) await close()
  await fixture.close()
})

async function startWith(jwks: string, issuer = fixture.as.issuer) {
  const gateway = await fixture.gateway(yaml(issuerOf('bank', issuer, jwks), ONE_ROUTE))
  const caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  closing.push(caller.close)
  return { gateway, caller }
}

/** Another authorization server with the fixture's resources. */
async function startServer(jwks: SigningKeys, port = 0): Promise<AuthorizationServer> {
  const { certificate, key } = fixture.server
  const server = await startAuthorizationServer({
    tls: { certificate, key, clientCa: fixture.authority.certificate },
    resources: { [RESOURCES.jwt]: {} },
    jwks,
    port,
  })
  closing.push(server.close)
  return server
}

/** Mints tokens that are bound to the certificate of the callers here. */
function mintFor(keys: SigningKeys, issuer: string): Mint {
  const mint = createMint(keys, issuer)
  const cnf = { 'x5t#S256': fixture.certificates.mtls.thumbprint }
  return (claims, header) => mint({ cnf, ...claims }, header)
}

const bearer = (token: string) => ['Authorization', `Bearer ${token}`]

async function statusOf(caller: Caller, token: string, path = '/accounts'): Promise<number> {
  return (await caller.send({ path, fields: bearer(token) })).status
}

async function readyz({ adminUrl }: TestGateway): Promise<[number, string]> {
  const response = await fetch(`${adminUrl}/readyz?verbose`)
  return [response.status, await response.text()]
}

const unavailable = (reason: string) => ({
  status: 503,
  challenges: [],
  error: 'temporarily_unavailable',
  reason,
  outcome: 'gateway_error',
  fields: { 'retry-after': '1' },
})

const unknownKid = refusedToken('token_kid_unknown', TOKEN_NOT_ACCEPTED)

describe('RFC 8725 §3.10: a key that is not known', () => {
  test('is fetched when the issuer signs with others; what it has withdrawn is not used [I06]', async () => {
    const { gateway, caller } = await startWith('cooldown: 1s')
    const own = mintFor(signing, fixture.as.issuer)
    const client = await fixture.client('mtls', gateway)
    const verified = await own()
    expect(await statusOf(caller, verified)).toBe(200)

    const next = await namedSigningKeys('two')
    await fixture.as.rotateKeys(next)
    try {
      const { accessToken } = await client.token({ scope: 'accounts', resource: RESOURCES.jwt })
      // Not sooner than a second after the first fetch, which may be over by now.
      await expect.poll(() => statusOf(caller, accessToken), { timeout: 20_000 }).toBe(200)

      // Neither a new token, nor one that was verified before.
      for (const token of [await own(), verified]) {
        const request = { fields: bearer(token) }
        await expectRefusal({ fixture, gateway, caller }, request, unknownKid)
      }
    } finally {
      await fixture.as.rotateKeys(signing)
    }
  })

  test('FAPIgo a8d9cb8: is asked for at most once a cool-down, whoever makes up names [JWT-13, I05, PF-48]', async () => {
    const { gateway, caller } = await startWith('cooldown: 1h')
    const before = fetches
    const [, claims, signature] = (await mintFor(signing, fixture.as.issuer)()).split('.')
    const forged = () => {
      const header = { alg: 'PS256', typ: 'at+jwt', kid: randomUUID() }
      return `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${claims}.${signature}`
    }
    for (let i = 0; i < 20; i++) {
      const flood = Array.from({ length: 50 }, () => statusOf(caller, forged()))
      expect(new Set(await Promise.all(flood))).toEqual(new Set([401]))
    }
    expect(fetches).toBe(before)
    const request = { fields: bearer(forged()) }
    await expectRefusal({ fixture, gateway, caller }, request, unknownKid)
    expect(await statusOf(caller, await mintFor(signing, fixture.as.issuer)())).toBe(200)
  })
})

test('an issuer that is not there at start: not ready, nothing through, until it is [JWT-14, I01, OPS-5, OPS-6]', async () => {
  // Keeps the port for the server that comes later, and turns everybody away.
  const absent: Server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => absent.listen(0, '127.0.0.1', resolve))
  const { port } = absent.address() as AddressInfo
  const issuer = `https://localhost:${port}`
  const { gateway, caller } = await startWith('cooldown: 1s', issuer)
  const mint = mintFor(signing, issuer)

  expect(await readyz(gateway)).toEqual([
    503,
    '[+] not shutting down\n[-] issuer bank\nnot ready\n',
  ])
  for (let i = 0; i < 3; i++) {
    const request = { fields: bearer(await mint()) }
    await expectRefusal({ fixture, gateway, caller }, request, unavailable('jwks_not_loaded'))
  }

  await new Promise((resolve) => absent.close(resolve))
  await startServer(signing, port)
  const status = async () => statusOf(caller, await mint())
  await expect.poll(status, { timeout: 25_000, interval: 200 }).toBe(200)
  expect(await readyz(gateway)).toEqual([200, '[+] not shutting down\n[+] issuer bank\nready\n'])
  const labels = { issuer: 'bank', result: 'ok' }
  expect(sumOf(await gateway.metrics(), 'fapigw_jwks_refresh_total', labels)).toBeGreaterThan(0)
})

test('an issuer that goes away: its keys serve on, and what they cannot tell is not guessed [JWT-14, I02]', async () => {
  const server = await startServer(signing)
  const { gateway, caller } = await startWith('cooldown: 1s', server.issuer)
  const mint = mintFor(signing, server.issuer)
  await server.close()

  const unknown = async () => statusOf(caller, await mint({}, { kid: 'unknown' }))
  await expect.poll(unknown, { timeout: 20_000 }).toBe(503)
  const request = { fields: bearer(await mint({}, { kid: 'unknown' })) }
  await expectRefusal({ fixture, gateway, caller }, request, unavailable('jwks_stale'))

  expect(await statusOf(caller, await mint())).toBe(200)
  expect((await readyz(gateway))[0]).toBe(200)
})

test('RFC 8725 §3.8: two issuers that give their keys one name are not taken for each other [J10, JWT-3, F2-SEC-1]', async () => {
  const others = await namedSigningKeys('one')
  const other = await startServer(others)
  const issuers = [
    issuerOf('one', fixture.as.issuer, 'cooldown: 1s'),
    issuerOf('other', other.issuer, 'cooldown: 1s'),
  ]
  const routes = [
    routeOf('one', '/accounts', 'one'),
    routeOf('other', '/accounts/22289', 'other'),
    routeOf('both', '/accounts/31820', 'one, other'),
  ]
  const gateway = await fixture.gateway(yaml(issuers.join('\n'), routes.join('\n')))
  const caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  closing.push(caller.close)
  const [ofOne, ofOther] = [
    await mintFor(signing, fixture.as.issuer)(),
    await mintFor(others, other.issuer)(),
  ]

  // Twice: what was remembered the first time is not confused either.
  for (let i = 0; i < 2; i++) {
    for (const [token, path, status] of [
      [ofOne, '/accounts', 200],
      [ofOne, '/accounts/22289', 401],
      [ofOne, '/accounts/31820', 200],
      [ofOther, '/accounts', 401],
      [ofOther, '/accounts/22289', 200],
      [ofOther, '/accounts/31820', 200],
    ] as const) {
      expect([path, await statusOf(caller, token, path)]).toEqual([path, status])
    }
  }

  const forged = await mintFor(others, fixture.as.issuer)()
  for (const [route, path] of [
    ['one', '/accounts'],
    ['both', '/accounts/31820'],
  ] as const) {
    const expected = refusedToken('token_signature_invalid', TOKEN_NOT_ACCEPTED)
    const request = { path, fields: bearer(forged) }
    await expectRefusal({ fixture, gateway, caller }, request, { ...expected, route })
  }
})
