import { generateKeyPairSync, randomUUID, type webcrypto } from 'node:crypto'
import { connect } from 'node:net'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ProofOptions, signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller, linesOf } from '../support/caller.ts'
import { sha256 } from '../support/checked-request.ts'
import { signCompact } from '../support/compact-signing.ts'
import { API, type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { get } from '../support/open-gateway.ts'

type Keys = webcrypto.CryptoKeyPair

const yaml = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
dpop: { nonce: { mode: off } }
limits: { token: 12KiB }
defaults: { scopes: [accounts] }
routes:
  - { id: accounts, match: GET /accounts/**, upstream: $BANK }
  - { id: users, match: GET /accounts/22289, authorization: { user_required: true }, upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let gateway: TestGateway
/** With the certificate of `mtls`, and with another. */
let caller: Caller
let stranger: Caller
let mint: Mint
let keys: Keys
let certificate: string

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  gateway = await fixture.gateway(yaml)
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  stranger = createCaller(fixture, gateway, fixture.certificates.stranger)
  mint = createMint(signing, fixture.as.issuer)
  keys = (await generateKeyPair('ES256', { extractable: true })) as Keys
  certificate = fixture.certificates.mtls.thumbprint
})

afterAll(async () => {
  caller.close()
  stranger.close()
  await fixture.close()
})

const seconds = () => Math.floor(Date.now() / 1000)
const byCertificate = () => ({ cnf: { 'x5t#S256': certificate } })
const thumbprintOf = async ({ publicKey }: Keys) =>
  calculateJwkThumbprint(await exportJWK(publicKey))

interface Sent {
  readonly by?: Caller
  readonly path?: string
  readonly fields?: readonly string[]
  /** The key that a proof is signed with; where there is neither it nor a proof, the scheme is Bearer. */
  readonly keys?: Keys
  /** A proof that was signed elsewhere. */
  readonly signed?: string
  readonly proof?: Partial<ProofOptions>
}

/** The status, and the reason where it is refused. */
async function outcome(token: string, sent: Sent = {}): Promise<[number, unknown]> {
  const { by = caller, path = '/accounts', fields = [], keys: own, proof } = sent
  const id = randomUUID()
  const honest = { method: 'GET', url: API + path, accessToken: token }
  const made = sent.signed ?? (own && (await signProof(own, { ...honest, ...proof })))
  const credentials =
    made === undefined
      ? ['Authorization', `Bearer ${token}`]
      : ['Authorization', `DPoP ${token}`, 'DPoP', made]
  const all = [...credentials, ...fields, 'x-fapi-interaction-id', id]
  const { status } = await by.send({ path, fields: all })
  return [status, (await gateway.accessLine(id))['reason']]
}

test('FAPI 2.0 SP §5.2.1-1: who speaks no TLS is answered nothing, and redirected nowhere [F2-NET-1]', async () => {
  const socket = connect(gateway.port, '127.0.0.1')
  socket.write(get('/accounts'))
  const said = Buffer.concat(await Array.fromAsync(socket)).toString('latin1')
  expect(said).not.toMatch(/HTTP|location/i)
})

describe('FAPI 2.0 SP §5.4.1: a key of a proof is as strong as any', () => {
  test.each([
    [2048, 200, undefined],
    [2040, 401, 'dpop_jwk_invalid'],
    [1024, 401, 'dpop_jwk_invalid'],
  ])('RSA of %i bits: %i [F2-ALG-2]', async (modulusLength, status, reason) => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength })
    const jwk = publicKey.export({ format: 'jwk' })
    const token = await mint({ cnf: { jkt: await calculateJwkThumbprint(jwk as JWK) } })
    const claims = { jti: randomUUID(), htm: 'GET', htu: `${API}/accounts`, iat: seconds() }
    const header = { typ: 'dpop+jwt', alg: 'PS256', jwk }
    const proof = signCompact(header, { ...claims, ath: sha256(token) }, 'PS256', privateKey)
    expect(await outcome(token, { signed: proof })).toEqual([status, reason])
  })

  test.each(['PS256', 'ES256', 'EdDSA'])('%s is accepted [F2-ALG-1]', async (alg) => {
    const own = (await generateKeyPair(alg, { extractable: true })) as Keys
    const token = await mint({ cnf: { jkt: await thumbprintOf(own) } })
    expect(await outcome(token, { keys: own })).toEqual([200, undefined])
  })

  test.each(['ES384', 'ES512', 'PS384', 'RS256'])('%s is not [F2-ALG-1]', async (alg) => {
    const own = (await generateKeyPair(alg, { extractable: true })) as Keys
    const token = await mint({ cnf: { jkt: await thumbprintOf(own) } })
    const refused = [401, 'dpop_alg_not_allowed']
    expect(await outcome(token, { keys: own, proof: { header: { alg } } })).toEqual(refused)
  })
})

describe('FAPI 2.0 SP §5.3.2.1: clocks', () => {
  test.each([
    [9, 200],
    [61, 401],
  ])('a token whose iat or nbf is %i s ahead: %i [F2-SKEW-1]', async (ahead, status) => {
    for (const name of ['iat', 'nbf']) {
      const token = await mint({ ...byCertificate(), [name]: seconds() + ahead })
      expect((await outcome(token))[0]).toBe(status)
    }
  })

  test.each([
    [9, 200],
    [61, 401],
  ])('a proof whose iat is %i s ahead: %i [F2-SKEW-1]', async (ahead, status) => {
    const token = await mint({ cnf: { jkt: await thumbprintOf(keys) } })
    const proof = { claims: { iat: seconds() + ahead } }
    expect((await outcome(token, { keys, proof }))[0]).toBe(status)
  })
})

describe('FAPI 2.0 SP §6.7: a client is not taken for a user', () => {
  const path = '/accounts/22289'

  test.each<[string, Record<string, unknown>]>([
    ['its own name as the subject', { sub: 'app', client_id: 'app' }],
    ['a grant that says so', { sub: 'alice', client_id: 'app', gty: 'client-credentials' }],
  ])('a token with %s is refused where a user is asked for [F2-SEC-2]', async (_, claims) => {
    const token = await mint({ ...byCertificate(), ...claims })
    expect(await outcome(token, { path })).toEqual([403, 'user_missing'])
    expect(await outcome(token)).toEqual([200, undefined])
  })

  test('a user’s is served, and client and subject are told apart [F2-SEC-2, F1B-RS-6]', async () => {
    const token = await mint({ ...byCertificate(), sub: 'alice', client_id: 'app' })
    expect(await outcome(token, { path })).toEqual([200, undefined])
    const { rawHeaders } = fixture.reached.at(-1)!
    expect(linesOf(rawHeaders, 'x-subject')).toEqual(['alice'])
    expect(linesOf(rawHeaders, 'x-client-id')).toEqual(['app'])
  })
})

describe('FAPI 2.0 Implementation Advice', () => {
  test.each(['true', 'false', 'neither', undefined])(
    'x-fapi-end-user-present: %s goes on, and changes no decision [F2IA-2]',
    async (value) => {
      const fields = value === undefined ? [] : ['x-fapi-end-user-present', value]
      expect(await outcome(await mint(byCertificate()), { fields })).toEqual([200, undefined])
      const { rawHeaders } = fixture.reached.at(-1)!
      const expected = value === undefined ? [] : [value]
      expect(linesOf(rawHeaders, 'x-fapi-end-user-present')).toEqual(expected)
      const narrow = await mint({ ...byCertificate(), scope: 'payments' })
      expect(await outcome(narrow, { fields })).toEqual([403, 'scope_insufficient'])
    },
  )

  test('a token that is bound in both ways is proven in both, or refused [F2IA-3]', async () => {
    const cnf = { 'x5t#S256': certificate, jkt: await thumbprintOf(keys) }
    const token = await mint({ cnf })
    const others = (await generateKeyPair('ES256', { extractable: true })) as Keys
    expect(await outcome(token, { keys })).toEqual([200, undefined])
    expect(await outcome(token, { keys, by: stranger })).toEqual([401, 'cnf_x5t_mismatch'])
    expect(await outcome(token, { keys: others })).toEqual([401, 'cnf_jkt_mismatch'])
    expect(await outcome(token)).toEqual([401, 'dpop_token_as_bearer'])
  })

  test('a head of 12 KiB is read, and one of more than 16 KiB answered 431 [F2IA-4]', async () => {
    const large = await mint({ ...byCertificate(), details: 'a'.repeat(8000) })
    expect(large.length).toBeGreaterThan(10_000)
    const fields = ['X-More', 'a'.repeat(1000)]
    expect(await outcome(large, { fields })).toEqual([200, undefined])
    const beyond = ['Authorization', `Bearer ${large}`, 'X-More', 'a'.repeat(7000)]
    expect(await caller.send({ fields: beyond })).toMatchObject({ status: 431 })
  })
})
