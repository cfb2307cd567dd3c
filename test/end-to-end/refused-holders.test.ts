import { calculateJwkThumbprint, exportJWK } from 'jose'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Credential, createAuthority } from '../../src/demo/certificates.ts'
import type { Client } from '../../src/demo/client.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import {
  API,
  type Binding,
  type Fixture,
  RESOURCES,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import {
  ALGS,
  type ExpectedRefusal,
  expectRefusal,
  REALM,
  refusedToken,
  TOKEN_NOT_ACCEPTED,
} from '../support/refusal.ts'

const YAML = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem, max_lifetime: 10m }
dpop: { nonce: { mode: off } }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
  - { id: both, match: GET /both, scopes: [accounts, payments], upstream: $BANK }
  - { id: either, match: GET /either, scopes: { any: [payments, cards] }, upstream: $BANK }
  - { id: narrow, match: GET /narrow, audience: https://other.example, scopes: [cards], authentication: { acr_values: [loa4] }, upstream: $BANK }
  - { id: claim, match: GET /claim, claims: { tenant: { equals: one } }, upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let gateway: TestGateway
let mint: Mint
let bound: { cnf: { 'x5t#S256': string } }
const callers: Partial<Record<Binding | 'stranger' | 'foreign' | 'none', Caller>> = {}
const clients: Partial<Record<Binding, Client>> = {}
let foreign: Credential

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  gateway = await fixture.gateway(YAML)
  mint = createMint(signing, fixture.as.issuer)
  const { mtls, stranger } = fixture.certificates
  bound = { cnf: { 'x5t#S256': mtls.thumbprint } }
  foreign = await (await createAuthority({ name: 'other CA' })).issueClient({ commonName: 'mtls' })
  callers.mtls = createCaller(fixture, gateway, mtls)
  callers.stranger = createCaller(fixture, gateway, stranger)
  callers.foreign = createCaller(fixture, gateway, foreign)
  callers.none = createCaller(fixture, gateway)
  for (const binding of ['mtls', 'dpop', 'unbound'] as const) {
    clients[binding] = await fixture.client(binding, gateway)
  }
})

afterAll(async () => {
  for (const caller of Object.values(callers)) caller.close()
  await fixture.close()
})

async function expectRefused(
  token: string,
  expected: ExpectedRefusal,
  { by = 'mtls', path = '/accounts' }: { by?: keyof typeof callers; path?: string } = {},
): Promise<void> {
  const fields = ['Authorization', `Bearer ${token}`]
  await expectRefusal({ fixture, gateway, caller: callers[by]! }, { path, fields }, expected)
}

const tokenOf = async (binding: Binding, resource: string = RESOURCES.jwt, scope = 'accounts') =>
  (await clients[binding]!.token({ scope, resource })).accessToken

describe('a token that is not proven to be in the right hands', () => {
  test('FAPI 2.0 SP §5.3.4-5: one that is bound to nothing [J42]', async () => {
    await expectRefused(await tokenOf('unbound'), refusedToken('cnf_missing'))
  })

  test('wso2/product-is#19606, RFC 9449 §7.2: one that is bound to a key, as a bearer token [DPOP-7.2-1, J41, PF-45, HOLE-11]', async () => {
    await expectRefused(await tokenOf('dpop'), refusedToken('dpop_token_as_bearer'))
  })

  test('RFC 9449 §7.1: one that is bound to a certificate, with the scheme DPoP [DPOP-7.2-2]', async () => {
    const { makeProof } = clients.dpop!
    const accessToken = await tokenOf('mtls')
    const proof = await makeProof({ method: 'GET', url: `${API}/accounts`, accessToken })
    await expectRefusal(
      { fixture, gateway, caller: callers.mtls! },
      { fields: ['Authorization', `DPoP ${accessToken}`, 'DPoP', proof] },
      {
        ...refusedToken('token_not_dpop_bound'),
        challenges: [
          `DPoP ${REALM}, error="invalid_token", error_description="token_not_dpop_bound", ${ALGS}`,
          `Bearer ${REALM}`,
        ],
      },
    )
  })

  test('CVE-2025-9312, RFC 8705 §3: no certificate [MTLS-4, M01, PF-43, HOLE-2]', async () => {
    const by = { by: 'none' } as const
    await expectRefused(await tokenOf('mtls'), refusedToken('tls_client_cert_missing'), by)
  })

  test('RFC 8705 §3: another certificate of the same authority [MTLS-1, M02, HOLE-2]', async () => {
    const by = { by: 'stranger' } as const
    await expectRefused(await tokenOf('mtls'), refusedToken('cnf_x5t_mismatch'), by)
  })

  test('RFC 8705 §2.1: the right certificate, from an authority that is not trusted [MTLS-6]', async () => {
    const token = await mint({ cnf: { 'x5t#S256': foreign.thumbprint } })
    await expectRefused(token, refusedToken('tls_client_cert_untrusted'), { by: 'foreign' })
  })

  test('RFC 9449 §7.2: bound to a key and a certificate, it is no bearer token either [HOLE-11]', async () => {
    const jkt = await calculateJwkThumbprint(await exportJWK(clients.dpop!.dpopKeys.publicKey))
    const token = await mint({ cnf: { ...bound.cnf, jkt } })
    await expectRefused(token, refusedToken('dpop_token_as_bearer'))
  })
})

describe('a token that does not authorize this access', () => {
  const insufficient = (reason: string, route: string, scope: string): ExpectedRefusal => ({
    status: 403,
    challenges: [
      `Bearer ${REALM}, error="insufficient_scope", error_description="${reason}"${scope}`,
      `DPoP ${REALM}, ${ALGS}`,
    ],
    error: 'insufficient_scope',
    reason,
    route,
  })

  test('RFC 6750 §3.1: for want of the one scope [DPOP-7.1-3]', async () => {
    const token = await tokenOf('mtls', RESOURCES.jwt, 'payments')
    const expected = insufficient('scope_insufficient', 'accounts', ', scope="accounts"')
    await expectRefused(token, expected)
  })

  test('RFC 6750 §3.1: for want of one of two scopes', async () => {
    const expected = insufficient('scope_insufficient', 'both', ', scope="accounts payments"')
    await expectRefused(await tokenOf('mtls'), expected, { path: '/both' })
  })

  test('RFC 6749 §3.3: a scope is whole, and its case matters', async () => {
    const token = await mint({ ...bound, scope: 'Accounts accounts:read' })
    const expected = insufficient('scope_insufficient', 'accounts', ', scope="accounts"')
    await expectRefused(token, expected)
  })

  test('RFC 6750 §3.1: for want of any of several scopes', async () => {
    const expected = insufficient('scope_none_of', 'either', ', scope="payments cards"')
    await expectRefused(await tokenOf('mtls'), expected, { path: '/either' })
  })

  test('for want of a claim', async () => {
    const expected = insufficient('claim_mismatch', 'claim', '')
    await expectRefused(await mint({ ...bound, tenant: 'two' }), expected, { path: '/claim' })
  })

  test('RFC 8707 §2: for want of the audience of the route, whatever else it lacks [RT-11]', async () => {
    const expected = {
      ...refusedToken('audience_not_of_route', TOKEN_NOT_ACCEPTED),
      route: 'narrow',
    }
    await expectRefused(await tokenOf('mtls'), expected, { path: '/narrow' })
  })
})
