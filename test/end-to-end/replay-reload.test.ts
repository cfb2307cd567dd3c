/**
 * Used proofs in memory, while the configuration changes for how long, and by what, proofs are accepted.
 * The clock is the gateway's: nothing waits.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadFromDisk } from '../../src/adapter/files.ts'
import { signProof } from '../../src/demo/proof.ts'
import { createCaller } from '../support/caller.ts'
import { API, type Fixture, HOST, RESOURCES, SMALLEST, startFixture } from '../support/fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
})
afterAll(() => fixture.close())

const yaml = (dpop: string) => `${SMALLEST}dpop: ${dpop}\n`

/** A gateway whose clock is set, and a client that signs what it is told. */
async function start(dpop: string) {
  let offset = 0
  const now = () => Date.now() / 1000 + offset
  const gateway = await fixture.gateway(yaml(dpop), now)
  const caller = createCaller(fixture, gateway)
  const client = await fixture.client('dpop', gateway)
  const { accessToken } = await client.token({ scope: 'accounts', resource: RESOURCES.jwt })
  const proofOf = async (ahead: number, nonce?: string) => {
    const claims = { iat: Math.floor(now() + ahead) }
    const target = { method: 'GET', url: `${API}/accounts`, accessToken, claims }
    const proof = await signProof(
      client.dpopKeys,
      nonce === undefined ? target : { ...target, nonce },
    )
    return ['Authorization', `DPoP ${accessToken}`, 'DPoP', proof]
  }
  const send = (fields: string[]) => caller.send({ fields })
  return {
    proofOf,
    /** Seconds after the start. */
    at(seconds: number) {
      offset = seconds
    },
    status: async (fields: string[]) => (await send(fields)).status,
    nonce: async () => (await send(await proofOf(0))).lines('dpop-nonce')[0]!,
    async reload(next: string) {
      const file = join(fixture.folder, 'next.yaml')
      const text = yaml(next)
        .replaceAll('$BANK', fixture.bank.url)
        .replaceAll('$ISSUER', fixture.as.issuer)
        .replaceAll('$HOST', HOST)
      await writeFile(file, text)
      const { configuration } = loadFromDisk(file)
      expect(await gateway.running.reload(configuration!)).toBeUndefined()
    },
    close: () => caller.close(),
  }
}

test('RFC 9449 §11.1: proof_max_age grows: a proof of a client that is ahead is good once [D15]', async () => {
  const it = await start('{ nonce: { mode: off }, proof_max_age: 10s, future_skew: 60s }')
  it.at(2)
  const proof = await it.proofOf(50)
  expect([await it.status(proof), await it.status(proof)]).toEqual([200, 401])
  await it.reload('{ nonce: { mode: off }, proof_max_age: 60s, future_skew: 60s }')
  for (const later of [0, 20, 60, 75, 85, 100]) {
    it.at(2 + later)
    expect(await it.status(proof)).toBe(401)
  }
  it.at(120)
  expect(await it.status(await it.proofOf(0))).toBe(200)
  it.close()
})

test('RFC 9449 §11.1: nonces required, then off: a proof of a client that is ahead is good once [D15]', async () => {
  const it = await start('{ nonce: { mode: required } }')
  it.at(2)
  const proof = await it.proofOf(200, await it.nonce())
  expect([await it.status(proof), await it.status(proof)]).toEqual([200, 401])
  it.at(60)
  await it.reload('{ nonce: { mode: off } }')
  for (const later of [70, 150, 205, 240]) {
    it.at(later)
    expect(await it.status(proof)).toBe(401)
  }
  it.close()
})

test('RFC 9449 §11.1: a secret that comes back: a nonce of it does not let a proof pass again [D15]', async () => {
  const [one, other] = ['a-secret-of-thirty-two-characters', 'another-one-of-thirty-two-letters']
  const it = await start(`{ nonce: { mode: required, rotate: 5m, secret: ${one} } }`)
  it.at(2)
  const nonce = await it.nonce()
  await it.reload(`{ nonce: { mode: off, rotate: 5m, secret: ${other} } }`)
  it.at(5)
  const proof = await it.proofOf(0, nonce)
  expect([await it.status(proof), await it.status(proof)]).toEqual([200, 401])
  await it.reload(`{ nonce: { mode: required, rotate: 5m, secret: ${one} } }`)
  for (const later of [20, 80, 100, 200]) {
    it.at(later)
    expect(await it.status(proof)).toBe(401)
  }
  it.close()
})
