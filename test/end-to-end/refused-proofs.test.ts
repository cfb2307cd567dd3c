import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type ProofOptions, signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { API, type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
import { sendRaw } from '../support/raw-socket.ts'
import { ALGS, type ExpectedRefusal, expectRefusal, REALM } from '../support/refusal.ts'

const YAML = `version: 1
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
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`
const PATH = '/accounts'

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let client: Client
let token: string

beforeAll(async () => {
  fixture = await startFixture()
  // Has been running for a while: what was made before its start is another matter.
  let uptime = -60
  gateway = await fixture.gateway(YAML, () => Date.now() / 1000 + uptime)
  uptime = 0
  caller = createCaller(fixture, gateway)
  const dpopKeys = await generateKeyPair('ES256', { extractable: true })
  client = await fixture.client('dpop', gateway, { dpopKeys })
  token = (await client.token({ scope: 'accounts', resource: RESOURCES.jwt })).accessToken
})

afterAll(async () => {
  caller.close()
  await fixture.close()
})

type Change = Pick<ProofOptions, 'claims' | 'header'> & Partial<ProofOptions>

/** An honest proof, but for what is changed. It has no nonce unless it is given one. */
const proofOf = (change: Change = {}) =>
  signProof(client.dpopKeys, {
    method: 'GET',
    url: API + PATH,
    accessToken: token,
    ...change,
  })

const fieldsOf = (...proofs: string[]) => [
  'Authorization',
  `DPoP ${token}`,
  ...proofs.flatMap((proof) => ['DPoP', proof]),
]

function refusal(error: string, reason: string, status = 401): ExpectedRefusal {
  const text = `error="${error}", error_description="${reason}"`
  const challenges = [`DPoP ${REALM}, ${text}, ${ALGS}`, `Bearer ${REALM}`]
  return { status, challenges, error, reason }
}

const invalidProof = (reason: string) => refusal('invalid_dpop_proof', reason)

async function expectRefused(fields: string[], expected: ExpectedRefusal) {
  await expectRefusal({ fixture, gateway, caller }, { path: PATH, fields }, expected)
}

async function expectServed(fields: string[], path = PATH) {
  const before = fixture.reached.length
  const answer = await caller.send({ path, fields })
  expect(answer).toMatchObject({ status: 200 })
  expect(fixture.reached).toHaveLength(before + 1)
  return answer
}

const seconds = () => Math.floor(Date.now() / 1000)

/** Of a DPoP proof with one thing wrong, in the order of RFC 9449 §4.3. */
const BROKEN: readonly [string, () => Promise<Change>, string][] = [
  ['(3): no jti', async () => ({ claims: { jti: undefined } }), 'dpop_jti_malformed'],
  ['(3): an empty jti', async () => ({ claims: { jti: '' } }), 'dpop_jti_malformed'],
  ['(3): no htm', async () => ({ claims: { htm: undefined } }), 'dpop_htm_mismatch'],
  ['(3): no htu', async () => ({ claims: { htu: undefined } }), 'dpop_htu_malformed'],
  ['(3): no iat', async () => ({ claims: { iat: undefined } }), 'dpop_iat_malformed'],
  ['(3): an iat that is text', async () => ({ claims: { iat: '1' } }), 'dpop_iat_malformed'],
  ['(3): no ath', async () => ({ claims: { ath: undefined } }), 'dpop_ath_mismatch'],
  ['(4): no typ', async () => ({ header: { typ: undefined } }), 'dpop_typ'],
  ['(4): another typ', async () => ({ header: { typ: 'JWT' } }), 'dpop_typ'],
  ['(7): no jwk', async () => ({ header: { jwk: undefined } }), 'dpop_jwk_invalid'],
  ['(7): a jwk with its private part', withPrivatePart, 'dpop_jwk_invalid'],
  ['(6): the jwk of another key', withOtherKey, 'dpop_signature_invalid'],
  ['(8): htm of another method', async () => ({ claims: { htm: 'PUT' } }), 'dpop_htm_mismatch'],
  ['(8): htm in lower case', async () => ({ claims: { htm: 'get' } }), 'dpop_htm_mismatch'],
  ['(9): htu of another path', htu('https://api.bank.example/payments'), 'dpop_htu_mismatch'],
  ['(9): htu of another host', htu('https://other.example/accounts'), 'dpop_htu_mismatch'],
  ['(9): htu of another scheme', htu('http://api.bank.example/accounts'), 'dpop_htu_mismatch'],
  ['(9): htu of another port', htu('https://api.bank.example:8443/accounts'), 'dpop_htu_mismatch'],
  ['(9): htu of another case', htu('https://api.bank.example/Accounts'), 'dpop_htu_mismatch'],
  ['(9): htu with a slash', htu('https://api.bank.example/accounts/'), 'dpop_htu_mismatch'],
  [
    '(11): made an hour ago',
    async () => ({ claims: { iat: seconds() - 3600 } }),
    'dpop_iat_out_of_window',
  ],
  [
    '(11): made in an hour',
    async () => ({ claims: { iat: seconds() + 3600 } }),
    'dpop_iat_out_of_window',
  ],
  [
    '(11): made too long ago',
    async () => ({ claims: { iat: seconds() - 62 } }),
    'dpop_iat_out_of_window',
  ],
  [
    '(11): made too far ahead',
    async () => ({ claims: { iat: seconds() + 72 } }),
    'dpop_iat_out_of_window',
  ],
  ['(12): ath of another token', async () => ({ accessToken: `${token}x` }), 'dpop_ath_mismatch'],
]

function htu(value: string): () => Promise<Change> {
  return async () => ({ claims: { htu: value } })
}

async function withPrivatePart(): Promise<Change> {
  return { header: { jwk: await exportJWK(client.dpopKeys.privateKey) } }
}

async function withOtherKey(): Promise<Change> {
  const { publicKey } = await generateKeyPair('ES256')
  return { header: { jwk: await exportJWK(publicKey) } }
}

describe('covers the same checks as the DPoP negative tests of the conformance suite', () => {
  test('an honest proof is accepted, under a field name in upper case too [DPOP-4.1-1]', async () => {
    await expectServed(fieldsOf(await proofOf()))
    await expectServed(['AUTHORIZATION', `dPoP ${token}`, 'DPOP', await proofOf()])
  })

  test.each(BROKEN)(
    'RFC 9449 §4.3 %s [DPOP-4.2-1, DPOP-4.3-3, DPOP-4.3-4, DPOP-4.3-6, DPOP-4.3-7, DPOP-4.3-8, DPOP-4.3-9, DPOP-4.3-11, DPOP-4.3-12a, DPOP-7.1-3]',
    async (_title, change, reason) => {
      await expectRefused(fieldsOf(await proofOf(await change())), invalidProof(reason))
    },
  )

  test('RFC 9449 §7.1: the scheme DPoP without a proof [DPOP-7.1-1, DPOP-7.1-2, DPOP-7.1-4, D02]', async () => {
    await expectRefused(fieldsOf(), invalidProof('dpop_proof_missing'))
  })

  test('RFC 9449 §7.2: the scheme Bearer without a proof [DPOP-7.2-1, J41]', async () => {
    const description = 'dpop_token_as_bearer'
    await expectRefused(['Authorization', `Bearer ${token}`], {
      ...refusal('invalid_token', description),
      challenges: [
        `Bearer ${REALM}, error="invalid_token", error_description="${description}"`,
        `DPoP ${REALM}, ${ALGS}`,
      ],
    })
  })

  test('RFC 9449 §4.3 (1): two proofs [DPOP-4.3-1, D03]', async () => {
    const expected = refusal('invalid_request', 'dpop_proof_several', 400)
    await expectRefused(fieldsOf(await proofOf(), await proofOf()), expected)
  })

  test('RFC 9110 §6.5.1: a proof behind the content is none, and harms none [D26]', async () => {
    const send = async (fields: string[], trailer: string) => {
      const head = ['GET /accounts HTTP/1.1', 'Host: api.bank.example', ...fields]
      const framing = ['Transfer-Encoding: chunked', 'Trailer: DPoP', 'Connection: close']
      const content = `1\r\nx\r\n0\r\nDPoP: ${trailer}\r\n\r\n`
      const bytes = [...head, ...framing, '', content].join('\r\n')
      const [answer] = await sendRaw(fixture, gateway, bytes)
      return [answer?.status, JSON.parse(String(answer?.body)).error_description]
    }
    const authorization = `Authorization: DPoP ${token}`
    const before = fixture.reached.length
    expect(await send([authorization], await proofOf())).toEqual([401, 'dpop_proof_missing'])
    expect(fixture.reached).toHaveLength(before)
    expect(await send([authorization, `DPoP: ${await proofOf()}`], 'x')).toEqual([200, undefined])
    expect(fixture.reached).toHaveLength(before + 1)
  })

  test('RFC 9449 §4.3 (2): two parts of three [DPOP-4.3-2]', async () => {
    const [header, claims] = (await proofOf()).split('.')
    await expectRefused(fieldsOf(`${header}.${claims}`), invalidProof('dpop_proof_malformed'))
  })

  test('RFC 9449 §4.3 (5): none [DPOP-4.3-5]', async () => {
    const proof = withHeader(await proofOf(), { alg: 'none' })
    await expectRefused(fieldsOf(proof), invalidProof('dpop_alg_not_allowed'))
    const unsigned = proof.replace(/[^.]*$/, '')
    await expectRefused(fieldsOf(unsigned), invalidProof('dpop_proof_malformed'))
  })

  test('RFC 9449 §4.3 (5): no alg [DPOP-4.3-5]', async () => {
    const proof = withHeader(await proofOf(), { alg: undefined })
    await expectRefused(fieldsOf(proof), invalidProof('dpop_alg_not_allowed'))
  })

  test('RFC 9449 §4.3 (5), FAPI 2.0 SP §5.4.1: RS256, with a key that could [DPOP-4.3-5]', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const proof = withHeader(await proofOf(), {
      alg: 'RS256',
      jwk: publicKey.export({ format: 'jwk' }),
    })
    await expectRefused(fieldsOf(proof), invalidProof('dpop_alg_not_allowed'))
  })

  test('RFC 9449 §4.3 (6): a signature that is not one [DPOP-4.3-6, HOLE-1]', async () => {
    const proof = (await proofOf()).replace(/[^.]*$/, (await proofOf()).split('.')[2]!)
    await expectRefused(fieldsOf(proof), invalidProof('dpop_signature_invalid'))
  })

  test('RFC 9449 §4.3 (12.2): the proof of another key [DPOP-4.3-12b, D20, HOLE-1]', async () => {
    const keys = await generateKeyPair('ES256')
    const proof = await signProof(keys, { method: 'GET', url: API + PATH, accessToken: token })
    await expectRefused(fieldsOf(proof), refusal('invalid_token', 'cnf_jkt_mismatch'))
  })

  test('RFC 9449 §11.1: the same proof twice, then the same jti in another [DPOP-11.1-1, D12, D16]', async () => {
    const jti = randomUUID()
    const proof = await proofOf({ claims: { jti } })
    await expectServed(fieldsOf(proof))
    await expectRefused(fieldsOf(proof), invalidProof('dpop_replayed'))
    await expectRefused(fieldsOf(await proofOf({ claims: { jti } })), invalidProof('dpop_replayed'))
  })

  test.each([
    ['further members', { claims: { more: { than: 'is asked' } }, header: { more: true } }],
    ['htu with the host in upper case', { claims: { htu: 'HTTPS://API.BANK.EXAMPLE/accounts' } }],
    ['htu with the default port', { claims: { htu: 'https://api.bank.example:443/accounts' } }],
    ['htu with query and fragment', { claims: { htu: 'https://api.bank.example/accounts?a=1#b' } }],
  ])(
    'RFC 9449 §4.3 (9): accepted with %s [DPOP-4.2-2, DPOP-4.3-9, DPOP-4.3-9n]',
    async (_title, change) => {
      await expectServed(fieldsOf(await proofOf(change)))
      await expectServed(fieldsOf(await proofOf(change)), `${PATH}?a=1&b=2`)
    },
  )

  test('accepted with a clock 8 seconds ahead or 10 behind [DPOP-4.3-11, D10]', async () => {
    await expectServed(fieldsOf(await proofOf({ claims: { iat: seconds() + 8 } })))
    await expectServed(fieldsOf(await proofOf({ claims: { iat: seconds() - 10 } })))
  })

  test('accepted before its nbf, which no proof is judged by [DPOP-4.2-3]', async () => {
    const claims = { nbf: seconds(), exp: seconds() + 300 }
    await expectServed(fieldsOf(await proofOf({ claims })))
  })
})

function withHeader(proof: string, change: Record<string, unknown>): string {
  const [header = '', ...rest] = proof.split('.')
  const changed = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), ...change }
  return [Buffer.from(JSON.stringify(changed)).toString('base64url'), ...rest].join('.')
}
