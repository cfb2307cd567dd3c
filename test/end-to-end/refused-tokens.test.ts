import { createHmac } from 'node:crypto'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listen } from '../../src/demo/loopback.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys, type SigningKeys } from '../support/minting.ts'
import { expectRefusal, refusedToken, TOKEN_NOT_ACCEPTED } from '../support/refusal.ts'

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
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let gateway: TestGateway
let signing: SigningKeys
let mint: Mint
let bound: { cnf: { 'x5t#S256': string } }
let caller: Caller

beforeAll(async () => {
  signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  gateway = await fixture.gateway(YAML)
  mint = createMint(signing, fixture.as.issuer)
  const { mtls } = fixture.certificates
  bound = { cnf: { 'x5t#S256': mtls.thumbprint } }
  caller = createCaller(fixture, gateway, mtls)
})

afterAll(async () => {
  caller.close()
  await fixture.close()
})

const concealed = (reason: string) => refusedToken(reason, TOKEN_NOT_ACCEPTED)

async function expectRefused(token: string, reason: string): Promise<void> {
  const fields = ['Authorization', `Bearer ${token}`]
  await expectRefusal({ fixture, gateway, caller }, { fields }, concealed(reason))
}

test('what is refused below for one thing is accepted without it', async () => {
  const fields = ['Authorization', `Bearer ${await mint(bound)}`]
  const before = fixture.reached.length
  expect(await caller.send({ fields })).toMatchObject({ status: 200 })
  expect(fixture.reached).toHaveLength(before + 1)
})

describe('CVE-2022-29226: a token that its issuer does not vouch for: one text for every fault [JWT-3, JWT-4, JWT-5, JWT-6, JWT-7, PF-40]', () => {
  const now = () => Math.floor(Date.now() / 1000)

  test.each([
    ['RFC 6750 §3.1: no JWT, and nobody to ask', () => 'b3BhcXVl', 'token_not_a_jwt'],
    ['RFC 7515 §7.1: empty parts', () => '..', 'token_not_a_jwt'],
    ['RFC 7519 §7.2: no claims', () => 'eyJhbGciOiJQUzI1NiJ9.bnVsbA.AA', 'token_claims_malformed'],
    [
      'RFC 9068 §4: another issuer',
      () => mint({ iss: 'https://other.example' }),
      'token_issuer_unknown',
    ],
    ['RFC 9068 §4: no issuer', () => mint({ iss: undefined }), 'token_issuer_unknown'],
    [
      'RFC 9068 §4: the issuer with a slash',
      () => mint({ iss: `${fixture.as.issuer}/` }),
      'token_issuer_unknown',
    ],
    [
      'RFC 9068 §4: another audience',
      () => mint({ aud: RESOURCES.other }),
      'token_audience_mismatch',
    ],
    ['RFC 9068 §4: no audience', () => mint({ aud: undefined }), 'token_audience_malformed'],
    ['RFC 9068 §4: expired', () => mint({ iat: now() - 60, exp: now() - 20 }), 'token_expired'],
    ['RFC 9068 §2.2: without an end', () => mint({ exp: undefined }), 'token_exp_malformed'],
    ['RFC 7519 §4.1.5: not yet valid', () => mint({ nbf: now() + 60 }), 'token_not_yet_valid'],
    [
      'FAPI 2.0 SP §5.3.2.1: from the future',
      () => mint({ iat: now() + 60 }),
      'token_from_the_future',
    ],
    [
      'FAPI 1.0 Baseline §7: good for too long [F1B-SEC-4]',
      () => mint({ exp: now() + 3600 }),
      'token_lifetime_too_long',
    ],
    ['RFC 9068 §4: an ID token', () => mint({}, { typ: 'JWT' }), 'token_typ'],
    ['RFC 9068 §4: without a type', () => mint({}, { typ: undefined }), 'token_typ'],
    [
      'RFC 9068 §2.2: without a client',
      () => mint({ client_id: undefined }),
      'token_claim_missing',
    ],
    [
      'RFC 7515 §4.1.4: a key that the issuer has not',
      () => mint({}, { kid: 'x' }),
      'token_kid_unknown',
    ],
    [
      'RFC 7800 §3.1: an unknown confirmation',
      () => mint({ cnf: { kid: 'x' } }),
      'cnf_method_unknown',
    ],
    ['RFC 7800 §3.1: an empty confirmation', () => mint({ cnf: {} }), 'cnf_empty'],
    ['RFC 8725 §3.2: none', async () => unsigned(await mint(bound)), 'token_malformed'],
    [
      'RFC 8725 §3.1: HS256 with a public key',
      () => signedWithPublicKey(),
      'token_alg_not_allowed',
    ],
    [
      'RFC 9068 §4: another signature',
      async () => resigned(await mint(bound)),
      'token_signature_invalid',
    ],
    ['RFC 7515 §4.1.3: a critical parameter', () => withCritical(), 'token_malformed'],
  ])('%s', async (_title, make, reason) => {
    await expectRefused(await make(), reason)
  })

  test('RFC 9068 §4: a token of the same issuer for another resource', async () => {
    const client = await fixture.client('mtls', gateway)
    const { accessToken } = await client.token({ scope: 'accounts', resource: RESOURCES.other })
    await expectRefused(accessToken, 'token_audience_mismatch')
  })

  test('RFC 8725 §3.8: a key that the token brings along is not used [J06]', async () => {
    const own = await namedSigningKeys('own')
    const [key] = own.keys
    const { kty, n, e } = key!
    const forged = createMint(own, fixture.as.issuer)
    const header = { kid: 'bank-PS256', jwk: { kty, n, e }, jku: 'https://127.0.0.1:1/jwks' }
    await expectRefused(await forged(bound, header), 'token_signature_invalid')
  })
})

test('RFC 8725 §3.10: nobody is asked whom a token names [J07, J08]', async () => {
  let connections = 0
  const listener = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  const { port, close } = await listen(listener as never, 0)
  const own = await namedSigningKeys('own')
  const forged = createMint(own, fixture.as.issuer)
  const urls = [
    `https://127.0.0.1:${port}/jwks`,
    `http://127.0.0.1:${port}/jwks`,
    `http://169.254.169.254/latest/meta-data`,
    'file:///etc/passwd',
  ]
  for (const url of urls) {
    for (const header of [{ jku: url }, { x5u: url }, { x5c: [url] }, { 'x5t#S256': url }]) {
      await expectRefused(await forged(bound, header), 'token_kid_unknown')
      const known = { ...header, kid: 'bank-PS256' }
      await expectRefused(await forged(bound, known), 'token_signature_invalid')
    }
  }
  expect(connections).toBe(0)
  await close()
})

/** The same token with `alg: none` and no signature. */
function unsigned(token: string): string {
  const [, claims = ''] = token.split('.')
  return `${encode({ alg: 'none', typ: 'at+jwt' })}.${claims}.`
}

/** RFC 8725 §2.1: the issuer's public key, misused as a secret that everybody knows. */
async function signedWithPublicKey(): Promise<string> {
  const { kty, n, e } = signing.keys.find(({ alg }) => alg === 'PS256')!
  const [, claims = ''] = (await mint(bound)).split('.')
  const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: 'bank-PS256' })}.${claims}`
  const mac = createHmac('sha256', JSON.stringify({ kty, n, e })).update(input)
  return `${input}.${mac.digest('base64url')}`
}

/** The signature of another token. */
async function resigned(token: string): Promise<string> {
  const [, , signature = ''] = (await mint()).split('.')
  return token.replace(/[^.]*$/, signature)
}

async function withCritical(): Promise<string> {
  const [, claims = '', signature = ''] = (await mint(bound)).split('.')
  const header = { alg: 'PS256', typ: 'at+jwt', crit: ['exp'], exp: 1 }
  return `${encode(header)}.${claims}.${signature}`
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
