import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { sumOf } from '../support/exposition.ts'
import { API, type Fixture, RESOURCES, startFixture, type TestGateway } from '../support/fixture.ts'
import { expectRefusal } from '../support/refusal.ts'

const ENTRIES = 1000

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
dpop: { nonce: { mode: off }, proof_max_age: 60s, replay: { max_entries: ${ENTRIES} } }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

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

/** Proofs that are as far ahead as they may be, so that none of them ends while a test runs. */
async function fieldsOf(claims: object = {}): Promise<string[]> {
  const ahead = Math.floor(Date.now() / 1000) + 8
  const proof = await signProof(client.dpopKeys, {
    method: 'GET',
    url: `${API}/accounts`,
    accessToken: token,
    claims: { iat: ahead, ...claims },
  })
  return ['Authorization', `DPoP ${token}`, 'DPoP', proof]
}

const entries = async () =>
  sumOf(await gateway.metrics(), 'fapigw_replay_cache_entries', { store: 'memory' })

test('RFC 9449 §11.1: a request that is refused for anything else is not remembered [D23, HOLE-7, HOLE-8]', async () => {
  const before = await entries()
  for (const claims of [{ htm: 'PUT' }, { iat: 1 }, { ath: 'other' }]) {
    expect(await caller.send({ fields: await fieldsOf(claims) })).toMatchObject({ status: 401 })
  }
  expect(await entries()).toBe(before)
})

test('RFC 9449 §11.1: of one proof sent many times at once, one is served [D13, HOLE-2]', async () => {
  const fields = await fieldsOf()
  const before = fixture.reached.length
  const answers = await Promise.all(Array.from({ length: 20 }, () => caller.send({ fields })))
  const statuses = answers.map(({ status }) => status).sort()
  expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 401)])
  expect(fixture.reached).toHaveLength(before + 1)
})

test('RFC 9449 §11.1: of a thousand uses of one proof over a hundred connections, one is served [D13]', async () => {
  const fields = await fieldsOf()
  const before = fixture.reached.length
  const callers = Array.from({ length: 100 }, () => createCaller(fixture, gateway))
  const statuses = await Promise.all(
    callers.map(async (one) => {
      const own: number[] = []
      for (let i = 0; i < 10; i++) own.push((await one.send({ fields })).status)
      one.close()
      return own
    }),
  )
  const counts = Map.groupBy(statuses.flat(), (status) => status)
  expect([...counts].map(([status, { length }]) => [status, length]).toSorted()).toEqual([
    [200, 1],
    [401, 999],
  ])
  expect(fixture.reached).toHaveLength(before + 1)
})

test('RFC 9449 §11.1: what cannot be remembered is not let through, and nothing is forgotten for it [D22, OPS-6, RT-24]', async () => {
  const first = await fieldsOf()
  expect(await caller.send({ fields: first })).toMatchObject({ status: 200 })
  for (let count = (await entries())!; count < ENTRIES; count += 50) {
    const proofs = Array.from({ length: Math.min(50, ENTRIES - count) }, () => fieldsOf())
    const answers = (await Promise.all(proofs)).map((fields) => caller.send({ fields }))
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 200 })
  }
  expect(await entries()).toBe(ENTRIES)

  await expectRefusal(
    { fixture, gateway, caller },
    { fields: await fieldsOf() },
    {
      status: 503,
      challenges: [],
      error: 'temporarily_unavailable',
      reason: 'replay_store_full',
      outcome: 'gateway_error',
      fields: { 'retry-after': '1' },
    },
  )
  const replayed = await caller.send({ fields: first })
  expect(JSON.parse(replayed.body)).toMatchObject({ error_description: 'dpop_replayed' })
  const metrics = await gateway.metrics()
  const labels = { store: 'memory' }
  expect(sumOf(metrics, 'fapigw_replay_cache_full_total', labels)).toBe(1)
  expect(sumOf(metrics, 'fapigw_replay_cache_evictions_total', labels)).toBe(0)
})
