import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { subjectDistinguishedName } from '../../src/demo/certificates.ts'
import type { Client } from '../../src/demo/client.ts'
import { type ProofOptions, signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller, linesOf, type RawAnswer } from '../support/caller.ts'
import { API, type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
import {
  expect4xx,
  expectDate,
  expectInteractionId,
  expectJson,
  expectQueryRefused,
  expectSuccess,
  followNonces,
  IPV6_FIELDS,
  invertCase,
  mixedCaseId,
  type NonceMemory,
  optionalFields,
  PERMISSIVE_ACCEPT,
  UTF8_ACCEPT,
} from '../support/suite-demands.ts'

/** Profile, binding, and whether nonces are asked for. */
type Variant = readonly ['fapi1-advanced' | 'fapi2-security', 'mtls' | 'dpop', 'off' | 'required']

const VARIANTS: readonly Variant[] = [
  ['fapi1-advanced', 'mtls', 'off'],
  ['fapi2-security', 'mtls', 'off'],
  ['fapi2-security', 'dpop', 'off'],
  ['fapi2-security', 'dpop', 'required'],
]

const yaml = ([profile, binding, nonce]: Variant) => `version: 1
profile: ${profile}
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
      auth: { method: client_secret_post, client_id: gateway, client_secret: a-secret-of-the-gateway }
      cache: { ttl: 0s, negative_ttl: 0s }
${binding === 'dpop' ? `dpop: { nonce: { mode: ${nonce} } }` : ''}
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
  - { id: payments, match: POST /payments, scopes: [payments], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture

beforeAll(async () => {
  fixture = await startFixture({ introspectionClients: ['gateway'] })
  await fixture.as.registerClient({
    client_id: 'gateway',
    token_endpoint_auth_method: 'client_secret_post',
    client_secret: 'a-secret-of-the-gateway',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  })
  // The suite's second client, of each kind.
  for (const binding of ['mtls', 'dpop'] as const) {
    await fixture.as.registerClient({
      client_id: `second-${binding}`,
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: subjectDistinguishedName(
        fixture.certificates.stranger.certificate,
      ),
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      ...(binding === 'mtls'
        ? { tls_client_certificate_bound_access_tokens: true }
        : { dpop_bound_access_tokens: true }),
    })
  }
})

afterAll(() => fixture.close())

interface Request {
  readonly fields?: readonly string[]
  readonly method?: string
  readonly path?: string
  readonly body?: string
  /** Put in the query, and nothing in `Authorization`. */
  readonly inQuery?: boolean
  readonly inverted?: boolean
}

/** A client as the suite plays one: what it holds, and how it calls. */
class SuiteClient {
  readonly #caller: Caller
  readonly #client: Client
  readonly #binding: 'mtls' | 'dpop'
  readonly #memory: NonceMemory = { nonce: undefined }

  constructor(caller: Caller, client: Client, binding: 'mtls' | 'dpop') {
    this.#caller = caller
    this.#client = client
    this.#binding = binding
  }

  async token(scope: string, resource: string = RESOURCES.jwt): Promise<string> {
    return (await this.#client.token({ scope, resource })).accessToken
  }

  revoke(token: string): Promise<void> {
    return this.#client.revoke(token)
  }

  async call(token: string, request: Request = {}): Promise<RawAnswer> {
    const { method = 'GET', path = '/accounts', fields = [], body, inQuery, inverted } = request
    const scheme = this.#binding === 'dpop' ? 'DPoP' : 'Bearer'
    const { answer } = await followNonces(this.#memory, async (nonce) => {
      const sent = [...fields]
      if (!inQuery) sent.push('Authorization', `${inverted ? invertCase(scheme) : scheme} ${token}`)
      if (this.#binding === 'dpop') sent.push('DPoP', await this.#proof(token, method, path, nonce))
      return this.#caller.send({
        method,
        path: inQuery ? `${path}?access_token=${token}` : path,
        fields: sent,
        ...(body === undefined ? {} : { body }),
      })
    })
    return answer
  }

  #proof(accessToken: string, method: string, path: string, nonce: string | undefined) {
    const options: ProofOptions = { method, url: API + path, accessToken }
    return signProof(this.#client.dpopKeys, { ...options, ...(nonce && { nonce }) })
  }

  close(): void {
    this.#caller.close()
  }
}

describe.each(VARIANTS)('under %s, bound by %s, nonces %s', (...variant) => {
  const [profile, binding] = variant
  let gateway: TestGateway
  let first: SuiteClient
  let second: SuiteClient
  let token: string

  beforeAll(async () => {
    gateway = await fixture.gateway(yaml(variant))
    const { certificates } = fixture
    const two = { clientId: `second-${binding}`, certificate: certificates.stranger }
    first = new SuiteClient(
      createCaller(fixture, gateway, binding === 'mtls' ? certificates.mtls : undefined),
      await fixture.client(binding, gateway),
      binding,
    )
    second = new SuiteClient(
      createCaller(fixture, gateway, binding === 'mtls' ? certificates.stranger : undefined),
      await fixture.client(binding, gateway, two),
      binding,
    )
    token = await first.token('accounts payments')
  })

  afterAll(() => {
    first.close()
    second.close()
  })

  describe(`covers the same checks as the resource calls of ${
    profile === 'fapi1-advanced'
      ? 'fapi1-advanced-final'
      : 'fapi2-security-profile-final-happy-flow'
  }`, () => {
    test('CallProtectedResource, with all optional fields [SUITE-1, SUITE-19, F1B-RS-1, F1B-RS-2, F1B-RS-10, F1B-RS-11, F1B-CL-1, F1B-CL-2, F1B-CL-3, F2-RS-1, F2IA-1]', async () => {
      const id = mixedCaseId()
      const fields = [...optionalFields(), 'x-fapi-interaction-id', id]
      const answer = await first.call(token, { fields })
      expectSuccess(answer)
      expectDate(answer)
      expectJson(answer)
      expectInteractionId(answer, id)
      const { rawHeaders } = fixture.reached.at(-1)!
      for (let i = 0; i < fields.length; i += 2) {
        expect(linesOf(rawHeaders, fields[i]!)).toEqual([fields[i + 1]])
      }
    })

    test('the same for the second client, without any optional field [SUITE-2, F1B-RS-11, CIBA-1]', async () => {
      const answer = await second.call(await second.token('accounts'))
      expectSuccess(answer)
      expectDate(answer)
      expectJson(answer)
      expectInteractionId(answer)
    })

    test('DisallowAccessTokenInQuery: everything but Authorization is sent [SUITE-3, SUITE-21, SUITE-23, F1B-RS-3, F2-RS-2, BT-5]', async () => {
      const before = fixture.reached.length
      const fields = [...optionalFields(), 'x-fapi-interaction-id', mixedCaseId()]
      const answer = await first.call(token, { fields, inQuery: true })
      expectQueryRefused(answer)
      // Of the three that it takes, the one that says what is wrong, and not that a token is missing.
      expect(answer.status).toBe(400)
      expect(fixture.reached).toHaveLength(before)
    })

    test('EnsureBearerAccessTokenNotInParams: nor in a form [SUITE-14, SUITE-23, BT-3, BT-4]', async () => {
      const before = fixture.reached.length
      const answer = await first.call(token, {
        method: 'POST',
        path: '/payments',
        fields: ['Content-Type', 'application/x-www-form-urlencoded'],
        body: `access_token=${token}`,
      })
      expect(answer.status).toBe(400)
      expect(fixture.reached).toHaveLength(before)
    })

    test('an IPv6 address in upper case, and JSON in UTF-8 asked for [SUITE-4, F1B-RS-13, F1B-RS-8, F1B-RS-9]', async () => {
      const answer = await first.call(token, { fields: [...IPV6_FIELDS, ...UTF8_ACCEPT] })
      expectSuccess(answer)
      expectJson(answer)
      const { rawHeaders } = fixture.reached.at(-1)!
      expect(linesOf(rawHeaders, 'x-fapi-customer-ip-address')).toEqual([IPV6_FIELDS[1]])
    })

    test('SetPermissiveAcceptHeaderForResourceEndpointRequest [SUITE-5]', async () => {
      const answer = await first.call(token, { fields: [...IPV6_FIELDS, ...PERMISSIVE_ACCEPT] })
      expectSuccess(answer)
      expectJson(answer)
    })

    test("switchToClient1AndTryClient2AccessToken: the other client's token [SUITE-6, F1A-RS-2, F2-RS-5]", async () => {
      const before = fixture.reached.length
      const theirs = await second.token('accounts')
      const answer = await first.call(theirs)
      expect4xx(answer)
      expect(answer.status).toBe(401)
      expect(answer.lines('www-authenticate')[0]).toContain('error="invalid_token"')
      expect(fixture.reached).toHaveLength(before)
      expectSuccess(await second.call(theirs))
    })
  })

  test(`covers the same checks as ${
    profile === 'fapi1-advanced' ? 'fapi1-advanced-final' : 'fapi2-security-profile-final'
  }-access-token-type-header-case-sensitivity [SUITE-8, BT-1, F1B-RS-2, F2-RS-1]`, async () => {
    expectSuccess(await first.call(token, { inverted: true }))
  })

  test('covers the same checks as attempt-reuse-authorization-code-after-one-second: a token that its server has revoked [SUITE-9, F1B-RS-4, F2-RS-3]', async () => {
    const revoked = await first.token('accounts', RESOURCES.opaque)
    expectSuccess(await first.call(revoked))
    await first.revoke(revoked)
    const before = fixture.reached.length
    expect4xx(await first.call(revoked))
    expect(fixture.reached).toHaveLength(before)
  })

  test('covers the same checks as fapi-ciba-id1: a call without a user at hand, and the variants above [SUITE-20]', async () => {
    const id = mixedCaseId()
    const answer = await first.call(token, { fields: ['x-fapi-interaction-id', id] })
    expectSuccess(answer)
    expectDate(answer)
    expectJson(answer)
    expectInteractionId(answer, id)
    expectSuccess(await first.call(token, { fields: [...IPV6_FIELDS, ...PERMISSIVE_ACCEPT] }))
  })

  describe('covers the same checks as the calls of national plans, as far as plain FAPI has them', () => {
    const body = JSON.stringify({ amount: { value: '10.00' } })
    const json = ['Content-Type', 'application/json; charset=utf-8']

    test('a POST of JSON with a client credentials token, answered 201 [SUITE-15, SUITE-16, SUITE-17]', async () => {
      const id = mixedCaseId()
      const fields = [...json, 'x-idempotency-key', randomUUID(), 'x-fapi-interaction-id', id]
      const answer = await first.call(token, { method: 'POST', path: '/payments', fields, body })
      expect(answer.status).toBe(201)
      expectDate(answer)
      expectJson(answer)
      expectInteractionId(answer, id)
      expect(fixture.reached.at(-1)?.body.toString()).toBe(body)
    })

    test('a JWS is passed on octet for octet, and what the bank says of it comes back [SUITE-15, SUITE-17]', async () => {
      const jws = `${Buffer.from('{"alg":"PS256"}').toString('base64url')}.e30.AAAA`
      const fields = ['Content-Type', 'application/jwt', 'Accept', 'application/jwt']
      const sent = { method: 'POST', path: '/payments', fields, body: jws }
      const answer = await first.call(token, sent)
      // The bank of the tests reads no JWS: this is its own refusal, and not the gateway's.
      expect(answer.status).toBe(400)
      expect(JSON.parse(answer.body)).toEqual({ code: 'amount_missing' })
      const { rawHeaders, body: received } = fixture.reached.at(-1)!
      expect(received.toString()).toBe(jws)
      expect(linesOf(rawHeaders, 'content-type')).toEqual(['application/jwt'])
    })

    test('the fields of the Consumer Data Right go on as they came [SUITE-18]', async () => {
      const fields = ['x-v', '2', 'x-min-v', '1', 'x-cds-client-headers', 'dXNlcg==']
      expectSuccess(await first.call(token, { fields: [...optionalFields(), ...fields] }))
      const { rawHeaders } = fixture.reached.at(-1)!
      for (let i = 0; i < fields.length; i += 2) {
        expect(linesOf(rawHeaders, fields[i]!)).toEqual([fields[i + 1]])
      }
    })
  })

  test('covers the same checks as test-claims-parameter-identity-claims and oidcc-userinfo: GET and POST with the token in the header, answered with JSON [SUITE-13, SUITE-14]', async () => {
    const id = mixedCaseId()
    const answer = await first.call(token, { fields: ['x-fapi-interaction-id', id] })
    expectSuccess(answer)
    expectJson(answer)
    expectInteractionId(answer, id)
    const sent = { method: 'POST', path: '/payments', body: '{"amount":1}' }
    expectSuccess(await first.call(token, sent))
  })
})
