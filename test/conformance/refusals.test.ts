import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type ProofOptions, signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller, type RawRequest } from '../support/caller.ts'
import { type FaultyUpstream, startFaultyUpstream } from '../support/faulty-upstream.ts'
import {
  API,
  type Fixture,
  HOST,
  RESOURCES,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { get, post } from '../support/open-gateway.ts'
import { expectClosingRefusal, sendRaw } from '../support/raw-socket.ts'
import {
  ALGS,
  type ExpectedRefusal,
  expectRefusal,
  REALM,
  refusedToken,
  TOKEN_NOT_ACCEPTED,
} from '../support/refusal.ts'
import { type Stub, startStub } from '../support/stub.ts'

const yaml = (stub: string, raw: string) =>
  `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_urls: [https://$HOST, https://localhost]
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
  asked:
    issuer: ${stub}
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${stub}/introspect
      auth: { method: client_secret_post, client_id: gateway, client_secret: a-long-secret }
      cache: { ttl: 0s, negative_ttl: 0s }
  away: { issuer: "https://localhost:1", audience: https://$HOST, ca: ca.pem }
dpop: { nonce: { mode: off } }
defaults: { issuers: [bank], scopes: [accounts], limits: { body: 64KiB } }
upstreams:
  raw: { url: "${raw}", timeouts: { response_headers: 200ms } }
routes:
  - { id: accounts, match: GET /accounts/**, upstream: $BANK }
  - { id: payments, match: POST /payments, upstream: raw }
  - { id: nonce, match: GET /nonce, dpop_freshness: { nonce: required }, upstream: $BANK }
  - { id: opaque, match: GET /opaque, issuers: [asked], upstream: $BANK }
  - { id: away, match: GET /away, issuers: [away], upstream: $BANK }
  - { id: closed, match: GET /closed, upstream: "http://127.0.0.1:1" }
  - id: step
    match: GET /step
    authentication: { acr_values: [urn:sca], max_age: 5m }
    upstream: $BANK
  - id: details
    match: GET /details
    authorization: { authorization_details: { type: account_information } }
    upstream: $BANK
  - id: ladder
    match: GET /ladder
    dpop_freshness: { nonce: required }
    authentication: { acr_values: [urn:sca] }
    upstream: "http://127.0.0.1:1"
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

const UNMATCHED = '_unmatched'
const BARE = [`Bearer ${REALM}`, `DPoP ${REALM}, ${ALGS}`]

let fixture: Fixture
let gateway: TestGateway
let stub: Stub
let upstream: FaultyUpstream
/** With the certificate of `mtls`, with another, with none, and by another name. */
let caller: Caller
let stranger: Caller
let anonymous: Caller
let misnamed: Caller
let mint: Mint
let holder: Client
/** Bound to the certificate of `mtls`, and to the key of `holder`. */
let bound: { cnf: { 'x5t#S256': string } }
let keyed: { cnf: { jkt: string } }

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  stub = await startStub(fixture, () => ({ body: { active: false } }))
  upstream = await startFaultyUpstream()
  gateway = await fixture.gateway(yaml(stub.origin, upstream.url))
  const { mtls } = fixture.certificates
  caller = createCaller(fixture, gateway, mtls)
  stranger = createCaller(fixture, gateway, fixture.certificates.stranger)
  anonymous = createCaller(fixture, gateway)
  misnamed = createCaller(fixture, gateway, mtls, 'localhost')
  holder = await fixture.client('dpop', gateway)
  mint = createMint(signing, fixture.as.issuer)
  bound = { cnf: { 'x5t#S256': mtls.thumbprint } }
  keyed = { cnf: { jkt: await calculateJwkThumbprint(await exportJWK(holder.dpopKeys.publicKey)) } }
})

afterAll(async () => {
  for (const one of [caller, stranger, anonymous, misnamed]) one.close()
  await fixture.close()
  await stub.close()
  await upstream.close()
})

const refused = (request: RawRequest, expected: ExpectedRefusal, by = caller) =>
  expectRefusal({ fixture, gateway, caller: by }, request, expected)

const bearer = (token: string) => ['Authorization', `Bearer ${token}`]

const proofOf = (accessToken: string, change: Partial<ProofOptions> = {}, path = '/accounts') =>
  signProof(holder.dpopKeys, { method: 'GET', url: API + path, accessToken, ...change })

async function proven(token: string, change: Partial<ProofOptions> = {}, path?: string) {
  return ['Authorization', `DPoP ${token}`, 'DPoP', await proofOf(token, change, path)]
}

const seconds = () => Math.floor(Date.now() / 1000)

/** What has no challenge, since it is not about credentials. */
function plain(
  status: number,
  error: string,
  reason: string,
  more: Partial<ExpectedRefusal> = {},
): ExpectedRefusal {
  return { status, challenges: [], error, reason, outcome: 'client_error', ...more }
}

/** The error in the challenges of both schemes: which was meant cannot be told. */
function inBoth(status: number, error: string, reason: string): ExpectedRefusal {
  const text = `error="${error}", error_description="${reason}"`
  const challenges = [`Bearer ${REALM}, ${text}`, `DPoP ${REALM}, ${text}, ${ALGS}`]
  return { status, challenges, error, reason }
}

/** The error in the challenge of DPoP, which was used, and Bearer named beside. */
function toDpop(
  status: number,
  error: string,
  reason: string,
  more: Partial<ExpectedRefusal> = {},
): ExpectedRefusal {
  const { description = reason } = more
  const text = `error="${error}", error_description="${description}"`
  const challenges = [`DPoP ${REALM}, ${text}, ${ALGS}`, `Bearer ${REALM}`]
  return { status, challenges, error, reason, ...more }
}

function toBearer(
  status: number,
  error: string,
  reason: string,
  parameters = '',
  more: Partial<ExpectedRefusal> = {},
): ExpectedRefusal {
  const text = `error="${error}", error_description="${reason}"${parameters}`
  const challenges = [`Bearer ${REALM}, ${text}`, `DPoP ${REALM}, ${ALGS}`]
  return { status, challenges, error, reason, ...more }
}

const concealed = (reason: string) => refusedToken(reason, TOKEN_NOT_ACCEPTED)

describe('one answer for a condition', () => {
  test.each([
    [
      'two framings',
      post(['Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      'http_malformed',
    ],
    ['two lengths', post(['Content-Length: 2', 'Content-Length: 3'], 'abc'), 'http_malformed'],
    ['an ambiguous path', get('/accounts/..%2fadmin'), 'path_encoded_separator'],
  ])(
    'malformed HTTP is answered 400, and the connection closed: %s [RT-1]',
    async (_, bytes, reason) => {
      const before = [fixture.reached.length, upstream.requests.length]
      const answers = await sendRaw(fixture, gateway, bytes)
      expect(answers).toHaveLength(1)
      expectClosingRefusal(answers[0], 400, reason)
      expect(answers[0]?.lines('www-authenticate')).toEqual([])
      expect([fixture.reached.length, upstream.requests.length]).toEqual(before)
    },
  )

  test('too many fields are answered 431, too long a target 414, too much content 413 [RT-2]', async () => {
    const fields = [...bearer(await mint(bound))]
    const unmatched = { route: UNMATCHED, fields: { connection: 'close' } }
    const many = Array.from({ length: 101 }, (_, i) => [`X-${i}`, '1']).flat()
    await refused(
      { fields: [...fields, ...many] },
      plain(431, 'header_fields_too_large', 'header_lines_too_many', unmatched),
    )
    await refused(
      { path: `/accounts/${'a'.repeat(8192)}`, fields },
      plain(414, 'uri_too_long', 'target_too_long', unmatched),
    )
    await refused(
      { method: 'POST', path: '/payments', fields, body: 'a'.repeat(65_537) },
      plain(413, 'content_too_large', 'content_length_over_limit', {
        route: 'payments',
        fields: { connection: 'close' },
      }),
    )
  })

  test('an authority that is not served, or not that of the handshake, is answered 421 [RT-3]', async () => {
    const more = { route: UNMATCHED, fields: { connection: 'close' } }
    const credentials = bearer(await mint(bound))
    const misdirected = (reason: string) => plain(421, 'misdirected_request', reason, more)
    await refused(
      { fields: [...credentials, 'Host', 'other.example'] },
      misdirected('host_not_served'),
    )
    await refused(
      { fields: [...credentials, 'Host', HOST] },
      misdirected('host_is_not_sni'),
      misnamed,
    )
  })

  test('no route is answered 404, and another method 405 with those there are [RT-4]', async () => {
    const more = { route: UNMATCHED }
    const fields = bearer(await mint(bound))
    await refused({ path: '/unknown', fields }, plain(404, 'not_found', 'route_not_found', more))
    await refused(
      { method: 'DELETE', fields },
      plain(405, 'method_not_allowed', 'method_not_of_route', {
        ...more,
        fields: { allow: 'GET, HEAD' },
      }),
    )
  })

  test('a token in the query or in a form is answered 400 [RT-6, F1B-RS-3, F2-RS-2, BT-3, BT-4, BT-5]', async () => {
    const token = await mint(bound)
    const inQuery = inBoth(400, 'invalid_request', 'token_in_query')
    await refused({ path: `/accounts?access_token=${token}` }, inQuery)
    await refused({ path: `/accounts?access_token=${token}`, fields: bearer(token) }, inQuery)

    const fields = ['Content-Type', 'application/x-www-form-urlencoded']
    const form = { method: 'POST', path: '/payments', body: `access_token=${token}` }
    const more = { route: 'payments' }
    await refused(
      { ...form, fields },
      { ...inBoth(400, 'invalid_request', 'token_in_form'), ...more },
    )
    await refused(
      { ...form, fields: [...fields, ...bearer(token)] },
      toBearer(400, 'invalid_request', 'token_in_form', '', more),
    )
  })

  test('no credentials, or those of another scheme, are told the schemes and no error [RT-7, BT-7]', async () => {
    const missing = (reason: string): ExpectedRefusal => ({ status: 401, challenges: BARE, reason })
    await refused({}, missing('token_missing'))
    await refused({ fields: ['Authorization', 'Basic YTpi'] }, missing('scheme_unknown'))
  })

  test('two Authorization lines, or no token68, are answered 400 in all schemes [RT-8, BT-10, BT-2, BT-9]', async () => {
    const token = await mint(bound)
    await refused(
      { fields: [...bearer(token), 'authorization', `DPoP ${token}`] },
      inBoth(400, 'invalid_request', 'authorization_several'),
    )
    await refused(
      { fields: bearer(`${token} ${token}`) },
      inBoth(400, 'invalid_request', 'credentials_malformed'),
    )
  })

  test('two proofs are answered 400 [RT-9]', async () => {
    const token = await mint(keyed)
    const fields = [...(await proven(token)), 'dpop', await proofOf(token)]
    await refused({ fields }, toDpop(400, 'invalid_request', 'dpop_proof_several'))
  })

  test('no proof, or a bad one, is answered invalid_dpop_proof, with the algorithms [RT-10]', async () => {
    const token = await mint(keyed)
    await refused(
      { fields: ['Authorization', `DPoP ${token}`] },
      toDpop(401, 'invalid_dpop_proof', 'dpop_proof_missing'),
    )
    await refused(
      { fields: await proven(token, { claims: { htm: 'PUT' } }) },
      toDpop(401, 'invalid_dpop_proof', 'dpop_htm_mismatch'),
    )
  })

  test('whatever is wrong with a token itself, the client is told one text [RT-11, F1B-RS-4, F1B-RS-7, F2-RS-3, BT-9]', async () => {
    const [header, claims] = (await mint(bound)).split('.')
    const [, , signature] = (await mint()).split('.')
    const now = seconds()
    const faulty: readonly [string, string, string?][] = [
      ['b3BhcXVl', 'token_not_a_jwt'],
      [`${header}.${claims}.${signature}`, 'token_signature_invalid'],
      [await mint({ ...bound, iss: 'https://other.example' }), 'token_issuer_unknown'],
      [await mint({ ...bound, aud: RESOURCES.other }), 'token_audience_mismatch'],
      [await mint(bound, { typ: 'JWT' }), 'token_typ'],
      [await mint({ ...bound, iat: now - 60, exp: now - 20 }), 'token_expired'],
      ['b3BhcXVl', 'token_inactive', 'opaque'],
    ]
    for (const [token, reason, route = 'accounts'] of faulty) {
      await refused({ path: `/${route}`, fields: bearer(token) }, { ...concealed(reason), route })
    }
  })

  test('a token that is bound to nothing is answered invalid_token [RT-12, F2-RS-5]', async () => {
    await refused({ fields: bearer(await mint()) }, refusedToken('cnf_missing'))
  })

  test('a bound token under the wrong scheme is told both schemes [RT-13]', async () => {
    await refused({ fields: bearer(await mint(keyed)) }, refusedToken('dpop_token_as_bearer'))
    await refused(
      { fields: await proven(await mint(bound)) },
      toDpop(401, 'invalid_token', 'token_not_dpop_bound'),
    )
  })

  test('no certificate, or another, is answered invalid_token [RT-14, F2-RS-5]', async () => {
    const fields = bearer(await mint(bound))
    await refused({ fields }, refusedToken('tls_client_cert_missing'), anonymous)
    await refused({ fields }, refusedToken('cnf_x5t_mismatch'), stranger)
  })

  test('another ath is a fault of the proof, another key one of the token [RT-15]', async () => {
    const token = await mint(keyed)
    await refused(
      { fields: await proven(token, { accessToken: `${token}x` }) },
      toDpop(401, 'invalid_dpop_proof', 'dpop_ath_mismatch'),
    )
    const keys = await generateKeyPair('ES256')
    const proof = await signProof(keys, {
      method: 'GET',
      url: `${API}/accounts`,
      accessToken: token,
    })
    await refused(
      { fields: ['Authorization', `DPoP ${token}`, 'DPoP', proof] },
      toDpop(401, 'invalid_token', 'cnf_jkt_mismatch'),
    )
  })

  test('a jti that was seen is a fault of the proof [RT-16]', async () => {
    const fields = await proven(await mint(keyed))
    expect(await caller.send({ fields })).toMatchObject({ status: 200 })
    await refused({ fields }, toDpop(401, 'invalid_dpop_proof', 'dpop_replayed'))
  })

  test('without a nonce, or with a stale one, the next is told [RT-17]', async () => {
    const path = '/nonce'
    const more = { route: 'nonce', nonce: true }
    const token = await mint(keyed)
    await refused(
      { path, fields: await proven(token, {}, path) },
      toDpop(401, 'use_dpop_nonce', 'dpop_nonce_required', more),
    )
    await refused(
      { path, fields: await proven(token, { nonce: 'never-given-out' }, path) },
      toDpop(401, 'use_dpop_nonce', 'dpop_nonce_stale', more),
    )
  })

  test('an iat outside the window is a fault of the proof [RT-18]', async () => {
    for (const iat of [seconds() - 3600, seconds() + 3600]) {
      await refused(
        { fields: await proven(await mint(keyed), { claims: { iat } }) },
        toDpop(401, 'invalid_dpop_proof', 'dpop_iat_out_of_window'),
      )
    }
  })

  test('a user who was authenticated too weakly, or too long ago, is told what would do [RT-20]', async () => {
    const enough = ', acr_values="urn:sca", max_age="300"'
    const error = 'insufficient_user_authentication'
    const more = { route: 'step' }
    const path = '/step'
    const good = { ...bound, acr: 'urn:sca', auth_time: seconds() }
    await refused(
      { path, fields: bearer(await mint({ ...good, acr: 'urn:pwd' })) },
      toBearer(401, error, 'acr_insufficient', enough, more),
    )
    await refused(
      { path, fields: bearer(await mint({ ...good, auth_time: seconds() - 301 })) },
      toBearer(401, error, 'auth_too_old', enough, more),
    )
  })

  test('too small a scope, or too few details, are answered 403 with the scope [RT-21, F1B-RS-5, F1B-RS-7, F2-RS-4, BT-9]', async () => {
    const error = 'insufficient_scope'
    await refused(
      { fields: bearer(await mint({ ...bound, scope: 'payments' })) },
      toBearer(403, error, 'scope_insufficient', ', scope="accounts"'),
    )
    await refused(
      { path: '/details', fields: bearer(await mint(bound)) },
      toBearer(403, error, 'authorization_details_insufficient', ', scope="accounts"', {
        route: 'details',
      }),
    )
  })

  test('where nobody can be asked the answer is 503, and neither 401 nor a pass [RT-24]', async () => {
    const unavailable = (reason: string, route: string) =>
      plain(503, 'temporarily_unavailable', reason, {
        route,
        outcome: 'gateway_error',
        fields: { 'retry-after': '1' },
      })
    const fields = bearer(await mint({ ...bound, iss: 'https://localhost:1' }))
    await refused({ path: '/away', fields }, unavailable('jwks_not_loaded', 'away'))

    const { answer } = stub
    stub.answer = () => ({ status: 500 })
    const reason = 'introspection_unavailable'
    await refused({ path: '/opaque', fields: bearer('b3BhcXVl') }, unavailable(reason, 'opaque'))
    stub.answer = answer
  })

  test('an upstream that answers badly, late or not at all is 502, 504 or 503, and asked once [RT-25]', async () => {
    const more = { outcome: 'upstream_error' }
    const request = {
      method: 'POST',
      path: '/payments',
      fields: bearer(await mint(bound)),
      body: '{}',
    }
    const route = 'payments'

    let before = upstream.requests.length
    upstream.answer = ({ socket }) => void socket.end('nonsense\r\n\r\n')
    await refused(
      request,
      plain(502, 'bad_gateway', 'upstream_response_invalid', { ...more, route }),
    )
    expect(upstream.requests).toHaveLength(before + 1)

    before = upstream.requests.length
    upstream.answer = () => {}
    await refused(request, plain(504, 'gateway_timeout', 'upstream_timeout', { ...more, route }))
    expect(upstream.requests).toHaveLength(before + 1)

    await refused(
      { path: '/closed', fields: bearer(await mint(bound)) },
      plain(503, 'upstream_unavailable', 'upstream_unreachable', {
        ...more,
        route: 'closed',
        fields: { 'retry-after': '1' },
      }),
    )
  })
})

describe('where two faults meet, the upper one is answered', () => {
  /** A request with faults, and what it is answered: each step has one fault less. */
  type Step = [
    title: string,
    request: () => RawRequest | Promise<RawRequest>,
    expected: ExpectedRefusal,
  ]

  async function climb(steps: readonly Step[], by: Caller): Promise<void> {
    for (const [title, request, expected] of steps) {
      const answer = await by.send(await request())
      const { error, error_description: description } = JSON.parse(answer.body)
      expect([title, answer.status, error, description]).toEqual([
        title,
        expected.status,
        expected.error,
        expected.error === undefined ? undefined : (expected.description ?? expected.reason),
      ])
      expect(answer.lines('www-authenticate')).toEqual(expected.challenges)
    }
  }

  test('framing goes before sizes, sizes before the authority, and all of them before the route [RT-1, RT-2, RT-3, RT-4]', async () => {
    const long = `/unknown/${'a'.repeat(8192)}`
    const other = 'Host: other.example'
    const request = (target: string, fields: string[], method = 'GET') =>
      [`${method} ${target} HTTP/1.1`, ...fields, '', ''].join('\r\n')
    const steps: [string, number, string][] = [
      [request(long, [other, 'Transfer-Encoding: gzip']), 400, 'transfer_coding_unknown'],
      [request(long, [other]), 414, 'target_too_long'],
      [request('/unknown?access_token=a', [other]), 421, 'host_not_served'],
      [
        request('/unknown?access_token=a', [`Host: ${HOST}`, 'Connection: close']),
        404,
        'route_not_found',
      ],
    ]
    for (const [bytes, status, reason] of steps) {
      const [answer] = await sendRaw(fixture, gateway, bytes)
      expect(answer?.status).toBe(status)
      expect(JSON.parse(String(answer?.body))).toMatchObject({ error_description: reason })
    }
  })

  test('with DPoP [RT-3, RT-4, RT-6, RT-8, RT-9, RT-10, RT-11, RT-15, RT-16, RT-17, RT-20, RT-21, RT-25]', async () => {
    const path = '/ladder'
    const query = '?access_token=a'
    const weak = { acr: 'urn:pwd', scope: 'payments' }
    const other = { cnf: { jkt: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg' } }
    const expired = await mint({ ...other, ...weak, exp: seconds() - 60 })
    const stolen = await mint({ ...other, ...weak })
    const weakly = await mint({ ...keyed, ...weak })
    const narrow = await mint({ ...keyed, scope: 'payments', acr: 'urn:sca' })
    const good = await mint({ ...keyed, acr: 'urn:sca' })
    const put = { claims: { htm: 'PUT' }, accessToken: 'a' }
    const told = await caller.send({ path, fields: await proven(good, {}, path) })
    const nonce = told.lines('dpop-nonce')[0]!
    // One proof for each token, so that all but the first use of it is also a replay.
    const fieldsOf = async (token: string, change: Partial<ProofOptions> = {}) =>
      proven(token, { claims: { jti: 'one', iat: 1 }, ...change }, path)
    const two = [...(await fieldsOf(expired, put)), 'DPoP', 'b']

    const ladder = { route: 'ladder' }
    const steps: Step[] = [
      [
        'RT-3',
        () => ({
          path: `/unknown${query}`,
          fields: ['Host', 'other.example', ...two, ...bearer('a')],
        }),
        plain(421, 'misdirected_request', 'host_not_served'),
      ],
      [
        'RT-4',
        () => ({ path: `/unknown${query}`, fields: [...two, ...bearer('a')] }),
        plain(404, 'not_found', 'route_not_found'),
      ],
      [
        'RT-4',
        () => ({ path: path + query, method: 'DELETE', fields: [...two, ...bearer('a')] }),
        plain(405, 'method_not_allowed', 'method_not_of_route'),
      ],
      [
        'RT-6',
        () => ({ path: path + query, fields: [...two, ...bearer('a')] }),
        inBoth(400, 'invalid_request', 'token_in_query'),
      ],
      [
        'RT-8',
        () => ({ path, fields: [...two, ...bearer('a')] }),
        inBoth(400, 'invalid_request', 'authorization_several'),
      ],
      ['RT-9', () => ({ path, fields: two }), toDpop(400, 'invalid_request', 'dpop_proof_several')],
      [
        'RT-10',
        async () => ({ path, fields: await fieldsOf(expired, put) }),
        toDpop(401, 'invalid_dpop_proof', 'dpop_htm_mismatch'),
      ],
      [
        'RT-15, the part of the proof: what can be told without the token is told before it is judged',
        async () => ({ path, fields: await fieldsOf(expired, { claims: { ath: 'a', iat: 1 } }) }),
        toDpop(401, 'invalid_dpop_proof', 'dpop_ath_mismatch'),
      ],
      [
        'RT-11',
        async () => ({ path, fields: await fieldsOf(expired) }),
        toDpop(401, 'invalid_token', 'token_expired', { description: TOKEN_NOT_ACCEPTED }),
      ],
      [
        'RT-15, the part of the token',
        async () => ({ path, fields: await fieldsOf(stolen) }),
        toDpop(401, 'invalid_token', 'cnf_jkt_mismatch'),
      ],
      [
        'RT-17',
        async () => ({ path, fields: await fieldsOf(weakly) }),
        toDpop(401, 'use_dpop_nonce', 'dpop_nonce_required', { ...ladder, nonce: true }),
      ],
      [
        'RT-20',
        async () => ({ path, fields: await fieldsOf(weakly, { nonce }) }),
        withParameters(
          'insufficient_user_authentication',
          401,
          'acr_insufficient',
          'acr_values="urn:sca"',
        ),
      ],
      [
        'RT-21',
        async () => ({ path, fields: await fieldsOf(narrow, { nonce }) }),
        withParameters('insufficient_scope', 403, 'scope_insufficient', 'scope="accounts"'),
      ],
      [
        'RT-25',
        async () => ({ path, fields: await fieldsOf(good, { nonce }) }),
        plain(503, 'upstream_unavailable', 'upstream_unreachable'),
      ],
      [
        'RT-16, the last question, since it is the one that writes: nothing above has used the jti',
        async () => ({ path, fields: await fieldsOf(good, { nonce }) }),
        toDpop(401, 'invalid_dpop_proof', 'dpop_replayed'),
      ],
    ]
    await climb(steps, caller)
  })

  test('with a certificate [RT-7, RT-11, RT-12, RT-13, RT-14, RT-21, RT-25]', async () => {
    const path = '/closed'
    const scope = 'payments'
    const { cnf } = bound
    const steps: Step[] = [
      ['RT-7', () => ({ path }), { status: 401, challenges: BARE, reason: 'token_missing' }],
      [
        'RT-11',
        async () => ({ path, fields: bearer(await mint({ scope, exp: seconds() - 60 })) }),
        concealed('token_expired'),
      ],
      [
        'RT-12',
        async () => ({ path, fields: bearer(await mint({ scope })) }),
        refusedToken('cnf_missing'),
      ],
      [
        'RT-13',
        async () => ({
          path,
          fields: bearer(await mint({ scope, cnf: { ...cnf, ...keyed.cnf } })),
        }),
        refusedToken('dpop_token_as_bearer'),
      ],
      [
        'RT-14',
        async () => ({ path, fields: bearer(await mint({ scope, cnf })) }),
        refusedToken('cnf_x5t_mismatch'),
      ],
    ]
    await climb(steps, stranger)
    const held: Step[] = [
      [
        'RT-21',
        async () => ({ path, fields: bearer(await mint({ scope, cnf })) }),
        toBearer(403, 'insufficient_scope', 'scope_insufficient', ', scope="accounts"'),
      ],
      [
        'RT-25',
        async () => ({ path, fields: bearer(await mint({ cnf })) }),
        plain(503, 'upstream_unavailable', 'upstream_unreachable'),
      ],
    ]
    await climb(held, caller)
  })

  test('an issuer that is away is nobody’s excuse: what needs no issuer is refused first, the rest waits [RT-24, RT-18]', async () => {
    const path = '/away'
    const away = { iss: 'https://localhost:1' }
    const token = await mint({ ...away, exp: 1 })
    const steps: Step[] = [
      [
        'RT-6',
        () => ({ path: `${path}?access_token=a`, fields: bearer(token) }),
        inBoth(400, 'invalid_request', 'token_in_query'),
      ],
      [
        'RT-10',
        () => ({ path, fields: ['Authorization', `DPoP ${token}`] }),
        toDpop(401, 'invalid_dpop_proof', 'dpop_proof_missing'),
      ],
      [
        'RT-24, before RT-18',
        async () => ({ path, fields: await proven(token, { claims: { iat: 1 } }, path) }),
        plain(503, 'temporarily_unavailable', 'jwks_not_loaded'),
      ],
    ]
    await climb(steps, caller)
  })
})

/** The error in the challenge of DPoP, with parameters between it and the algorithms. */
function withParameters(
  error: string,
  status: number,
  reason: string,
  parameters: string,
): ExpectedRefusal {
  const text = `error="${error}", error_description="${reason}", ${parameters}`
  return {
    status,
    error,
    reason,
    challenges: [`DPoP ${REALM}, ${text}, ${ALGS}`, `Bearer ${REALM}`],
  }
}
