/**
 * Heads of responses that are too much or split in two, content that never ends, and upstreams that hang
 * up without saying so.
 *
 * @module
 */

import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'

/** However it ends: `once` would be rejected by a reset. */
async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
}

let open: OpenGateway
let server: Server
let answer: (socket: TLSSocket) => void

beforeAll(async () => {
  open = await startOpenGateway()
  const { certificate: cert, key } = open.fixture.server
  server = createServer({ cert, key }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  await open.close()
  server.close()
})

describe('RFC 9110 §15.6.3: a head that is more than anybody needs is answered 502', () => {
  test.each<[string, string]>([
    ['a line of 1 MiB', `X: ${'a'.repeat(1_048_576)}`],
    ['a thousand cookies', Array(1000).fill('Set-Cookie: a=bbbbbbbbbb').join('\r\n')],
    ['two thousand lines', Array.from({ length: 2100 }, (_, i) => `X-${i}: a`).join('\r\n')],
  ])('%s [U06]', async (_, lines) => {
    open.upstream.answer = ({ socket }) =>
      void socket.write(`HTTP/1.1 200 OK\r\n${lines}\r\nContent-Length: 0\r\n\r\n`)
    const arrival = open.upstream.nextRequest()
    const answers = open.send(post(['Content-Length: 0', 'Connection: close']))
    const { socket } = await arrival
    expect((await answers).map(({ status }) => status)).toEqual([502])
    await closed(socket)
  })
})

test('RFC 9110 §6.5.1: trailers of a response are dropped, not merged with the head [HTTP-18]', async () => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n'
  open.upstream.answer = ({ socket }) =>
    void socket.write(`${head}2\r\nok\r\n0\r\nX-Late: a\r\nSet-Cookie: b=c\r\n\r\n`)
  const [answer] = await open.send(get('/open', ['Connection: close']))
  expect(answer).toMatchObject({ status: 200, complete: true })
  expect(String(answer?.body)).toBe('ok')
  for (const name of ['x-late', 'set-cookie', 'trailer']) expect(answer?.lines(name)).toEqual([])
})

describe('an answer that trickles without end', () => {
  test.each([
    ['amid content is broken off', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n', 200, false],
    ['before its head is whole is 504', 'HTTP/1.1 200 OK\r\n', 504, true],
  ])('%s [U12]', async (_, head, status, complete) => {
    const gateway = await open.fixture.gateway(`version: 1
profile: fapi2-security
listen: { address: 127.0.0.1:0, public_url: https://$HOST, certificate: server.crt, key: server.key }
upstreams:
  raw: { url: "${open.upstream.url}", timeouts: { idle_body: 10m, response_headers: 10m, whole: 500ms } }
routes:
  - { id: open, match: /open/**, public: true, upstream: raw }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
    open.upstream.answer = ({ socket }) => {
      socket.write(head)
      const timer = setInterval(() => socket.write('a'), 20)
      socket.once('close', () => clearInterval(timer))
    }
    const arrival = open.upstream.nextRequest()
    const raw = await openSocket(open.fixture, gateway)
    raw.write(get('/open', ['Connection: close']))
    const { socket } = await arrival
    expect(await raw.rest()).toMatchObject([{ status, complete }])
    await closed(socket)
    await gateway.close()
  })
})

describe('RFC 9112 §11.1: a response that is split in its head is one response, or none [H36]', () => {
  test.each<[string, string]>([
    ['a CR in a value', 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b=c\r\nContent-Length: 0\r\n\r\n'],
    ['a LF in a value', 'HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b=c\r\nContent-Length: 0\r\n\r\n'],
    ['a CR in the reason phrase', 'HTTP/1.1 200 O\rK: a\r\nContent-Length: 0\r\n\r\n'],
    ['NUL in the reason phrase', 'HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n'],
    ['a space in a name', 'HTTP/1.1 200 OK\r\nX Y: a\r\nContent-Length: 0\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n'],
  ])('%s', async (_, bytes) => {
    open.upstream.answer = ({ socket }) => void socket.write(bytes, 'latin1')
    const answers = await open.send(post(['Content-Length: 0', 'Connection: close']))
    expect(answers).toHaveLength(1)
    expect(answers[0]?.complete).toBe(true)
    expect([200, 502]).toContain(answers[0]?.status)
    expect(answers[0]?.lines('set-cookie')).toEqual([])
    expect(answers[0]?.startLine).toMatch(/^HTTP\/1\.1 (?:200 OK|502 Bad Gateway)$/)
  })
})

describe('RFC 9112 §9.8: an upstream that hangs up without close_notify', () => {
  test.each([
    ['behind content by length is complete', 'Content-Length: 5\r\n\r\nhello', true],
    ['amid content by length is not', 'Content-Length: 9\r\n\r\nhello', false],
    ['amid chunks is not', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', false],
  ])('%s [U19]', async (_, rest, complete) => {
    const { port } = server.address() as AddressInfo
    const gateway = await open.fixture.gateway(`version: 1
profile: fapi2-security
listen: { address: 127.0.0.1:0, public_url: https://$HOST, certificate: server.crt, key: server.key }
upstreams:
  tls: { url: "https://localhost:${port}", ca: ca.pem }
routes:
  - { id: open, match: /open/**, public: true, upstream: tls }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
    // The connection below is reset when the bytes have left, and TLS is not asked.
    answer = (socket) => {
      const below = (socket as unknown as { _parent?: { resetAndDestroy(): void } })._parent
      socket.write(`HTTP/1.1 200 OK\r\n${rest}`, () => {
        if (below === undefined) socket.destroy()
        else below.resetAndDestroy()
      })
    }
    const raw = await openSocket(open.fixture, gateway)
    raw.write(get('/open', ['Connection: close']))
    const [said] = await raw.rest()
    expect(said?.complete ?? false).toBe(complete)
    if (complete) expect(String(said?.body)).toBe('hello')
    await gateway.close()
  })
})
