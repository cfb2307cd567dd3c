/**
 * Connections of HTTP/2 when the gateway stops, or believes something else than it did.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { loadFromDisk } from '../../src/adapter/files.ts'
import { sumOf } from '../support/exposition.ts'
import { type FaultyUpstream, OK, startFaultyUpstream } from '../support/faulty-upstream.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'
import { type Http2Client, openHttp2, readAnswer } from '../support/http2-client.ts'

let fixture: Fixture
let upstream: FaultyUpstream
let gateway: TestGateway
let client: Http2Client

beforeAll(async () => {
  upstream = await startFaultyUpstream()
  fixture = await startFixture()
})
afterEach(async () => {
  client.close()
  await gateway.close()
})
afterAll(async () => {
  await fixture.close()
  await upstream.close()
})

const yaml = (verify: string, alpn = '[h2, http/1.1]', drain = '5s') => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: { verify: ${verify} }
  alpn: ${alpn}
routes:
  - { id: open, match: /open, public: true, upstream: "${upstream.url}" }
shutdown: { ready_off_for: 0s, drain: ${drain} }
`

const inFlight = async () => sumOf(await gateway.metrics(), 'fapigw_http_requests_in_flight')

/** Begins requests that the upstream has and does not answer before it is told to. */
async function begin(count: number) {
  const before = upstream.requests.length
  upstream.answer = () => {}
  const answers = Array.from({ length: count }, () => client.send())
  await expect.poll(() => upstream.requests.length - before).toBe(count)
  const finish = () => {
    for (const { socket } of upstream.requests.slice(before)) socket.write(OK)
    upstream.answer = ({ socket }) => void socket.write(OK)
  }
  return { answers: Promise.all(answers), finish }
}

async function reload(text: string): Promise<string | undefined> {
  const file = join(fixture.folder, 'next.yaml')
  await writeFile(file, text.replaceAll('$HOST', HOST))
  const { configuration, text: said } = loadFromDisk(file)
  if (configuration === undefined) throw new Error(said)
  return gateway.running.reload(configuration)
}

describe('RFC 9113 §6.8: when the gateway stops', () => {
  test('what is under way is answered, what comes later is not begun, and idle connections end [O01]', async () => {
    gateway = await fixture.gateway(yaml('off'))
    client = await openHttp2(fixture, gateway)
    const idle = await openHttp2(fixture, gateway)
    const { answers, finish } = await begin(50)
    const goaway = new Promise<number>((resolve) => client.session.once('goaway', resolve))
    const closing = gateway.running.close()
    expect(await goaway).toBe(0)
    await idle.closed
    finish()
    expect((await answers).map(({ status, code }) => [status, code])).toEqual(
      Array(50).fill([200, 0]),
    )
    await client.closed
    expect(await closing).toBe(true)
    expect(await inFlight()).toBe(0)
  })

  test('a client that is yet to read what came has time for it', async () => {
    gateway = await fixture.gateway(yaml('off'))
    client = await openHttp2(fixture, gateway)
    const body = 'a'.repeat(50_000)
    upstream.answer = ({ socket }) =>
      void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const stream = client.begin()
    await expect.poll(() => gateway.lines.some((line) => line.includes('"access"'))).toBe(true)
    const goaway = new Promise((resolve) => client.session.once('goaway', resolve))
    const closing = gateway.running.close()
    await goaway
    // A connection that were ended would be gone by then, with what has not been read.
    await Promise.race([client.closed, pause(200)])
    const answer = await readAnswer(stream)
    expect([answer.body.length, answer.code]).toEqual([body.length, 0])
    expect(await closing).toBe(true)
  })

  test('what is not done in time is reset, and never ends well [O01]', async () => {
    gateway = await fixture.gateway(yaml('off', undefined, '100ms'))
    client = await openHttp2(fixture, gateway)
    upstream.answer = ({ socket }) =>
      void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
    const stream = client.begin()
    const ended = new Promise<number>((resolve) =>
      stream.once('close', () => resolve(stream.rstCode ?? 0)),
    )
    await new Promise((resolve) => stream.once('data', resolve))
    expect(await gateway.running.close()).toBe(false)
    expect(await ended).not.toBe(0)
    expect(await inFlight()).toBe(0)
  })
})

describe('RFC 9325 §7.5: when a reload changes what is believed of clients', () => {
  test('connections end, and what is under way is answered first', async () => {
    gateway = await fixture.gateway(yaml('off').replace('off', 'request'))
    client = await openHttp2(fixture, gateway)
    const { answers, finish } = await begin(3)
    const policy = 'optional, ca: ca.pem'
    expect(await reload(yaml(policy))).toBeUndefined()
    finish()
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200])
    await client.closed
    client = await openHttp2(fixture, gateway)
    expect((await client.send()).status).toBe(200)
  })

  test('they go on where nothing of it has changed', async () => {
    gateway = await fixture.gateway(yaml('request'))
    client = await openHttp2(fixture, gateway)
    upstream.answer = ({ socket }) => void socket.write(OK)
    expect((await client.send()).status).toBe(200)
    expect(await reload(yaml('request').replace('id: open', 'id: opened'))).toBeUndefined()
    expect((await client.send()).status).toBe(200)
    expect(client.session.closed).toBe(false)
  })

  test('what a listener speaks is not changed by it', async () => {
    gateway = await fixture.gateway(yaml('off'))
    client = await openHttp2(fixture, gateway)
    expect(await reload(yaml('off', '[http/1.1]'))).toBe('alpn changed: restart needed')
  })
})
