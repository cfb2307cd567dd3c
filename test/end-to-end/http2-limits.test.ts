/**
 * What a connection of HTTP/2 may take: time, and memory. Node's sessions have no limits of their own for
 * the first.
 *
 * @module
 */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sumOf } from '../support/exposition.ts'
import { OK } from '../support/faulty-upstream.ts'
import { openHttp2, readAnswer } from '../support/http2-client.ts'
import {
  CODE,
  END_HEADERS,
  FRAME,
  type FrameSocket,
  fieldBlock,
  frame,
  openFrames,
  pseudo,
} from '../support/http2-frames.ts'
import { type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'

const LISTEN = `
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  alpn: [h2, http/1.1]
`
const BODY = Buffer.alloc(1_048_576, 'a')
const MOST_HELD = 32 * 1_048_576

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway(
    `defaults: { limits: { body: 1GiB } }
limits:
  { header_time: 1s, request: 2s, idle: 1s, keep_alive: 1s, requests_per_connection: 150 }
`,
    ', timeouts: { response_headers: 10m, idle_body: 10m }',
    LISTEN,
  )
})
afterAll(() => open.close())
beforeEach(() => {
  open.upstream.answer = ({ socket, line }) => {
    if (line !== 'POST /open/drops') socket.write(OK)
  }
})

const inFlight = async () =>
  sumOf(await open.gateway.metrics(), 'fapigw_http_requests_in_flight', { listener: 'listen' })

describe('time', () => {
  test.concurrent('a client that chooses HTTP/2 and says nothing is let go [H2-215]', async () => {
    const raw = await openSocket(open.fixture, open.gateway, { ALPNProtocols: ['h2'] })
    await raw.closed
  })

  test.concurrent.each([
    ['asks for nothing', (_: FrameSocket) => {}],
    [
      'never ends its head',
      (it: FrameSocket) => it.write(frame(FRAME.headers, 0, 1, fieldBlock(pseudo()))),
    ],
    [
      'sends half a frame',
      (it: FrameSocket) =>
        it.write(frame(FRAME.headers, 0, 1, fieldBlock(pseudo())).subarray(0, 12)),
    ],
  ])('a client that %s is let go [H2-215]', async (_, begin) => {
    const client = await openFrames(open.fixture, open.gateway)
    // RFC 9113 §4.3: amid a head nothing else may be said.
    client.acknowledges = false
    begin(client)
    expect([CODE.none, undefined]).toContain(await client.goaway())
    await client.raw.closed
  })

  test.concurrent('a connection that was used is let go when nothing is asked for', async () => {
    const client = await openFrames(open.fixture, open.gateway)
    client.request(1, pseudo())
    expect(await client.end(1)).toBe('status 200')
    expect(await client.goaway()).toBe(CODE.none)
    await client.raw.closed
  })

  test.concurrent('signs of life without a request keep no connection [H2-215]', async () => {
    const client = await openFrames(open.fixture, open.gateway)
    const timer = setInterval(() => client.write(frame(FRAME.ping, 0, 0, '12345678')), 200)
    await client.raw.closed
    clearInterval(timer)
  })

  test.concurrent('RFC 9110 §15.5.9: content that comes a drop at a time is answered 408 [H2-215]', async () => {
    const arrived = open.upstream.nextRequest('POST /open/drops')
    const client = await openFrames(open.fixture, open.gateway)
    const drop = frame(FRAME.data, 0, 1, 'a')
    client.write(
      frame(FRAME.headers, END_HEADERS, 1, fieldBlock(pseudo('/open/drops', 'POST'))),
      drop,
    )
    const timer = setInterval(() => client.write(drop), 50)
    const request = await arrived
    const released = new Promise((resolve) => request.socket.once('close', resolve))
    expect(await client.end(1)).toBe('status 408')
    clearInterval(timer)
    await released
    expect(request.message.complete).toBe(false)
    // RFC 9113 §8.1: and the client need not send the rest.
    const reset = await client.find(({ type }) => type === FRAME.reset)
    expect(reset?.payload.readUInt32BE(0)).toBe(CODE.none)
    client.raw.socket.destroy()
  })
})

describe('memory', () => {
  test('answers that nobody reads stop the upstream, are reset, and are gone [H2-210]', async () => {
    let written = 0
    open.upstream.answer = ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n`)
      socket.write(BODY)
      written += BODY.length
    }
    const held = process.memoryUsage().arrayBuffers
    // RFC 9113 §6.5.2: a window of nothing, for every stream.
    const client = await openFrames(open.fixture, open.gateway, [[4, 0]])
    for (let i = 0; i < 90; i++) client.request(2 * i + 1, pseudo('/open/unread'))
    await expect.poll(() => written).toBeGreaterThan(60 * BODY.length)
    expect(process.memoryUsage().arrayBuffers - held).toBeLessThan(MOST_HELD)
    for (let i = 0; i < 90; i++) {
      const id = 2 * i + 1
      const last = await client.find(({ type, stream }) => type === FRAME.reset && stream === id)
      expect(last?.payload.readUInt32BE(0)).toBe(CODE.internal)
    }
    expect(await inFlight()).toBe(0)
    client.raw.socket.destroy()
  })

  test('a client that stops reading its socket is let go, with everything it asked for [H2-210]', async () => {
    open.upstream.answer = ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n`)
      socket.write(BODY)
    }
    const client = await openFrames(open.fixture, open.gateway, [[4, 0x7fffffff]])
    client.write(frame(FRAME.windowUpdate, 0, 0, Buffer.of(0x7f, 0, 0, 0)))
    client.raw.socket.pause()
    for (let i = 0; i < 50; i++) client.request(2 * i + 1, pseudo('/open/paused'))
    await expect.poll(inFlight).toBeGreaterThan(0)
    await expect.poll(inFlight, { timeout: 10_000 }).toBe(0)
    client.raw.socket.destroy()
  })

  test('a hundred heads that have to wait weigh what they are [H2-209]', async () => {
    open.upstream.answer = () => {}
    const before = open.upstream.requests.length
    const { rss } = process.memoryUsage()
    const client = await openFrames(open.fixture, open.gateway)
    for (let i = 0; i < 100; i++) {
      client.request(2 * i + 1, [...pseudo('/open/heads'), 'x', 'a'.repeat(15_000)])
    }
    await expect.poll(() => open.upstream.requests.length - before).toBeGreaterThan(0)
    await client.settle()
    expect(process.memoryUsage().rss - rss).toBeLessThan(4 * MOST_HELD)
    client.raw.socket.destroy()
    await expect.poll(inFlight).toBe(0)
  })

  test('RFC 9113 §5.2: a client is not let send what the upstream does not take', async () => {
    open.upstream.answer = ({ socket }) => void socket.pause()
    const client = await openHttp2(open.fixture, open.gateway)
    const stream = client.begin({ ':path': '/open/untaken', ':method': 'POST' }, false)
    let taken = 0
    const more = () => {
      stream.write(BODY, (error) => {
        if (error) return
        taken += BODY.length
        more()
      })
    }
    more()
    expect((await readAnswer(stream)).status).toBe(408)
    // What sockets and windows hold; the rest stayed with the client.
    expect(taken).toBeLessThan(MOST_HELD)
    client.close()
  })
})

test('RFC 9113 §6.8: after so many requests the connection ends, and each of them is answered', async () => {
  const client = await openHttp2(open.fixture, open.gateway)
  const answers = await Promise.all(Array.from({ length: 100 }, () => client.send()))
  expect(answers.every(({ status }) => status === 200)).toBe(true)
  const rest = await Promise.all(Array.from({ length: 50 }, () => client.send()))
  expect(rest.every(({ status }) => status === 200)).toBe(true)
  await client.closed
})
