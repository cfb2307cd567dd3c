import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  clientCredentialsGrant,
  customFetch,
  discovery,
  fetchProtectedResource,
  getDPoPHandle,
  randomDPoPKeyPair,
  TlsClientAuth,
} from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { subjectDistinguishedName } from '../../src/demo/certificates.ts'
import type { Client } from '../../src/demo/client.ts'
import { createConnection } from '../../src/demo/connection.ts'
import { linesOf } from '../support/caller.ts'
import { sumOf } from '../support/exposition.ts'
import {
  API,
  type Fixture,
  HOST,
  RESOURCES,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'

const YAML = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    introspection:
      auth: { method: tls_client_auth, client_id: gateway, cert: gateway.crt, key: gateway.key }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
  - { id: payments, match: POST /payments, scopes: [payments], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`
const ID = 'C770aef3-6784-41F7-8e0e-ff5F97BDDB3a'

let fixture: Fixture
let gateway: TestGateway
let clients: Record<'mtls' | 'dpop', Client>

beforeAll(async () => {
  fixture = await startFixture({ introspectionClients: ['gateway'] })
  const own = await fixture.authority.issueClient({ commonName: 'gateway' })
  await writeFile(join(fixture.folder, 'gateway.crt'), own.certificate)
  await writeFile(join(fixture.folder, 'gateway.key'), own.key)
  await fixture.as.registerClient({
    client_id: 'gateway',
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_subject_dn: subjectDistinguishedName(own.certificate),
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  })
  gateway = await fixture.gateway(YAML)
  clients = {
    mtls: await fixture.client('mtls', gateway),
    dpop: await fixture.client('dpop', gateway),
  }
})

afterAll(() => fixture.close())

describe.each(['mtls', 'dpop'] as const)('oauth4webapi, with tokens bound by %s', (binding) => {
  test.each(['jwt', 'es256', 'opaque'] as const)('%s tokens are served [J01]', async (resource) => {
    const client = clients[binding]
    const token = await client.token({ scope: 'accounts', resource: RESOURCES[resource] })
    expect(token.accessToken.split('.')).toHaveLength(resource === 'opaque' ? 1 : 3)
    const { accessToken } = token

    const before = fixture.reached.length
    const list = await client.call(`${API}/accounts?page=1`, { accessToken })
    expect(list).toMatchObject({ status: 200, challenges: [] })
    expect(JSON.parse(list.body)).toMatchObject({ accounts: [{ accountId: '22289' }, {}] })
    const one = await client.call(`${API}/accounts/22289/balances`, { accessToken })
    expect(JSON.parse(one.body)).toMatchObject({ balances: [{ amount: { amount: '1230.00' } }] })
    expect(fixture.reached.slice(before).map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /accounts?page=1',
      'GET /accounts/22289/balances',
    ])
  })

  test('content goes through, both ways', async () => {
    const client = clients[binding]
    const { accessToken } = await client.token({ scope: 'payments', resource: RESOURCES.jwt })
    const reply = await client.call(`${API}/payments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"amount":{"value":"10.00"}}',
      accessToken,
    })
    expect(reply.status).toBe(201)
    expect(JSON.parse(reply.body)).toMatchObject({ amount: { value: '10.00' } })
    expect(reply.headers.get('location')).toMatch(/^\/payments\//)
    const { body, rawHeaders } = fixture.reached.at(-1)!
    expect(body.toString()).toBe('{"amount":{"value":"10.00"}}')
    expect(linesOf(rawHeaders, 'content-length')).toEqual(['28'])
  })

  test('what was established is logged and counted', async () => {
    const client = clients[binding]
    const { accessToken } = await client.token({ scope: 'accounts', resource: RESOURCES.jwt })
    await client.call(`${API}/accounts`, { accessToken })
    const interactionId = crypto.randomUUID()
    const headers = { 'x-fapi-interaction-id': interactionId }
    await client.call(`${API}/accounts`, { accessToken, headers })
    expect(await gateway.accessLine(interactionId)).toMatchObject({
      route: 'accounts',
      method: 'GET',
      status: 200,
      outcome: 'ok',
      issuer: 'bank',
      client_id: binding,
      sender: binding,
      tls: 'TLSv1.3',
      cert_sha256_8: fixture.certificates[binding].thumbprint.slice(0, 8),
      remote: '127.0.0.1',
      config: gateway.configuration.hash,
    })
    const labels = { route: 'accounts', method: binding, result: 'ok' }
    const metrics = await gateway.metrics()
    expect(sumOf(metrics, 'fapigw_sender_constraint_total', labels)).toBeGreaterThan(0)
  })
})

test('a token of each format is counted as what it is', async () => {
  const verified = async (kind: string) =>
    sumOf(await gateway.metrics(), 'fapigw_tokens_verified_total', {
      issuer: 'bank',
      kind,
      result: 'ok',
    })
  const served = async (resource: string) => {
    const { accessToken } = await clients.mtls.token({ scope: 'accounts', resource })
    const id = crypto.randomUUID()
    const headers = { 'x-fapi-interaction-id': id }
    await clients.mtls.call(`${API}/accounts`, { accessToken, headers })
    await gateway.accessLine(id)
  }
  const [jwt = 0, introspected = 0] = [await verified('jwt'), await verified('introspection')]
  await served(RESOURCES.jwt)
  expect([await verified('jwt'), await verified('introspection')]).toEqual([jwt + 1, introspected])
  await served(RESOURCES.opaque)
  expect([await verified('jwt'), await verified('introspection')]).toEqual([
    jwt + 1,
    introspected + 1,
  ])
})

test.each(['mtls', 'dpop'] as const)('openid-client is served, by %s', async (binding) => {
  const connection = createConnection({
    ca: fixture.authority.certificate,
    certificate: fixture.certificates[binding],
    connectTo: { [HOST]: `127.0.0.1:${gateway.port}` },
  })
  try {
    const fetch = (url: string, init: object) => connection.fetch(url, init)
    const { issuer } = fixture.as
    const options = { [customFetch]: fetch, algorithm: 'oauth2' as const }
    const config = await discovery(new URL(issuer), binding, undefined, TlsClientAuth(), options)
    const keys = await randomDPoPKeyPair('ES256')
    const DPoP = binding === 'dpop' ? { DPoP: getDPoPHandle(config, keys) } : {}
    const parameters = { scope: 'accounts', resource: RESOURCES.jwt }
    const token = await clientCredentialsGrant(config, parameters, DPoP)
    expect(token.token_type).toBe(binding === 'dpop' ? 'dpop' : 'bearer')
    const response = await fetchProtectedResource(
      config,
      token.access_token,
      new URL(`${API}/accounts/22289`),
      'GET',
      null,
      new Headers({ 'x-fapi-interaction-id': ID }),
      DPoP,
    )
    expect(response.status).toBe(200)
    expect(response.headers.get('x-fapi-interaction-id')).toBe(ID)
    expect(await response.json()).toMatchObject({ accountId: '22289' })
  } finally {
    await connection.close()
  }
})

describe('covers the same checks as the resource calls of the conformance suite', () => {
  const tokenOf = async (binding: 'mtls' | 'dpop') =>
    (await clients[binding].token({ scope: 'accounts', resource: RESOURCES.jwt })).accessToken

  const suite = {
    'x-fapi-auth-date': 'Sun, 10 Sep 2017 19:43:31 GMT',
    'x-fapi-customer-ip-address': '198.51.100.119',
    'x-fapi-interaction-id': ID,
  }

  test.each([
    ['all the fields of FAPI 1.0, the id in mixed case', suite],
    ['an IPv6 address in upper case', { 'x-fapi-customer-ip-address': '2001:DB8::1893:25C8:1946' }],
    ['JSON in UTF-8', { accept: 'application/json;charset=UTF-8', 'accept-charset': 'UTF-8' }],
    ['any JSON, or anything', { accept: 'application/json, application/*+json, */*' }],
    ['no optional field', {}],
  ])('a call with %s', async (_title, headers) => {
    const accessToken = await tokenOf('mtls')
    const reply = await clients.mtls.call(`${API}/accounts`, { accessToken, headers })
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8')
    const age = Date.now() - Date.parse(reply.headers.get('date') ?? '')
    expect(Math.abs(age)).toBeLessThan(300_000)
    const id = reply.headers.get('x-fapi-interaction-id')
    if ('x-fapi-interaction-id' in headers) expect(id).toBe(ID)
    else expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    for (const [name, value] of Object.entries(headers)) {
      expect(linesOf(fixture.reached.at(-1)!.rawHeaders, name)).toEqual([value])
    }
  })

  test.each(['bEARER', 'BEARER', 'bearer'])('the scheme in other letters: %s', async (scheme) => {
    const headers = { authorization: `${scheme} ${await tokenOf('mtls')}` }
    const reply = await clients.mtls.rawCall(`${API}/accounts`, { headers })
    expect(reply.status).toBe(200)
  })

  test.each(['dpOP', 'DPOP', 'dpop'])('the scheme in other letters: %s', async (scheme) => {
    const accessToken = await tokenOf('dpop')
    await clients.dpop.call(`${API}/accounts`, { accessToken })
    const dpop = await clients.dpop.makeProof({
      method: 'GET',
      url: `${API}/accounts`,
      accessToken,
    })
    const headers = { authorization: `${scheme} ${accessToken}`, dpop }
    const reply = await clients.dpop.rawCall(`${API}/accounts`, { headers })
    expect(reply.status).toBe(200)
  })

  test.each(['mtls', 'dpop'] as const)(
    'the token of another client is refused: %s',
    async (binding) => {
      const other = await fixture.client(binding, gateway, {
        certificate: fixture.certificates.stranger,
      })
      const before = fixture.reached.length
      const reply = await other.call(`${API}/accounts`, { accessToken: await tokenOf(binding) })
      expect(reply.status).toBe(401)
      expect(reply.challenges[0]?.parameters.error).toBe('invalid_token')
      expect(fixture.reached).toHaveLength(before)
    },
  )

  test.each(['mtls', 'dpop'] as const)(
    'the token in the query alone is refused: %s',
    async (by) => {
      const accessToken = await tokenOf(by)
      const url = `${API}/accounts`
      const dpop = await clients[by].makeProof({ method: 'GET', url, accessToken })
      const before = fixture.reached.length
      const reply = await clients[by].rawCall(`${url}?access_token=${accessToken}`, {
        headers: { ...suite, ...(by === 'dpop' ? { dpop } : {}) },
      })
      expect(reply.status).toBe(400)
      expect(fixture.reached).toHaveLength(before)
    },
  )
})
