import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OcspClient } from '../../src/adapter/ocsp-client.ts'
import { OutboundClient } from '../../src/adapter/outbound.ts'
import type { Credential } from '../../src/demo/certificates.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { revokedAt, writeAnswer } from '../support/der-writing.ts'
import { type PlainServer, startPlainServer } from '../support/plain-server.ts'
import {
  createInfrastructure,
  factsOf,
  type Infrastructure,
} from '../support/public-key-infrastructure.ts'

const START = 1_800_000_000
const DAY = 86_400
/** One more than an answer is remembered for. */
const FORGOTTEN = 3601

let pki: Infrastructure
let client: Credential
let server: PlainServer
let outbound: OutboundClient
let ocsp: OcspClient
let now: number

beforeAll(async () => {
  pki = await createInfrastructure('ocsp CA')
  client = await pki.issuer.issueClient({ commonName: 'client', keyKind: 'EC' })
})
beforeEach(async () => {
  now = START
  server = await startPlainServer(() => 404)
  const plain = { ca: undefined, cert: undefined, key: undefined, serverName: undefined }
  outbound = new OutboundClient(plain, 5, { maxAnswer: 65_536 })
  ocsp = new OcspClient({
    config: { responder: `${server.origin}/`, hosts: [] },
    client: outbound,
    logger: createLogger('silent'),
    now: () => now,
  })
})
afterEach(async () => {
  await outbound.close()
  await server.close()
})

function answer(thisUpdate: number, nextUpdate: number, status?: Buffer): void {
  const { serialNumber } = factsOf(client)
  const body = writeAnswer({
    issuer: pki.authority.facts,
    serialNumber,
    key: pki.key,
    thisUpdate,
    nextUpdate,
    ...(status === undefined ? {} : { status }),
  })
  server.answer = () => body
}
const ask = () => ocsp.ask('client', factsOf(client), pki.authority)

describe('an answer that is older than one before [MTLS-8]', () => {
  test('does not take its place: what was revoked stays so when it is asked about again', async () => {
    answer(START - 5, START + 7 * DAY, revokedAt(START - 10))
    expect(await ask()).toBe('revoked')
    answer(START - DAY, START + 7 * DAY)
    now += FORGOTTEN
    expect(ocsp.recall('client', now)).toBeUndefined()
    expect(await ask()).toBe('revoked')
  })

  test('is none where the later one has ended', async () => {
    answer(START - 5, START + 60, revokedAt(START - 10))
    expect(await ask()).toBe('revoked')
    answer(START - DAY, START + 7 * DAY)
    now += FORGOTTEN
    expect(await ask()).toBe('unavailable')
  })

  test('is not one that is as old, nor one that is later', async () => {
    answer(START - 5, START + 7 * DAY)
    expect(await ask()).toBe('good')
    now += FORGOTTEN
    expect(await ask()).toBe('good')
    answer(START, START + 7 * DAY, revokedAt(START - 1))
    now += FORGOTTEN
    expect(await ask()).toBe('revoked')
  })
})
