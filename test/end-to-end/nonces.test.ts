import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type ProofOptions, signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { API, type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
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
defaults: { scopes: [accounts] }
routes:
  - { id: accounts, match: GET /accounts/**, upstream: $BANK }
  - { id: optional, match: GET /accounts/22289, dpop_freshness: { nonce: optional }, upstream: $BANK }
  - { id: required, match: GET /accounts/31820, dpop_freshness: { nonce: required }, upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`
const OFF = '/accounts'
const OPTIONAL = '/accounts/22289'
const REQUIRED = '/accounts/31820'

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let client: Client
let token: string

beforeAll(async () => {
  fixture = await startFixture()
  gateway = await fixture.gateway(YAML)
  caller = createCaller(fixture, gateway)
  client = await fixture.client('dpop', gateway)
  token = (await client.token({ scope: 'accounts', resource: RESOURCES.jwt })).accessToken
})

afterAll(async () => {
  caller.close()
  await fixture.close()
})

/** An honest proof, but for what is changed. It has no nonce unless it is given one. */
const proofOf = (change: Partial<ProofOptions> = {}, path = OFF) =>
  signProof(client.dpopKeys, { method: 'GET', url: API + path, accessToken: token, ...change })

const fieldsOf = (proof: string) => ['Authorization', `DPoP ${token}`, 'DPoP', proof]

function refusal(
  error: string,
  reason: string,
  more: Partial<ExpectedRefusal> = {},
): ExpectedRefusal {
  const text = `error="${error}", error_description="${reason}"`
  const challenges = [`DPoP ${REALM}, ${text}, ${ALGS}`, `Bearer ${REALM}`]
  return { status: 401, challenges, error, reason, ...more }
}

async function expectRefused(fields: string[], expected: ExpectedRefusal, path = OFF) {
  await expectRefusal({ fixture, gateway, caller }, { path, fields }, expected)
}

async function expectServed(fields: string[], path = OFF) {
  const before = fixture.reached.length
  const answer = await caller.send({ path, fields })
  expect(answer).toMatchObject({ status: 200 })
  expect(fixture.reached).toHaveLength(before + 1)
  return answer
}

const seconds = () => Math.floor(Date.now() / 1000)

describe('covers the same checks as the nonce rounds of the conformance suite', () => {
  const wanted = (reason: string, route: string) =>
    refusal('use_dpop_nonce', reason, { nonce: true, route })

  const nonceFor = async (path: string) => {
    const answer = await caller.send({ path, fields: fieldsOf(await proofOf({}, path)) })
    return answer.lines('dpop-nonce')[0]!
  }

  test('RFC 9449 §9: a proof without the nonce is told it, and with it accepted [DPOP-8-1, DPOP-8.1-1, DPOP-11.3-1]', async () => {
    await expectRefused(
      fieldsOf(await proofOf({}, REQUIRED)),
      wanted('dpop_nonce_required', 'required'),
      REQUIRED,
    )
    const nonce = await nonceFor(REQUIRED)
    const served = await expectServed(fieldsOf(await proofOf({ nonce }, REQUIRED)), REQUIRED)
    expect(served.lines('dpop-nonce').length).toBeLessThanOrEqual(1)
  })

  test.each([
    ['required', REQUIRED],
    ['optional', OPTIONAL],
  ])(
    'RFC 9449 §4.3 (10): a nonce that was not given out: %s [DPOP-4.3-10, DPOP-9-1, D18]',
    async (route, path) => {
      const fields = fieldsOf(await proofOf({ nonce: 'never-given-out' }, path))
      await expectRefused(fields, wanted('dpop_nonce_stale', route), path)
    },
  )

  test('RFC 9449 §4.3 (11): the nonce says when the proof was made, not the clock of a client [DPOP-4.3-11]', async () => {
    const nonce = await nonceFor(REQUIRED)
    const change = { nonce, claims: { iat: seconds() - 3600 } }
    await expectServed(fieldsOf(await proofOf(change, REQUIRED)), REQUIRED)
  })

  test('RFC 9449 §11.1: a proof with its nonce is not accepted twice [DPOP-11.1-1]', async () => {
    const proof = await proofOf({ nonce: await nonceFor(REQUIRED) }, REQUIRED)
    await expectServed(fieldsOf(proof), REQUIRED)
    const answer = await caller.send({ path: REQUIRED, fields: fieldsOf(proof) })
    expect(JSON.parse(answer.body)).toMatchObject({
      error: 'invalid_dpop_proof',
      error_description: 'dpop_replayed',
    })
  })

  test('RFC 9449 §8.2: where it is optional, a proof without is served and told the nonce [DPOP-8.2-2, DPOP-8.2-1]', async () => {
    const answer = await expectServed(fieldsOf(await proofOf({}, OPTIONAL)), OPTIONAL)
    expect(answer.lines('dpop-nonce')).toHaveLength(1)
    expect(answer.lines('cache-control')).toEqual(['no-store'])
  })

  test('where it is optional and absent, the clock is asked [DPOP-4.3-11]', async () => {
    const fields = fieldsOf(await proofOf({ claims: { iat: seconds() - 3600 } }, OPTIONAL))
    const expected = refusal('invalid_dpop_proof', 'dpop_iat_out_of_window')
    await expectRefused(fields, { ...expected, nonce: true, route: 'optional' }, OPTIONAL)
  })

  test('where it is off, one that was never given out is passed over', async () => {
    const answer = await expectServed(fieldsOf(await proofOf({ nonce: 'from-elsewhere' })))
    expect(answer.lines('dpop-nonce')).toEqual([])
  })
})
