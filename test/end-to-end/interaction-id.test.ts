import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Caller, createCaller, linesOf } from '../support/caller.ts'
import {
  type Fixture,
  RESOURCES,
  SMALLEST,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let credentials: string[]

beforeAll(async () => {
  fixture = await startFixture()
  gateway = await fixture.gateway(SMALLEST)
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  const client = await fixture.client('mtls', gateway)
  const { accessToken } = await client.token({ scope: 'accounts', resource: RESOURCES.jwt })
  credentials = ['Authorization', `Bearer ${accessToken}`]
})

afterAll(async () => {
  caller.close()
  await fixture.close()
})

describe('FAPI 1.0 Baseline §6.2.1-11: an interaction id is made where the client’s [F1B-RS-11, F1B-RS-12, F1B-CL-3, F2IA-1]', () => {
  test.each([
    ['is absent', []],
    ['is not a UUID', ['x-fapi-interaction-id', 'abc"\\']],
    ['is a UUID and more', ['x-fapi-interaction-id', `${randomUUID()}0`]],
    ['is empty', ['x-fapi-interaction-id', '']],
    [
      'stands twice',
      ['x-fapi-interaction-id', randomUUID(), 'X-FAPI-INTERACTION-ID', randomUUID()],
    ],
  ])('%s', async (_title, fields) => {
    const refused = await caller.send({ fields })
    const [id, ...more] = refused.lines('x-fapi-interaction-id')
    expect(more).toEqual([])
    expect(id).toMatch(UUID)
    expect(fields).not.toContain(id)
    expect(JSON.parse(refused.body)).toEqual({ interaction_id: id })
    expect(await gateway.accessLine(id!)).toMatchObject({ reason: 'token_missing' })

    const served = await caller.send({ fields: [...fields, ...credentials] })
    const [made = '', ...others] = served.lines('x-fapi-interaction-id')
    expect(others).toEqual([])
    expect(made).toMatch(UUID)
    expect(fields).not.toContain(made)
    expect(made).not.toBe(id)
    expect(linesOf(fixture.reached.at(-1)!.rawHeaders, 'x-fapi-interaction-id')).toEqual([made])
  })
})

test('FAPI 1.0 Baseline §6.2.1-11: the client’s own comes back byte for byte, and goes on so [F1B-RS-11, F1B-RS-12, F2IA-1]', async () => {
  const id = 'C770aef3-6784-41F7-8e0e-ff5F97BDDB3a'
  const fields = [...credentials, 'X-Fapi-Interaction-Id', id]
  const answer = await caller.send({ fields })
  expect(answer.lines('x-fapi-interaction-id')).toEqual([id])
  expect(linesOf(fixture.reached.at(-1)!.rawHeaders, 'x-fapi-interaction-id')).toEqual([id])
  expect(await gateway.accessLine(id)).toMatchObject({ interaction_id: id, outcome: 'ok' })
})

test.each([
  ['served', () => credentials],
  ['refused', () => []],
])(
  'FAPI 1.0 Baseline §6.2.1-10: whoever is %s is told the date [F1B-RS-10]',
  async (_title, fields) => {
    const before = Date.now()
    const answer = await caller.send({ fields: fields() })
    const [date = '', ...more] = answer.lines('date')
    expect(more).toEqual([])
    expect(new Date(date).toUTCString()).toBe(date)
    // A date is in whole seconds, and a server may keep its own for one.
    expect(Date.parse(date)).toBeGreaterThan(before - 2000)
    expect(Date.parse(date)).toBeLessThanOrEqual(Date.now())
  },
)
