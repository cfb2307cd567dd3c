import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadFromDisk } from '../../src/adapter/files.ts'
import type { Client } from '../../src/demo/client.ts'
import { signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { type FaultyUpstream, startFaultyUpstream } from '../support/faulty-upstream.ts'
import {
  API,
  type Fixture,
  HOST,
  RESOURCES,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'

const yaml = (nonce: string, maxAge = '60s') => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem, clock_skew: 10s }
dpop: { nonce: { mode: ${nonce} }, proof_max_age: ${maxAge}, future_skew: 5s }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
  - { id: stream, match: GET /stream, scopes: [accounts], upstream: "${upstream.url}" }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let upstream: FaultyUpstream
const closing: (() => unknown)[] = []

beforeAll(async () => {
  fixture = await startFixture()
  upstream = await startFaultyUpstream()
})

afterAll(async () => {
  for (const close of closing) close()
  await fixture.close()
  await upstream.close()
})

interface Run {
  readonly gateway: TestGateway
  readonly caller: Caller
  /** Puts the clock so many seconds off the machine's. */
  step(offset: number): void
}

async function start(nonce: string, offset = 0, maxAge = '60s'): Promise<Run> {
  let off = offset
  const gateway = await fixture.gateway(yaml(nonce, maxAge), () => Date.now() / 1000 + off)
  const caller = createCaller(fixture, gateway)
  closing.push(caller.close)
  const step = (next: number) => {
    off = next
  }
  return { gateway, caller, step }
}

async function tokenOf({ gateway }: Run): Promise<[Client, string]> {
  const client = await fixture.client('dpop', gateway)
  const { accessToken } = await client.token({ scope: 'accounts', resource: RESOURCES.jwt })
  return [client, accessToken]
}

async function fieldsOf(
  client: Client,
  token: string,
  offset = 0,
  nonce?: string,
  path = '/accounts',
) {
  const claims = { iat: Math.floor(Date.now() / 1000) + offset }
  const options = { method: 'GET', url: API + path, accessToken: token, claims }
  const proof = await signProof(client.dpopKeys, { ...options, ...(nonce && { nonce }) })
  return ['Authorization', `DPoP ${token}`, 'DPoP', proof]
}

async function reasonOf({ caller }: Run, fields: string[]): Promise<string> {
  const { status, body } = await caller.send({ fields })
  return status === 200 ? 'served' : `${status} ${JSON.parse(body).error_description}`
}

describe('RFC 9449 §11.1: a clock that is put back and forward while the gateway runs [D24]', () => {
  test('opens no proof that was used, and closes nothing for good', async () => {
    const run = await start('off', -600)
    run.step(0)
    const [client, token] = await tokenOf(run)
    const used = await fieldsOf(client, token)
    expect(await reasonOf(run, used)).toBe('served')

    const tooEarly = '401 dpop_iat_out_of_window'
    for (const [offset, expected] of [
      [-120, tooEarly],
      [0, '401 dpop_replayed'],
      [-4, '401 dpop_replayed'],
      [30, '401 dpop_replayed'],
      [120, tooEarly],
    ] as const) {
      run.step(offset)
      expect([offset, await reasonOf(run, used)]).toEqual([offset, expected])
    }
    // By the clock that is 120 seconds ahead, a proof of that time is served, and once.
    const ahead = await fieldsOf(client, token, 120)
    expect(await reasonOf(run, ahead)).toBe('served')
    expect(await reasonOf(run, ahead)).toBe('401 dpop_replayed')

    // Back again: the first proof has been forgotten by now, and is not let through for that.
    run.step(0)
    expect(await reasonOf(run, used)).toBe('503 replay_store_unavailable')
    expect(await reasonOf(run, ahead)).toBe(tooEarly)
  })

  test('leaves a nonce good for its time and no longer', async () => {
    const run = await start('required', -600)
    run.step(0)
    const [client, token] = await tokenOf(run)
    const { lines } = await run.caller.send({ fields: await fieldsOf(client, token) })
    const [nonce] = lines('dpop-nonce')
    const used = await fieldsOf(client, token, 0, nonce)
    expect(await reasonOf(run, used)).toBe('served')
    // Two periods of a minute later, and a little before it was given out.
    for (const offset of [130, -9]) {
      run.step(offset)
      expect(await reasonOf(run, used)).not.toBe('served')
    }
    run.step(130)
    expect(await reasonOf(run, used)).toBe('401 dpop_nonce_stale')
    run.step(0)
    expect(await reasonOf(run, used)).toMatch(/^(401 dpop_replayed|503 replay_store_unavailable)$/)
  })

  test('a response that has begun is not broken off when its token ends; the next is refused [J44]', async () => {
    const run = await start('off', -600)
    run.step(0)
    const [client, token] = await tokenOf(run)
    const fields = await fieldsOf(client, token, 0, undefined, '/stream')
    upstream.answer = ({ socket }) =>
      void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab')
    const arrived = upstream.nextRequest()
    const answer = run.caller.send({ path: '/stream', fields })
    const { socket } = await arrived
    run.step(86_400)
    socket.write('cd')
    expect(await answer).toMatchObject({ status: 200, body: 'abcd' })

    const late = await fieldsOf(client, token, 86_400, undefined, '/stream')
    const refused = await run.caller.send({ path: '/stream', fields: late })
    expect(refused.status).toBe(401)
    expect(JSON.parse(refused.body)).toMatchObject({ error: 'invalid_token' })
  })

  test('a token is judged by the clock as it is now', async () => {
    const run = await start('off', -600)
    run.step(0)
    const [client, token] = await tokenOf(run)
    expect(await reasonOf(run, await fieldsOf(client, token))).toBe('served')
    run.step(86_400)
    const late = await run.caller.send({ fields: await fieldsOf(client, token, 86_400) })
    expect(late.status).toBe(401)
    expect(JSON.parse(late.body)).toMatchObject({ error: 'invalid_token' })
    run.step(0)
    expect(await reasonOf(run, await fieldsOf(client, token))).toBe('served')
  })
})

describe('RFC 9449 §11.1: a gateway that is started anew', () => {
  test('does not let through what was used before its start, nor what may have been [R11]', async () => {
    const former = await start('off', -600)
    former.step(0)
    const [client, token] = await tokenOf(former)
    const used = await fieldsOf(client, token, -5)
    const unused = await fieldsOf(client, token, -5)
    expect(await reasonOf(former, used)).toBe('served')
    await former.gateway.close()

    const next = await start('off')
    for (const fields of [used, unused]) {
      expect(await reasonOf(next, fields)).toBe('503 dpop_proof_before_start')
    }
    expect(await reasonOf(next, await fieldsOf(client, token))).toBe('served')
  })

  test('has other nonces, where their secret is not configured [R11]', async () => {
    const former = await start('required')
    const [client, token] = await tokenOf(former)
    const { lines } = await former.caller.send({ fields: await fieldsOf(client, token) })
    const used = await fieldsOf(client, token, 0, lines('dpop-nonce')[0])
    expect(await reasonOf(former, used)).toBe('served')
    await former.gateway.close()

    const next = await start('required')
    expect(await reasonOf(next, used)).toBe('401 dpop_nonce_stale')
  })
})

test('RFC 9449 §11.1: a proof that was used is not accepted again because proofs are accepted for longer [D15, R11]', async () => {
  const run = await start('off', -60, '10s')
  run.step(0)
  const [client, token] = await tokenOf(run)
  const fields = await fieldsOf(client, token)
  const before = fixture.reached.length
  expect((await run.caller.send({ fields })).status).toBe(200)
  run.step(25)
  expect((await run.caller.send({ fields })).body).toContain('dpop_iat_out_of_window')
  const file = join(fixture.folder, 'wider.yaml')
  const replaced = { $ISSUER: fixture.as.issuer, $BANK: fixture.bank.url, $HOST: HOST }
  const text = Object.entries(replaced).reduce(
    (yaml, [name, value]) => yaml.replaceAll(name, value),
    yaml('off', '60s'),
  )
  await writeFile(file, text)
  const { configuration } = loadFromDisk(file)
  expect(await run.gateway.running.reload(configuration!)).toBeUndefined()
  const answer = await run.caller.send({ fields })
  expect([answer.status, answer.body]).toEqual([
    503,
    expect.stringContaining('dpop_proof_before_start'),
  ])
  expect(fixture.reached).toHaveLength(before + 1)
})
