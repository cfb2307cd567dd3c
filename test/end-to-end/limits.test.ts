import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OK } from '../support/faulty-upstream.ts'
import { HOST } from '../support/fixture.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { expectClosingRefusal, openSocket } from '../support/raw-socket.ts'

const CLOSE = 'Connection: close'

function lines(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `X-${i}: a`)
}

describe('sizes', () => {
  let open: OpenGateway

  beforeAll(async () => {
    open = await startOpenGateway('defaults: { limits: { body: 64KiB } }\n')
  })
  afterAll(() => open.close())

  // Host and Connection are two of them.
  test('RFC 6585 §5: a hundred field lines are read [HTTP-25, H23]', async () => {
    const before = open.upstream.requests.length
    const [answer] = await open.send(get('/open', [...lines(98), CLOSE]))
    expect(answer?.status).toBe(200)
    expect(open.upstream.requests[before]?.message.fields).toContain('X-97')
  })

  test.each<[string, string, string]>([
    [
      'RFC 6585 §5: a hundred and one field lines',
      get('/open', [...lines(99), CLOSE]),
      'header_lines_too_many',
    ],
    [
      'two thousand lines, and behind them the length of a hidden request',
      get('/open', [...Array(2100).fill('a:'), `Content-Length: ${get('/open/b').length}`]) +
        get('/open/b'),
      'header_lines_too_many',
    ],
    [
      'RFC 6585 §5: a head of more than 16 KiB',
      get('/open', [`X: ${'a'.repeat(16_384)}`]),
      'header_bytes_too_many',
    ],
  ])('%s is answered 431 [HTTP-25, CC-7, H13, H23, HOLE-10]', async (_, bytes, reason) => {
    const before = open.upstream.requests.length
    const answers = await open.send(bytes)
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 431, reason)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('RFC 9110 §15.5.15: a target of 8 KiB is read, and of one character more answered 414 [HTTP-25, H23]', async () => {
    const target = `/open/${'a'.repeat(8192 - 6)}`
    expect((await open.send(get(target, [CLOSE])))[0]?.status).toBe(200)
    const before = open.upstream.requests.length
    expectClosingRefusal((await open.send(get(`${target}a`)))[0], 414, 'target_too_long')
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('RFC 9110 §15.5.14: content of the largest size passes', async () => {
    const before = open.upstream.requests.length
    const content = 'a'.repeat(65_536)
    const chunked = `10000\r\n${content}\r\n0\r\n\r\n`
    for (const bytes of [
      post([`Content-Length: ${content.length}`, CLOSE], content),
      post(['Transfer-Encoding: chunked', CLOSE], chunked),
    ]) {
      expect((await open.send(bytes))[0]?.status).toBe(200)
    }
    for (const { message } of open.upstream.requests.slice(before)) {
      expect(message.complete).toBe(true)
      expect(String(message.body)).toBe(content)
    }
  })

  test('RFC 9110 §15.5.14: content that says it is larger is answered 413 before it comes [HTTP-25, H32]', async () => {
    const before = open.upstream.requests.length
    const raw = await openSocket(open.fixture, open.gateway)
    raw.write(post(['Content-Length: 65537']))
    expectClosingRefusal(await raw.response(), 413, 'content_length_over_limit')
    expect(await raw.rest()).toEqual([])
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('RFC 9110 §15.5.14: chunks that become larger are answered 413, and never whole upstream [HTTP-25, H32]', async () => {
    const before = open.upstream.requests.length
    open.upstream.answer = () => {}
    const chunk = `4000\r\n${'a'.repeat(0x4000)}\r\n`
    const answers = await open.send(
      post(['Transfer-Encoding: chunked'], `${chunk.repeat(4)}1\r\na\r\n0\r\n\r\n`),
    )
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 413, 'body_too_large')
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    await open.reachedSince(before)
    expect(open.upstream.requests[before]?.message.complete).toBe(false)
  })
})

describe('times and numbers', () => {
  let open: OpenGateway

  beforeAll(async () => {
    open = await startOpenGateway(`limits:
  { handshake: 1s, header_time: 1s, request: 2s, keep_alive: 1s, requests_per_connection: 3 }
`)
  })
  afterAll(() => open.close())

  test.concurrent.each([
    ['without a request', ''],
    ['amid the request line', 'GET /open/sl'],
    ['amid the head', `GET /open/slow HTTP/1.1\r\nHost: ${HOST}\r\nX: `],
  ])(
    'RFC 9110 §15.5.9: a client that stays silent %s is answered 408 [HTTP-25, H30]',
    async (_, bytes) => {
      const answers = await open.send(bytes)
      expect(answers).toHaveLength(1)
      expectClosingRefusal(answers[0], 408, 'request_too_slow')
      expect(open.upstream.requests.map(({ line }) => line)).not.toContain('GET /open/slow')
    },
  )

  test.concurrent('a drop at a time does not keep a head alive [HTTP-25, H30]', async () => {
    const raw = await openSocket(open.fixture, open.gateway)
    raw.write(`GET /open HTTP/1.1\r\nHost: ${HOST}\r\n`)
    const timer = setInterval(() => raw.write('X: a\r\n'), 50)
    void raw.closed.then(() => clearInterval(timer))
    expectClosingRefusal(await raw.response(), 408, 'request_too_slow')
    await raw.closed
  })

  test.concurrent('RFC 9110 §15.5.9: content that does not come is answered 408 [HTTP-25, H30]', async () => {
    const raw = await openSocket(open.fixture, open.gateway)
    open.upstream.answer = ({ socket, line }) => {
      if (!line.startsWith('POST')) socket.write(OK)
    }
    const arrival = open.upstream.nextRequest('POST /open')
    raw.write(post(['Content-Length: 10'], 'hello'))
    const forwarded = await arrival
    const [answer, ...others] = await raw.rest()
    expectClosingRefusal(answer, 408, 'request_too_slow')
    expect(others).toEqual([])
    if (!forwarded.socket.destroyed) await once(forwarded.socket, 'close')
    expect(forwarded.message.complete).toBe(false)
  })

  test.concurrent.each([
    ['nothing', ''],
    ['half a ClientHello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('a handshake of which %s comes is given up [M14]', async (_, bytes) => {
    const socket = connect(open.gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write(Buffer.from(bytes, 'latin1'))
    await once(socket, 'close')
    expect(open.gateway.lines.join()).not.toContain('fatal')
  })

  test.concurrent('an idle connection is closed, and without an answer to nothing', async () => {
    const raw = await openSocket(open.fixture, open.gateway)
    raw.write(get('/open'))
    expect((await raw.response()).status).toBe(200)
    expect(await raw.rest()).toEqual([])
  })

  test.concurrent('the last request of a connection is told so', async () => {
    const raw = await openSocket(open.fixture, open.gateway)
    for (const expected of ['keep-alive', 'keep-alive', 'close']) {
      raw.write(get('/open'))
      expect((await raw.response()).lines('connection')).toEqual([expected])
    }
    expect(await raw.rest()).toEqual([])
  })
})

test('connections beyond the limit are turned away, and those there are go on [M25, HTTP-25]', async () => {
  const open = await startOpenGateway('limits: { connections: 1 }\n')
  const first = await openSocket(open.fixture, open.gateway)
  await expect(openSocket(open.fixture, open.gateway)).rejects.toThrow()
  first.write(get('/open'))
  expect((await first.response()).status).toBe(200)
  first.socket.end()
  await open.close()
})

test('a request that may not take as long as its head may, takes as long as it may', async () => {
  const open = await startOpenGateway('limits: { header_time: 1m, request: 1s }\n')
  expectClosingRefusal((await open.send('GET /open/sl'))[0], 408, 'request_too_slow')
  await open.close()
})
