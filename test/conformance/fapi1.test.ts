import { randomUUID } from 'node:crypto'
import { importJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Caller, createCaller } from '../support/caller.ts'
import { API, type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys, type SigningKeys } from '../support/minting.ts'
import { type Stub, startStub } from '../support/stub.ts'

const yaml = `version: 1
profile: fapi1-advanced
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let signing: SigningKeys
let mint: Mint
let bound: { cnf: { 'x5t#S256': string } }

beforeAll(async () => {
  signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  gateway = await fixture.gateway(yaml)
  const { mtls } = fixture.certificates
  caller = createCaller(fixture, gateway, mtls)
  mint = createMint(signing, fixture.as.issuer)
  bound = { cnf: { 'x5t#S256': mtls.thumbprint } }
})

afterAll(async () => {
  caller.close()
  await fixture.close()
})

/** The status, and the reason where it is refused. */
async function outcome(token: string, scheme = 'Bearer'): Promise<[number, unknown]> {
  const id = randomUUID()
  const fields = ['Authorization', `${scheme} ${token}`, 'x-fapi-interaction-id', id]
  const { status } = await caller.send({ fields })
  return [status, (await gateway.accessLine(id))['reason']]
}

/** An honest token of the issuer, but signed with this key of it by this algorithm. */
async function signedBy(name: 'PS256' | 'ES256', alg: string): Promise<string> {
  const key = signing.keys.find((one) => one.alg === name)!
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: 'a', client_id: 'a', aud: API, scope: 'accounts', jti: randomUUID() }
  return new SignJWT({ iss: fixture.as.issuer, iat: now, exp: now + 60, ...claims, ...bound })
    .setProtectedHeader({ typ: 'at+jwt', alg, kid: key.kid! })
    .sign(await importJWK({ ...key, alg }, alg))
}

describe('FAPI 1.0 Advanced §8.6: of all algorithms two', () => {
  test.each(['PS256', 'ES256'] as const)('%s is accepted [F1A-ALG-1]', async (alg) => {
    expect(await outcome(await signedBy(alg, alg))).toEqual([200, undefined])
  })

  test.each(['RS256', 'PS384', 'PS512'])('%s is not, by the same key [F1A-ALG-1]', async (alg) => {
    const token = await signedBy('PS256', alg)
    expect(await outcome(token)).toEqual([401, 'token_alg_not_allowed'])
  })

  test('nor is none [F1A-ALG-1]', async () => {
    const [, claims] = (await mint(bound)).split('.')
    const header = Buffer.from('{"typ":"at+jwt","alg":"none"}').toString('base64url')
    // A compact JWS has a signature (RFC 7515 §3.1): one without is none, one with is of no algorithm.
    expect((await outcome(`${header}.${claims}.`))[0]).toBe(401)
    expect(await outcome(`${header}.${claims}.AA`)).toEqual([401, 'token_alg_not_allowed'])
  })

  test('no encrypted token is read, whatever it is encrypted by [F1A-ALG-2]', async () => {
    for (const alg of ['RSA1_5', 'RSA-OAEP-256', 'ECDH-ES', 'dir']) {
      const header = JSON.stringify({ alg, enc: 'A256GCM', typ: 'at+jwt', cty: 'JWT' })
      const token = `${Buffer.from(header).toString('base64url')}.AA.AA.AA.AA`
      const [status, reason] = await outcome(token)
      expect([status, String(reason)]).toEqual([401, expect.stringMatching(/^token_/)])
    }
  })
})

describe('FAPI 1.0 Advanced §8.9: keys are those of the issuer', () => {
  let stub: Stub
  beforeAll(async () => {
    stub = await startStub(fixture, () => ({ body: {} }))
  })
  afterAll(() => stub.close())

  test('what a token says of keys is neither fetched nor used [F1A-ALG-3, F2-ALG-4]', async () => {
    const own = await namedSigningKeys('own')
    const { kty, n, e } = own.keys.find(({ alg }) => alg === 'PS256')!
    const named = { jku: `${stub.origin}/jwks`, x5u: `${stub.origin}/x5u`, jwk: { kty, n, e } }
    stub.answer = () => ({ body: { keys: [{ kty, n, e, kid: 'bank-PS256' }] } })

    const forged = await createMint(own, fixture.as.issuer)(bound, { ...named, kid: 'bank-PS256' })
    expect(await outcome(forged)).toEqual([401, 'token_signature_invalid'])
    expect(await outcome(await mint(bound, named))).toEqual([200, undefined])
    expect(stub.requests).toEqual([])
  })
})

describe('FAPI 1.0 Advanced §6.2.1-2, §8.2: a token is bound to a certificate', () => {
  test('one that is bound to nothing is refused, whoever brings it [F1A-RS-3, F1A-RS-2]', async () => {
    expect(await outcome(await mint())).toEqual([401, 'cnf_missing'])
    expect(await outcome(await mint({ cnf: {} }))).toEqual([401, 'cnf_empty'])
  })

  test('one that is bound to a key instead is refused under either scheme [F1A-RS-2]', async () => {
    const jkt = { cnf: { jkt: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg' } }
    expect(await outcome(await mint(jkt))).toEqual([401, 'dpop_token_as_bearer'])
    expect(await outcome(await mint(jkt), 'DPoP')).toEqual([401, 'scheme_not_accepted'])
  })
})

describe('FAPI 1.0 Baseline §6.2.1-8, -9: what the gateway says itself', () => {
  test('is JSON in UTF-8, whatever was asked for and in whatever letters [F1B-RS-8, F1B-RS-9]', async () => {
    const path = `/accounts/%C3%A4${'?q=%FF%FE'}`
    for (const fields of [[], ['Accept', 'text/html'], ['Accept-Charset', 'iso-8859-1']]) {
      const { status, lines, body } = await caller.send({ path, fields })
      expect(status).toBe(401)
      expect(lines('content-type')).toEqual(['application/json'])
      expect(JSON.parse(body)).toEqual({ interaction_id: lines('x-fapi-interaction-id')[0] })
      expect(lines('content-length')).toEqual([String(Buffer.byteLength(body))])
    }
  })
})

describe('FAPI 1.0 Baseline §6.2.1-13: the customer’s address is never a reason to refuse', () => {
  test.each([
    '198.51.100.119',
    '2001:DB8::1893:25c8:1946',
    '2001:0DB8:0000:0000:0000:1893:25C8:1946',
    '::FFFF:198.51.100.119',
    '::1',
    '::',
    '[2001:db8::1]',
    'fe80::1%eth0',
    'unknown',
  ])('%s goes on as it came, and into no log [F1B-RS-13, F1B-CL-2]', async (address) => {
    const id = randomUUID()
    const own = ['x-fapi-customer-ip-address', address, 'x-fapi-interaction-id', id]
    const fields = ['Authorization', `Bearer ${await mint(bound)}`, ...own]
    expect(await caller.send({ fields })).toMatchObject({ status: 200 })
    const { rawHeaders } = fixture.reached.at(-1)!
    const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'x-fapi-customer-ip-address')
    expect(rawHeaders[at + 1]).toBe(address)
    const line = JSON.stringify(await gateway.accessLine(id))
    if (address.length > 3) expect(line).not.toContain(address)
  })
})
