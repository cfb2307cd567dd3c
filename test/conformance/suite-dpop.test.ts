import { generateKeyPairSync, randomUUID, type webcrypto } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type ProofOptions, signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller, type RawAnswer } from '../support/caller.ts'
import { API, type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
import {
  expect400or401,
  expectSuccess,
  followNonces,
  type NonceMemory,
} from '../support/suite-demands.ts'

const yaml = (nonce: string) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
dpop: { nonce: { mode: ${nonce} } }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`
const PATH = '/accounts'
const HTU = API + PATH

type Keys = webcrypto.CryptoKeyPair

/** What the suite changes of an honest call: of its proof before or after it is signed, or of the fields. */
interface Change {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  readonly keys?: Keys
  readonly signed?: (proof: string) => string
  readonly fields?: (proof: string, another: string) => string[]
  readonly scheme?: string
}

let fixture: Fixture
let keys: Keys
let privateJwk: object

beforeAll(async () => {
  fixture = await startFixture()
  keys = (await generateKeyPair('ES256', { extractable: true })) as Keys
  privateJwk = await exportJWK(keys.privateKey)
})

afterAll(() => fixture.close())

const seconds = () => Math.floor(Date.now() / 1000)

/** What comes of the first part of a proof, as text. */
function withHeader(proof: string, change: (header: string) => string): string {
  const [header = '', ...rest] = proof.split('.')
  const changed = change(Buffer.from(header, 'base64url').toString())
  return [Buffer.from(changed).toString('base64url'), ...rest].join('.')
}

/** AbstractInvalidateJwsSignature: other bits in the signature. */
function withOtherSignature(proof: string): string {
  const [header, claims, signature = ''] = proof.split('.')
  const bytes = Buffer.from(signature, 'base64url').map((byte) => byte ^ 0x5a)
  return `${header}.${claims}.${Buffer.from(bytes).toString('base64url')}`
}

const claims = (changed: Record<string, unknown>) => () => ({ claims: changed })
const header = (changed: Record<string, unknown>) => () => ({ header: changed })
const signed = (change: (proof: string) => string) => () => ({ signed: change })

/** In the order of the suite, with what it demands. */
const CALLS: readonly [string, 'served' | 'refused', () => Change | Promise<Change>][] = [
  ['the field name in upper case', 'served', () => ({ fields: (proof) => ['DPOP', proof] })],
  [
    'more than one proof',
    'refused',
    () => ({ fields: (proof, another) => ['DPoP', proof, 'DPoP', another] }),
  ],
  ['two parts of three', 'refused', signed((proof) => proof.split('.').slice(0, 2).join('.'))],
  ['no typ', 'refused', header({ typ: undefined })],
  [
    'no alg',
    'refused',
    signed((proof) => withHeader(proof, (text) => text.replace('alg', 'alg2'))),
  ],
  ['no jwk', 'refused', header({ jwk: undefined })],
  ['no jti', 'refused', claims({ jti: undefined })],
  ['no htm', 'refused', claims({ htm: undefined })],
  ['no htu', 'refused', claims({ htu: undefined })],
  ['no iat', 'refused', claims({ iat: undefined })],
  ['no ath', 'refused', claims({ ath: undefined })],
  ['another typ', 'refused', header({ typ: 'dpop+jwt+wrongyousee' })],
  ['RS256, with a key that could', 'refused', withRsaSignature],
  [
    'alg none',
    'refused',
    signed((proof) =>
      withHeader(proof, () => '{"alg": "none", "typ": "dpop+jwt"}').replace(/[^.]*$/, ''),
    ),
  ],
  ['a signature that does not hold', 'refused', signed(withOtherSignature)],
  ['a private jwk', 'refused', () => ({ header: { jwk: privateJwk } })],
  ['htm PUT', 'refused', claims({ htm: 'PUT' })],
  [
    'htu with query and fragment',
    'served',
    claims({
      htu: `${HTU}?allthedoorsonthisspaceshiphavebeen#programmedtohaveacheeryandsunnydisposition`,
    }),
  ],
  ['htu without query and fragment', 'served', claims({ htu: HTU })],
  ['htu of another URL', 'refused', claims({ htu: `${HTU}ohnonotagain` })],
  ['another ath', 'refused', claims({ ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo' })],
  [
    'another key',
    'refused',
    async () => ({ keys: (await generateKeyPair('ES256', { extractable: true })) as Keys }),
  ],
  [
    'further members',
    'served',
    () => ({ header: { tx_id: seconds() + 3600 }, claims: { tx_id_key: seconds() + 3600 } }),
  ],
  ['htu with scheme and host in upper case', 'served', claims({ htu: upperCase(HTU) })],
  ['htu with the default port', 'served', claims({ htu: HTU.replace(/(example)/, '$1:443') })],
  ['no proof', 'refused', () => ({ fields: () => [] })],
  ['no proof, as Bearer', 'refused', () => ({ fields: () => [], scheme: 'Bearer' })],
  ['nothing wrong, at last', 'served', () => ({})],
]

function upperCase(url: string): string {
  const { origin } = new URL(url)
  return url.replace(origin, origin.toUpperCase())
}

/** ChangeSignAlgorithm: signed by RSASSA-PKCS1-v1_5, and rightly so. */
async function withRsaSignature(): Promise<Change> {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { subtle } = globalThis.crypto
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' })
  const privateKey = await subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
  const jwk = pair.publicKey.export({ format: 'jwk' })
  const publicKey = await subtle.importKey('jwk', jwk, algorithm, true, ['verify'])
  return { keys: { privateKey, publicKey }, header: { alg: 'RS256', jwk } }
}

describe.each(['off', 'optional', 'required'] as const)('nonces %s', (mode) => {
  let gateway: TestGateway
  let caller: Caller
  let client: Client
  let token: string
  const memory: NonceMemory = { nonce: undefined }

  beforeAll(async () => {
    // One that has run for a while: what was signed before its start is another story (R11).
    let startedBefore = 60
    gateway = await fixture.gateway(yaml(mode), () => Math.floor(Date.now() / 1000) - startedBefore)
    startedBefore = 0
    caller = createCaller(fixture, gateway)
    client = await fixture.client('dpop', gateway, { dpopKeys: keys })
    token = (await client.token({ scope: 'accounts', resource: RESOURCES.jwt })).accessToken
  })

  afterAll(() => caller.close())

  const sign = (change: Change, nonce: string | undefined) => {
    const options: ProofOptions = {
      method: 'GET',
      url: HTU,
      accessToken: token,
      ...(nonce && { nonce }),
      ...(change.claims && { claims: change.claims }),
      ...(change.header && { header: change.header }),
    }
    return signProof(change.keys ?? keys, options)
  }

  /** Sends as the suite does, with a new proof a round. */
  const call = async (makeChange: (round: number) => Change | Promise<Change>) => {
    const before = fixture.reached.length
    let round = 0
    const followed = await followNonces(memory, async (nonce) => {
      round += 1
      const change = await makeChange(round)
      const proof = (change.signed ?? ((same) => same))(await sign(change, nonce))
      const { scheme = 'DPoP', fields = (one: string) => ['DPoP', one] } = change
      const proofs = fields(proof, await sign(change, nonce))
      return caller.send({ path: PATH, fields: ['Authorization', `${scheme} ${token}`, ...proofs] })
    })
    expect(fixture.reached).toHaveLength(before + (followed.answer.status === 200 ? 1 : 0))
    return followed
  }

  const demand = { served: expectSuccess, refused: expect400or401 }

  describe('covers the same checks as fapi2-security-profile-final-dpop-negative-tests', () => {
    test.each(CALLS)('%s is %s [SUITE-10]', async (_title, demanded, change) => {
      const { answer } = await call(change)
      demand[demanded](answer)
    })

    test.each([
      ['in the future', 3600],
      ['in the past', -3600],
    ])('iat one hour %s: refused, or with a nonce served [SUITE-10]', async (_title, by) => {
      memory.nonce = undefined
      const { answer, rounds } = await call(() => ({ claims: { iat: seconds() + by } }))
      expect(rounds).toBe(mode === 'required' ? 2 : 1)
      if (rounds === 2) expectSuccess(answer)
      else expect400or401(answer)
    })

    test('the second use of a jti is refused, and no new nonce is told for it [SUITE-10, F2-SEC-1]', async () => {
      const jti = randomUUID()
      expectSuccess((await call(() => ({ claims: { jti } }))).answer)
      const { answer, rounds } = await call(() => ({ claims: { jti } }))
      // Where a nonce were asked for instead, the suite would come again with another jti, and be served.
      expect(rounds).toBe(1)
      expect400or401(answer)
      expect(JSON.parse(answer.body)).toMatchObject({ error_description: 'dpop_replayed' })
    })
  })

  test.each<[string, () => Record<string, unknown>]>([
    ['ensure-dpopproof-with-iat-10seconds-after-succeeds', () => ({ iat: seconds() + 8 })],
    ['ensure-dpopproof-with-iat-10seconds-before-succeeds', () => ({ iat: seconds() - 10 })],
    ['check-dpop-proof-nbf-exp', () => ({ nbf: seconds(), exp: seconds() + 300 })],
  ])('covers the same checks as fapi2-security-profile-final-%s [SUITE-11]', async (_, change) => {
    expectSuccess((await call(() => ({ claims: change() }))).answer)
  })

  describe('covers the same checks as CallProtectedResourceAllowingDpopNonceError', () => {
    test('without a nonce: served in as many rounds as it takes, two at the most [SUITE-12, F2-RS-5]', async () => {
      memory.nonce = undefined
      const { answer, rounds } = await call(() => ({}))
      expectSuccess(answer)
      expect(rounds).toBe(mode === 'required' ? 2 : 1)
      expect(memory.nonce === undefined).toBe(mode === 'off')
      expect((await call(() => ({}))).rounds).toBe(1)
    })

    test('the answer that asks for one has one challenge a line, and is not to be stored [SUITE-12, SUITE-23]', async () => {
      memory.nonce = mode === 'off' ? undefined : 'never-given-out'
      const answers: RawAnswer[] = []
      await followNonces(memory, async (nonce) => {
        const fields = ['Authorization', `DPoP ${token}`, 'DPoP', await sign({}, nonce)]
        const answer = await caller.send({ path: PATH, fields })
        answers.push(answer)
        return answer
      })
      const [first, second] = answers
      if (mode === 'off') {
        expect(first?.lines('dpop-nonce')).toEqual([])
        return
      }
      expect(first?.status).toBe(401)
      expect(first?.lines('www-authenticate').map((line) => line.split(' ', 1)[0])).toEqual([
        'DPoP',
        'Bearer',
      ])
      expect(first?.lines('dpop-nonce')).toHaveLength(1)
      expect(first?.lines('cache-control')).toEqual(['no-store'])
      expect(second?.status).toBe(200)
    })
  })
})
