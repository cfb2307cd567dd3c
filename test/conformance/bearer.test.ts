import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Caller, createCaller } from '../support/caller.ts'
import {
  type FaultyUpstream,
  OK,
  response,
  startFaultyUpstream,
} from '../support/faulty-upstream.ts'
import { type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, namedSigningKeys } from '../support/minting.ts'
import { ALGS, REALM } from '../support/refusal.ts'

const yaml = (upstream: string) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
defaults: { scopes: [accounts] }
routes:
  - { id: accounts, match: "GET,POST /accounts/**", upstream: "${upstream}" }
  - { id: passed, match: GET /passed, forward: { authorization: pass }, upstream: "${upstream}" }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let upstream: FaultyUpstream
let gateway: TestGateway
let caller: Caller
let token: string

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  upstream = await startFaultyUpstream()
  fixture = await startFixture({ jwks: signing })
  gateway = await fixture.gateway(yaml(upstream.url))
  const { mtls } = fixture.certificates
  caller = createCaller(fixture, gateway, mtls)
  token = await createMint(signing, fixture.as.issuer)({ cnf: { 'x5t#S256': mtls.thumbprint } })
})
beforeEach(() => {
  upstream.answer = ({ socket }) => void socket.write(OK)
})
afterAll(async () => {
  caller.close()
  await fixture.close()
  await upstream.close()
})

const bearer = () => ['Authorization', `Bearer ${token}`]
const BARE = [`Bearer ${REALM}`, `DPoP ${REALM}, ${ALGS}`]

describe('RFC 6750 §2.1: credentials are one token68', () => {
  test.each([
    'Bearer',
    'Bearer ',
    'Bearer  a',
    'Bearer a b',
    'Bearer a,b',
    'Bearer "a"',
    'Bearer a=b',
    'Bearer =',
    'Bearer \u00e4',
    'DPoP',
    `Bearer ${'a'.repeat(9000)}`,
  ])('%j is malformed: 400, and never 500 [BT-2]', async (authorization) => {
    const answer = await caller.send({ fields: ['Authorization', authorization] })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_request' })
    expect(answer.lines('www-authenticate')).toHaveLength(2)
  })
})

describe('RFC 6750 §2: a request has one token, in the header field', () => {
  const form = ['Content-Type', 'application/x-www-form-urlencoded; charset=UTF-8']
  // $ stands for the token.
  const field = ['Authorization', 'Bearer $']
  test.each<[string, string, string[], string | undefined]>([
    ['the field and the query', '/accounts?access_token=$', field, undefined],
    [
      'the field and the query, under an encoded name',
      '/accounts?a&%61ccess_token=$',
      field,
      undefined,
    ],
    ['the query alone', '/accounts?access_token=$', [], undefined],
    ['the query, empty', '/accounts?access_token', [], undefined],
    ['the field and a form', '/accounts', [...field, ...form], 'a=1&access_token=$'],
    ['a form alone', '/accounts', form, 'access_token=$'],
    ['the query and a form', '/accounts?access_token=$', form, 'access_token=$'],
  ])('%s: 400, and nothing is forwarded [BT-3, BT-4, BT-5]', async (_, path, fields, body) => {
    const before = upstream.requests.length
    const answer = await caller.send({
      method: body === undefined ? 'GET' : 'POST',
      path: path.replace('$', token),
      fields: fields.map((value) => value.replace('$', token)),
      ...(body === undefined ? {} : { body: body.replace('$', token) }),
    })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_request' })
    expect(upstream.requests).toHaveLength(before)
    expect(gateway.lines.join('')).not.toContain(token.slice(-40))
  })

  test('another parameter of a form is forwarded as it came [BT-4]', async () => {
    const body = 'amount=1&token=access_token'
    const answer = await caller.send({
      method: 'POST',
      fields: [...bearer(), ...form],
      body,
    })
    expect(answer.status).toBe(200)
    expect(String(upstream.requests.at(-1)?.message.body)).toBe(body)
  })
})

describe('RFC 9110 §15.5.2: a 401 has a challenge, whoever says it', () => {
  test('one of the upstream without any gets those of the route [BT-6]', async () => {
    upstream.answer = ({ socket }) => void socket.write(response(401, []))
    const answer = await caller.send({ fields: bearer() })
    expect(answer.status).toBe(401)
    expect(answer.lines('www-authenticate')).toEqual(BARE)
  })

  test('its own is left as it is [BT-6]', async () => {
    const own = 'Bearer realm="bank", error="invalid_token"'
    upstream.answer = ({ socket }) => void socket.write(response(401, [`WWW-Authenticate: ${own}`]))
    const answer = await caller.send({ fields: bearer() })
    expect(answer.lines('www-authenticate')).toEqual([own])
  })
})

test('RFC 9110 §11.6.2: the credentials were for the gateway, unless the route says so [BT-11]', async () => {
  for (const [path, reached] of [
    ['/accounts', false],
    ['/passed', true],
  ] as const) {
    expect(await caller.send({ path, fields: bearer() })).toMatchObject({ status: 200 })
    const { fields } = upstream.requests.at(-1)!.message
    expect(fields.includes(`Bearer ${token}`)).toBe(reached)
    expect(fields.some((name) => name.toLowerCase() === 'authorization')).toBe(reached)
  }
})

describe('RFC 9111 §3.5: the gateway stores nothing', () => {
  test('what may be stored is asked for again each time, and its rule goes on as it came [BT-15]', async () => {
    const before = upstream.requests.length
    const fields = ['Cache-Control: public, max-age=3600', 'ETag: "1"', 'Age: 5']
    upstream.answer = ({ socket }) => void socket.write(response(200, fields, 'ok'))
    for (let i = 0; i < 3; i++) {
      const answer = await caller.send({ fields: bearer() })
      expect(answer.lines('cache-control')).toEqual(['public, max-age=3600'])
      expect(answer.lines('etag')).toEqual(['"1"'])
    }
    expect(upstream.requests).toHaveLength(before + 3)
  })
})
