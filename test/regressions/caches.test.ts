/**
 * What was found out about a token once, used where it does not hold: at another issuer, for another
 * route, for another caller, or beyond its end.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Caller, createCaller, linesOf } from '../support/caller.ts'
import { API, type Fixture, startFixture } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys, type SigningKeys } from '../support/minting.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'
import { type Stub, startStub } from '../support/stub.ts'

let fixture: Fixture
let caller: Caller
let port: number
let stubs: readonly Stub[]
let keys: SigningKeys
let mint: Mint
/** What an issuer says of a token that is good. */
let active: Record<string, unknown>

const asked = () => stubs.map(({ requests }) => requests.filter(({ url }) => url === '/ask').length)

beforeAll(async () => {
  keys = await namedSigningKeys('one')
  fixture = await startFixture({ jwks: keys })
  stubs = [await startStub(fixture, () => ({})), await startStub(fixture, () => ({}))]
  const introspected = (id: string, origin = '', issuer = origin) => `  ${id}:
    issuer: ${issuer}
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${origin}/ask
      auth: { method: client_secret_basic, client_id: gateway, client_secret: secret }
      cache: { ttl: 5m, negative_ttl: 1m }
`
  const route = (id: string, issuer: string, scope = 'accounts') =>
    `  - { id: ${id}, match: GET /${id}, issuers: [${issuer}], scopes: [${scope}], upstream: $BANK }\n`
  const gateway = await fixture.gateway(`version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
${introspected('one', stubs[0]?.origin)}${introspected('other', stubs[1]?.origin)}${introspected('twin', stubs[0]?.origin, 'https://twin.example')}routes:
${route('one', 'one')}${route('high', 'one', 'payments')}${route('other', 'other')}${route('twin', 'twin')}${route('jwt', 'bank')}shutdown: { ready_off_for: 0s, drain: 2s }
`)
  port = gateway.port
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  const cnf = { 'x5t#S256': fixture.certificates.mtls.thumbprint }
  const bound = createMint(keys, fixture.as.issuer)
  mint = (claims, header) => bound({ cnf, ...claims }, header)
  active = { active: true, aud: API, exp: 4_000_000_000, scope: 'accounts', client_id: 'tpp', cnf }
})
beforeEach(() => {
  const [one, other] = stubs
  one!.answer = () => ({ body: active })
  other!.answer = () => ({ body: { active: false } })
})
afterAll(async () => {
  caller.close()
  await fixture.close()
  for (const stub of stubs) await stub.close()
})

async function statusOf(route: string, token: string): Promise<number> {
  const fields = ['Authorization', `Bearer ${token}`]
  const { status } = await caller.send({ path: `/${route}`, fields })
  // The bank knows no such path, and so answers 404 to what is forwarded.
  return status === 404 ? 200 : status
}

test('GHSA-4mq7-pvjg-xp2r: what one issuer said of a token is not known of another [PF-1, HOLE-6]', async () => {
  const token = randomUUID()
  expect(await statusOf('one', token)).toBe(200)
  expect(await statusOf('one', token)).toBe(200)
  const before = asked()
  expect(await statusOf('other', token)).toBe(401)
  expect(asked()).toEqual([before[0], before[1]! + 1])
})

test('Kong 3.6.0.0: two issuers that are asked at one URL keep their answers apart [PF-28, HOLE-3]', async () => {
  const token = randomUUID()
  expect(await statusOf('one', token)).toBe(200)
  const [before = 0] = asked()
  expect(await statusOf('twin', token)).toBe(200)
  stubs[0]!.answer = () => ({ body: { ...active, iss: stubs[0]?.origin } })
  expect(await statusOf('twin', randomUUID())).toBe(401)
  expect(asked()[0]).toBe(before + 2)
})

test('GHSA-qvp4-rpmr-xwrr: a token that is remembered is authorized on every route anew [PF-4]', async () => {
  const token = randomUUID()
  expect(await statusOf('one', token)).toBe(200)
  const before = asked()
  expect(await statusOf('high', token)).toBe(403)
  expect(asked()).toEqual(before)

  const signed = await mint()
  expect(await statusOf('jwt', signed)).toBe(200)
  expect(await statusOf('jwt', signed)).toBe(200)
})

test('CVE-2025-46647: a response of another issuer than was asked is refused [PF-24]', async () => {
  stubs[0]!.answer = () => ({ body: { ...active, iss: stubs[1]?.origin } })
  expect(await statusOf('one', randomUUID())).toBe(401)
  stubs[0]!.answer = () => ({ body: { ...active, iss: stubs[0]?.origin } })
  expect(await statusOf('one', randomUUID())).toBe(200)
})

test.each([0, -1, 1, '4000000000', '', null, true, [4_000_000_000]])(
  'Kong 3.15.0.1: an answer whose end is %j is not one that lasts [PF-29]',
  async (exp) => {
    stubs[0]!.answer = () => ({ body: { ...active, exp } })
    const token = randomUUID()
    expect(await statusOf('one', token)).toBeGreaterThan(400)
    stubs[0]!.answer = () => ({ body: { active: false } })
    expect(await statusOf('one', token)).toBeGreaterThan(400)
  },
)

test('liboauth2 2.3.0, CWE-613: an answer does not outlive its token [PF-31]', async () => {
  const exp = Math.floor(Date.now() / 1000) - 8
  const fields = { ...active, exp }
  stubs[0]!.answer = () => ({ body: fields })
  const token = randomUUID()
  expect(await statusOf('one', token)).toBe(200)
  // The skew of ten seconds is over soon; the answer could be kept for five minutes.
  await expect.poll(() => statusOf('one', token), { timeout: 10_000, interval: 200 }).toBe(401)
})

test('FAPIgo e888b9b: who waits for the same answer gets it, though the first who asked has left [PF-50]', async () => {
  const release = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  stubs[0]!.answer = async () => {
    arrived.resolve()
    await release.promise
    return { body: active }
  }
  const token = randomUUID()
  const before = asked()
  const { certificate: cert, key } = fixture.certificates.mtls
  const leader = await openSocket(fixture, { port }, { cert, key })
  leader.write(get('/one', [`Authorization: Bearer ${token}`]))
  await arrived.promise
  const followers = [statusOf('one', token), statusOf('one', token)]
  leader.socket.destroy()
  await leader.closed
  release.resolve()
  expect(await Promise.all(followers)).toEqual([200, 200])
  expect(asked()[0]).toBe(before[0]! + 1)
})

test('GHSA-pvq3-8rvg-f36q: requests at the same time do not see the claims of each other [PF-30]', async () => {
  const subjects = Array.from({ length: 40 }, (_, i) => `subject-${i}`)
  const before = fixture.reached.length
  stubs[0]!.answer = ({ body }) => {
    const token = new URLSearchParams(body).get('token') ?? ''
    return { body: { ...active, sub: token.replace('token-', 'subject-') } }
  }
  await Promise.all(
    subjects.map(async (sub, i) => {
      const token = i % 2 === 0 ? await mint({ sub }) : sub.replace('subject-', 'token-')
      const fields = ['Authorization', `Bearer ${token}`, 'X-Number', String(i)]
      await caller.send({ path: i % 2 === 0 ? '/jwt' : '/one', fields })
    }),
  )
  const told = fixture.reached.slice(before).map(({ rawHeaders }) => {
    const [number, subject] = ['x-number', 'x-subject'].map((name) => linesOf(rawHeaders, name))
    return [`subject-${number}`, String(subject)]
  })
  expect(told).toHaveLength(subjects.length)
  for (const [wanted, subject] of told) expect(subject).toBe(wanted)
  expect((await caller.send({ path: '/one' })).status).toBe(401)
  expect((await caller.send({ path: '/jwt' })).status).toBe(401)
})

test('liboauth2 2.2.2, CWE-918: the name of a key goes into no URL [PF-36]', async () => {
  const fetched: string[] = []
  const server = await startStub(fixture, ({ url }) => {
    fetched.push(url)
    return { body: { keys: [] } }
  })
  const gateway = await fixture.gateway(`version: 1
profile: fapi2-security
listen: { address: 127.0.0.1:0, public_url: https://$HOST, certificate: server.crt, key: server.key, client_ca: ca.pem }
issuers:
  stub: { issuer: "${server.origin}", jwks_uri: "${server.origin}/keys", audience: https://$HOST, ca: ca.pem, jwks: { cooldown: 1s } }
routes:
  - { id: accounts, match: GET /accounts, scopes: [accounts], upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
  const own = createCaller(fixture, gateway, fixture.certificates.mtls)
  const forge = createMint(keys, server.origin)
  for (const kid of [
    '../../x',
    `${stubs[0]?.origin}/keys`,
    'a?b=c#d',
    '%2e%2e/',
    'k'.repeat(10_240),
  ]) {
    const fields = ['Authorization', `Bearer ${await forge({}, { kid })}`]
    expect((await own.send({ fields })).status).toBeGreaterThanOrEqual(400)
  }
  own.close()
  await server.close()
  expect(fetched.length).toBeGreaterThan(0)
  expect(new Set(fetched)).toEqual(new Set(['/keys']))
})
