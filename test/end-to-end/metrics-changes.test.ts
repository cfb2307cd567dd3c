/**
 * What metrics say of requests that are under way when something changes: the configuration, or that a
 * client is there.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Configuration } from '../../src/config/configuration.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { parseExposition, sumOf } from '../support/exposition.ts'
import { type FaultyUpstream, OK, startFaultyUpstream } from '../support/faulty-upstream.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'
import { openSocket } from '../support/raw-socket.ts'

let fixture: Fixture
let upstream: FaultyUpstream
let gateway: TestGateway
let caller: Caller

beforeAll(async () => {
  fixture = await startFixture()
  upstream = await startFaultyUpstream()
})
beforeEach(async () => {
  upstream.answer = ({ socket }) => void socket.write(OK)
  gateway = await fixture.gateway(`version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
upstreams:
  one: { url: "${upstream.url}" }
  two: { url: "${upstream.url}" }
routes:
  - { id: open, match: /open/**, public: true, upstream: one }
  - { id: other, match: /other/**, public: true, upstream: two }
  - { id: dpop, match: GET /accounts/**, scopes: [accounts], upstream: one }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
  caller = createCaller(fixture, gateway)
})
afterEach(async () => {
  caller.close()
  await gateway.close()
})
afterAll(async () => {
  await upstream.close()
  await fixture.close()
})

const metric = async (name: string, labels = {}) =>
  sumOf(await gateway.metrics(), `fapigw_${name}`, labels)

/** Everything but what says that there was a reload, when, and what the process takes. */
async function inForce(): Promise<Record<string, number>> {
  const series = parseExposition(await gateway.metrics())
  const names = /^fapigw_(http_requests_in_flight|revocation_delay|jwks_keys|upstream_connections)/
  return Object.fromEntries(
    series
      .filter(({ name }) => names.test(name))
      .map(({ name, labels, value }) => [`${name} ${JSON.stringify(labels)}`, value]),
  )
}

describe('a reload', () => {
  test('leaves requests under way counted as such', async () => {
    const waiting: (() => void)[] = []
    upstream.answer = ({ socket }) => void waiting.push(() => void socket.write(OK))
    const answers = [1, 2, 3].map(() => caller.send({ path: '/open' }))
    await expect.poll(() => waiting.length).toBe(3)
    expect(await gateway.running.reload(gateway.configuration)).toBeUndefined()
    expect(await metric('http_requests_in_flight')).toBe(3)
    for (const answer of waiting) answer()
    for (const answer of answers) expect((await answer).status).toBe(200)
    await expect.poll(() => metric('http_requests_in_flight')).toBe(0)
  })

  test('that is refused leaves nothing of what it asked for', async () => {
    const before = await inForce()
    const { configuration } = gateway
    const refused: Configuration = {
      ...configuration,
      issuers: configuration.issuers.map((one) => ({
        ...one,
        maxLifetime: 60,
        jwksUri: `${upstream.url}/none`,
      })),
    }
    expect(await gateway.running.reload(refused)).toMatch('no key of issuer bank can be had')
    expect(await inForce()).toEqual(before)
    expect(Object.keys(before).join()).toMatch(
      /jwks_keys.*revocation_delay|revocation_delay.*jwks_keys/,
    )
  })

  test('ends the series of what it took out', async () => {
    expect((await caller.send({ path: '/other' })).status).toBe(200)
    expect(await metric('upstream_connections', { upstream: 'two' })).toBe(1)
    const { upstreams, routes } = gateway.configuration
    const without: Configuration = {
      ...gateway.configuration,
      upstreams: upstreams.filter(({ id }) => id !== 'two'),
      routes: routes.filter(({ id }) => id !== 'other'),
    }
    expect(await gateway.running.reload(without)).toBeUndefined()
    expect(await metric('upstream_connections', { upstream: 'two' })).toBeUndefined()
  })
})

test('a client that leaves: the time of the upstream is none of the gateway, and what it sent is counted', async () => {
  upstream.answer = () => {}
  const id = randomUUID()
  const raw = await openSocket(fixture, { port: gateway.port })
  const arrived = upstream.nextRequest('POST /open')
  raw.write(
    `POST /open HTTP/1.1\r\nHost: ${HOST}\r\nx-fapi-interaction-id: ${id}\r\nContent-Length: 1000\r\n\r\nhello`,
  )
  const { socket } = await arrived
  const gone = new Promise((resolve) => socket.once('close', resolve))
  // So that there is a time to tell apart.
  await new Promise((resolve) => setTimeout(resolve, 500))
  raw.socket.destroy()
  await gone
  const line = await gateway.accessLine(id)
  expect(line).toMatchObject({ outcome: 'client_closed', status: 0, bytes_in: 5 })
  const route = { route: 'open' }
  const total = (await metric('http_request_duration_seconds_sum', route))!
  const waited = (await metric('upstream_duration_seconds_sum', { upstream: 'one' }))!
  const overhead = (await metric('overhead_seconds_sum', route))!
  expect(await metric('upstream_duration_seconds_count', { upstream: 'one' })).toBe(1)
  expect(waited).toBeGreaterThan(0.4)
  expect(overhead + waited).toBeCloseTo(total, 3)
  expect(await metric('http_request_bytes_total', route)).toBe(5)
})
