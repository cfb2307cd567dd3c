import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { importJWK, SignJWT } from 'jose'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { sumOf } from '../support/exposition.ts'
import { type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
import { namedSigningKeys, type SigningKeys } from '../support/minting.ts'
import { expectRefusal, refusedToken, TOKEN_NOT_ACCEPTED } from '../support/refusal.ts'
import { type Answering, type Stub, startStub } from '../support/stub.ts'

const TYPE = 'application/token-introspection+jwt'

const issuer = (clientId: string, more = '') => `
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      response: jwt
      auth: { method: client_secret_basic, client_id: ${clientId}, client_secret: secret }
      cache: { ttl: 0s, negative_ttl: 0s }
      ${more}`

const yaml = (endpoint: string) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  signing: ${issuer('signing')}
  stub: ${issuer('stub', `endpoint: ${endpoint}`)}
defaults: { scopes: [accounts] }
routes:
  - { id: accounts, match: GET /accounts/**, issuers: [signing], upstream: $BANK }
  - { id: stub, match: GET /accounts/stub, issuers: [stub], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let client: Client
/** In the place of the introspection endpoint, with the signing keys of the authorization server. */
let stub: Stub
let keys: SigningKeys
/** What calls of the real introspection endpoint ask for. */
const accepted: (string | undefined)[] = []

beforeAll(async () => {
  keys = await namedSigningKeys('as')
  fixture = await startFixture({
    jwks: keys,
    introspectionClients: ['signing'],
    onRequest: ({ url = '', headers }: IncomingMessage) => {
      if (url.includes('introspection')) accepted.push(headers.accept)
    },
  })
  stub = await startStub(fixture, () => ({ status: 500 }))
  await fixture.as.registerClient({
    client_id: 'signing',
    client_secret: 'secret',
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    introspection_signed_response_alg: 'ES256',
  })
  gateway = await fixture.gateway(yaml(`${stub.origin}/introspect`))
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  client = await fixture.client('mtls', gateway)
})

afterAll(async () => {
  caller.close()
  await fixture.close()
  await stub.close()
  expect(fixture.as.faults).toEqual([])
})

const newToken = async () =>
  (await client.token({ scope: 'accounts', resource: RESOURCES.opaque })).accessToken

const credentials = (token: string) => ['Authorization', `Bearer ${token}`]

const requests = async (issuer: string, result: string) =>
  sumOf(await gateway.metrics(), 'fapigw_introspection_requests_total', { issuer, result })

const unavailable = (route: string, reason: string) => ({
  status: 503,
  challenges: [],
  error: 'temporarily_unavailable',
  reason,
  route,
  outcome: 'gateway_error',
  fields: { 'retry-after': '1' },
})

describe('RFC 9701 §4: with a real authorization server [INT-7]', () => {
  test('a token of which it says so by its signature is served', async () => {
    const before = fixture.reached.length
    const answer = await caller.send({ fields: credentials(await newToken()) })
    expect(answer.status).toBe(200)
    expect(accepted.at(-1)).toBe(TYPE)
    expect(fixture.reached).toHaveLength(before + 1)
    expect(await requests('signing', 'active')).toBe(1)
  })

  test('a token that is revoked is refused, for that is signed too', async () => {
    const token = await newToken()
    await client.revoke(token)
    await expectRefusal(
      { fixture, gateway, caller },
      { fields: credentials(token) },
      refusedToken('token_inactive', TOKEN_NOT_ACCEPTED),
    )
    expect(await requests('signing', 'inactive')).toBe(1)
  })

  test('a token of which it says so in plain JSON is not known to be good [F2MS-2]', async () => {
    const token = await newToken()
    // Somebody between asks for what is not signed, and hands it on.
    const plain = await introspectElsewhere(token, 'application/json')
    expect(JSON.parse(plain)).toMatchObject({ active: true })
    stub.answer = () => ({ body: plain })
    await expectRefusal(
      { fixture, gateway, caller },
      { path: '/accounts/stub', fields: credentials(token) },
      unavailable('stub', 'introspection_jwt_missing'),
    )
    expect(stub.requests.at(-1)?.headers.accept).toBe(TYPE)
    expect(await requests('stub', 'bad_response')).toBe(1)
  })

  test('what was signed for another resource server is not taken [F2MS-2]', async () => {
    const token = await newToken()
    const overheard = await introspectElsewhere(token, TYPE)
    stub.answer = () => ({ type: TYPE, body: overheard })
    await expectRefusal(
      { fixture, gateway, caller },
      { path: '/accounts/stub', fields: credentials(token) },
      unavailable('stub', 'introspection_jwt_audience_mismatch'),
    )
  })
})

describe('RFC 9701 §5: what is signed by the keys of the authorization server [I16]', () => {
  /** A response of which nothing is wrong, but for what is changed. */
  const answering =
    (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Answering =>
    async () => {
      const key = keys.keys.find(({ alg }) => alg === 'PS256')!
      const now = Math.floor(Date.now() / 1000)
      const token = {
        active: true,
        aud: 'https://api.bank.example',
        exp: now + 300,
        scope: 'accounts',
        client_id: 'tpp',
        cnf: { 'x5t#S256': fixture.certificates.mtls.thumbprint },
      }
      const body = await new SignJWT({
        iss: fixture.as.issuer,
        aud: 'stub',
        iat: now,
        token_introspection: token,
        ...claims,
      })
        .setProtectedHeader({
          alg: 'PS256',
          typ: 'token-introspection+jwt',
          kid: key.kid!,
          ...header,
        })
        .sign(await importJWK(key, 'PS256'))
      return { type: TYPE, body }
    }

  beforeEach(() => {
    stub.answer = answering()
  })

  const ask = () => caller.send({ path: '/accounts/stub', fields: credentials(randomUUID()) })

  /** The bank knows no account of such a name, so a request that was forwarded is answered 404 by it. */
  const SERVED = { status: 404, body: '{"code":"not_found"}' }

  test('is believed if it is a response', async () => {
    expect(await ask()).toMatchObject(SERVED)
  })

  test('is believed in what it says of the token, whatever it says of itself [INT-9]', async () => {
    stub.answer = answering({ active: false, exp: 1, sub: 'mallory', scope: '' })
    expect(await ask()).toMatchObject(SERVED)
  })

  test.each<[string, () => Answering, string]>([
    [
      'a JWT access token',
      () => answering({ active: true, client_id: 'tpp' }, { typ: 'at+jwt' }),
      'introspection_jwt_typ',
    ],
    ['an ID token', () => answering({ sub: 'alice' }, { typ: 'JWT' }), 'introspection_jwt_typ'],
    [
      'a response of two minutes ago',
      () => answering({ iat: Math.floor(Date.now() / 1000) - 120 }),
      'introspection_jwt_too_old',
    ],
    [
      'a response of which the members stand at the top',
      () => answering({ active: true, scope: 'accounts', token_introspection: undefined }),
      'introspection_jwt_without_response',
    ],
    [
      'a response of another issuer',
      () => answering({ iss: 'https://other.example' }),
      'introspection_jwt_issuer_mismatch',
    ],
  ])('%s is not taken for a response', async (_title, answer, reason) => {
    stub.answer = answer()
    await expectRefusal(
      { fixture, gateway, caller },
      { path: '/accounts/stub', fields: credentials(randomUUID()) },
      unavailable('stub', reason),
    )
  })
})

/** What the real endpoint tells the client `signing`, past the gateway. */
async function introspectElsewhere(token: string, accept: string): Promise<string> {
  const dispatcher = new Agent({ connect: { ca: fixture.authority.certificate } })
  try {
    const { body } = await request(`${fixture.as.issuer}/token/introspection`, {
      method: 'POST',
      dispatcher,
      headers: {
        accept,
        authorization: `Basic ${Buffer.from('signing:secret').toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ token }).toString(),
    })
    return await body.text()
  } finally {
    await dispatcher.destroy()
  }
}
