import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type Caller, createCaller, type RawRequest } from '../support/caller.ts'
import {
  API,
  type Fixture,
  HOST,
  RESOURCES,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'
import { ALGS, type ExpectedRefusal, expectRefusal, REALM } from '../support/refusal.ts'

const YAML = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_urls: [https://$HOST, https://localhost]
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
dpop: { nonce: { mode: off } }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
  - { id: payments, match: POST /payments, scopes: [payments], upstream: $BANK }
  - { id: mtls, match: GET /mtls, sender: mtls, upstream: $BANK }
  - { id: dpop, match: GET /dpop, sender: dpop, upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

const UNMATCHED = '_unmatched'
const BARE = [`Bearer ${REALM}`, `DPoP ${REALM}, ${ALGS}`]

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let misnamed: Caller
let holder: Client
/** Good credentials, so that nothing is refused for lack of them. */
let token: string

beforeAll(async () => {
  fixture = await startFixture()
  gateway = await fixture.gateway(YAML)
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  misnamed = createCaller(fixture, gateway, fixture.certificates.mtls, 'localhost')
  holder = await fixture.client('mtls', gateway)
  token = (await holder.token({ scope: 'accounts payments', resource: RESOURCES.jwt })).accessToken
})

afterAll(async () => {
  caller.close()
  misnamed.close()
  expect(fixture.reached).toEqual([])
  await fixture.close()
})

/** The challenges of an error that none of the schemes is known to be meant by. */
function inAllSchemes(error: string, reason: string): string[] {
  const text = `error="${error}", error_description="${reason}"`
  return [`Bearer ${REALM}, ${text}`, `DPoP ${REALM}, ${text}, ${ALGS}`]
}

function invalidRequest(reason: string): ExpectedRefusal {
  const challenges = inAllSchemes('invalid_request', reason)
  return { status: 400, challenges, error: 'invalid_request', reason }
}

const refused = (request: RawRequest, expected: ExpectedRefusal) =>
  expectRefusal({ fixture, gateway, caller }, request, expected)

const bearer = () => ['Authorization', `Bearer ${token}`]

describe('what is asked of nobody here', () => {
  const misdirected = (reason: string): ExpectedRefusal => ({
    status: 421,
    challenges: [],
    error: 'misdirected_request',
    reason,
    route: UNMATCHED,
    outcome: 'client_error',
    fields: { connection: 'close' },
  })

  test('RFC 9110 §7.4: an authority that is not served is misdirected', async () => {
    const fields = [...bearer(), 'Host', 'other.example']
    await refused({ fields }, misdirected('host_not_served'))
  })

  test('RFC 9110 §7.4: so is one that the handshake was not for', async () => {
    const fields = [...bearer(), 'Host', HOST]
    const expected = misdirected('host_is_not_sni')
    await expectRefusal({ fixture, gateway, caller: misnamed }, { fields }, expected)
  })

  test('RFC 9112 §3.2.2: the authority of an absolute target counts, not Host', async () => {
    const path = 'https://other.example/accounts'
    await refused({ path, fields: bearer() }, misdirected('host_not_served'))
  })

  test('RFC 9110 §15.5.5: there is no such path [P11]', async () => {
    await refused(
      { path: '/unknown', fields: bearer() },
      {
        status: 404,
        challenges: [],
        error: 'not_found',
        reason: 'route_not_found',
        route: UNMATCHED,
        outcome: 'client_error',
      },
    )
  })

  test('RFC 9110 §15.5.6: the path is there, and the methods it knows are told', async () => {
    await refused(
      { method: 'DELETE', fields: bearer() },
      {
        status: 405,
        challenges: [],
        error: 'method_not_allowed',
        reason: 'method_not_of_route',
        route: UNMATCHED,
        outcome: 'client_error',
        fields: { allow: 'GET, HEAD' },
      },
    )
  })
})

describe('a token in another place', () => {
  test('RFC 6750 §2.3, FAPI 2.0 SP §5.3.4-2: in the query [J40]', async () => {
    await refused({ path: `/accounts?access_token=${token}` }, invalidRequest('token_in_query'))
  })

  test('in the query, beside one in the header field [J40]', async () => {
    const path = `/accounts?a=1&access_token=${token}`
    await refused({ path, fields: bearer() }, invalidRequest('token_in_query'))
  })

  test('in the query, with its name in other letters', async () => {
    const path = `/accounts?%61ccess%5Ftoken=${token}`
    await refused({ path, fields: bearer() }, invalidRequest('token_in_query'))
  })

  const form = ['Content-Type', 'application/x-www-form-urlencoded']

  test('RFC 6750 §2.2: in a form [J40]', async () => {
    await refused(
      { method: 'POST', path: '/payments', fields: form, body: `access_token=${token}` },
      { ...invalidRequest('token_in_form'), route: 'payments' },
    )
  })

  test('RFC 6750 §2.2: in a form, beside one in the header field', async () => {
    await refused(
      {
        method: 'POST',
        path: '/payments',
        fields: [...bearer(), ...form],
        body: `amount=1&access_token=${token}`,
      },
      {
        ...invalidRequest('token_in_form'),
        challenges: [
          `Bearer ${REALM}, error="invalid_request", error_description="token_in_form"`,
          `DPoP ${REALM}, ${ALGS}`,
        ],
        route: 'payments',
      },
    )
  })
})

describe('no credentials', () => {
  const missing = (reason: string): ExpectedRefusal => ({ status: 401, challenges: BARE, reason })

  test('GHSA-pvq3-8rvg-f36q, RFC 6750 §3.1: none at all are told the schemes, and no error [PF-30]', async () => {
    await refused({}, missing('token_missing'))
  })

  test.each([
    ['Basic', 'Basic dXNlcjpwYXNzd29yZA=='],
    ['one that begins alike', 'BearerX abc'],
    ['nothing', ''],
    ['Bearer and a tab', 'Bearer\tabc'],
  ])('RFC 9110 §11.6.2: a scheme that is not ours: %s', async (_title, value) => {
    await refused({ fields: ['Authorization', value] }, missing('scheme_unknown'))
  })

  test.each([
    ['mtls', [`Bearer ${REALM}`]],
    ['dpop', [`DPoP ${REALM}, ${ALGS}`]],
  ])(
    'a route for one kind of proof names one scheme: %s [DPOP-7.2-3]',
    async (route, challenges) => {
      await refused(
        { path: `/${route}` },
        { status: 401, challenges, reason: 'token_missing', route },
      )
    },
  )

  test('RFC 9449 §7.2: where only DPoP is accepted, no bearer token is', async () => {
    const text = 'error="invalid_token", error_description="dpop_scheme_required"'
    await refused(
      { path: '/dpop', fields: bearer() },
      {
        status: 401,
        challenges: [`Bearer ${REALM}, ${text}`, `DPoP ${REALM}, ${ALGS}`],
        error: 'invalid_token',
        reason: 'dpop_scheme_required',
        route: 'dpop',
      },
    )
  })

  test('where only certificates count, the scheme DPoP is not accepted', async () => {
    await refused(
      { path: '/mtls', fields: ['Authorization', `DPoP ${token}`] },
      {
        status: 401,
        challenges: [`Bearer ${REALM}`],
        reason: 'scheme_not_accepted',
        route: 'mtls',
      },
    )
  })
})

describe('CVE-2025-13915: credentials that cannot be read [PF-46]', () => {
  test.each([
    ['Bearer twice', 'Bearer', 'Bearer'],
    ['Bearer and DPoP', 'Bearer', 'DPoP'],
    ['Basic and Bearer', 'Basic', 'Bearer'],
  ])('RFC 9449 §7.2: two Authorization fields: %s [J39, PF-38]', async (_title, one, other) => {
    const fields = ['Authorization', `${one} ${token}`, 'authorization', `${other} ${token}`]
    await refused({ fields }, invalidRequest('authorization_several'))
  })

  test.each([
    ['no token', 'Bearer'],
    ['two tokens', 'Bearer abc def'],
    ['two spaces', 'Bearer  abc'],
    ['a comma', 'Bearer abc,def'],
    ['a quoted token', 'Bearer "abc"'],
    ['a sign that is not of the alphabet', 'Bearer abc!'],
    ['DPoP without a token', 'DPoP'],
  ])('RFC 6750 §2.1: %s [J38]', async (_title, value) => {
    await refused({ fields: ['Authorization', value] }, invalidRequest('credentials_malformed'))
  })

  test('a token of more characters than are read [JWT-16, J37]', async () => {
    const fields = ['Authorization', `Bearer ${'a'.repeat(8193)}`]
    await refused({ fields }, invalidRequest('token_too_long'))
  })

  test('RFC 9449 §4.3 (1): two proofs', async () => {
    const proof = await holder.makeProof({ method: 'GET', url: `${API}/accounts` })
    await refused(
      { fields: ['Authorization', `DPoP ${token}`, 'DPoP', proof, 'dpop', proof] },
      {
        status: 400,
        challenges: [
          `DPoP ${REALM}, error="invalid_request", error_description="dpop_proof_several", ${ALGS}`,
          `Bearer ${REALM}`,
        ],
        error: 'invalid_request',
        reason: 'dpop_proof_several',
      },
    )
  })
})
