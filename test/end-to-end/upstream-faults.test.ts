import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OK, type ReceivedRequest, response } from '../support/faulty-upstream.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { type Answer, openSocket } from '../support/raw-socket.ts'

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway(
    '  - { id: nobody, match: /nobody, public: true, upstream: "http://127.0.0.1:1" }\n',
    ', timeouts: { connect: 2s, response_headers: 500ms, idle_body: 500ms }',
  )
})
afterAll(() => open.close())
beforeEach(() => {
  open.upstream.answer = honest
})

const honest = ({ socket }: ReceivedRequest) => void socket.write(OK)
const CLOSE = 'Connection: close'

/** An answer that the gateway wrote because of its upstream. */
function expectUpstreamFault(answer: Answer | undefined, status: number, reason: string): void {
  expect(answer?.complete).toBe(true)
  expect(answer?.status).toBe(status)
  expect(JSON.parse(String(answer?.body))).toMatchObject({ error_description: reason })
  expect(answer?.lines('x-fapi-interaction-id')).toHaveLength(1)
  expect(answer?.lines('cache-control')).toEqual(['no-store'])
  expect(answer?.lines('retry-after')).toEqual(status === 503 ? ['1'] : [])
}

test('RFC 9110 §15.6.4: nobody listens: 503, and when to come back [U01, HTTP-9]', async () => {
  const [answer] = await open.send(get('/nobody', [CLOSE]))
  expectUpstreamFault(answer, 503, 'upstream_unreachable')
})

test('RFC 9110 §15.6.5: no answer comes: 504, and the connection is not used again [U02, HTTP-9]', async () => {
  open.upstream.answer = () => {}
  const arrival = open.upstream.nextRequest()
  const answers = open.send(get('/open', [CLOSE]))
  const { socket } = await arrival
  expectUpstreamFault((await answers)[0], 504, 'upstream_timeout')
  if (!socket.destroyed) await once(socket, 'close')
})

describe('RFC 9110 §9.2.2: a connection that is closed before an answer [HTTP-8, U03, U15]', () => {
  test.each(['GET', 'HEAD'])('%s is made once more, on another connection', async (method) => {
    const before = open.upstream.requests.length
    open.upstream.answer = ({ socket }) => {
      open.upstream.answer = honest
      socket.destroy()
    }
    const raw = await openSocket(open.fixture, open.gateway)
    raw.write(get('/open', [], method))
    expect((await raw.response(method)).status).toBe(200)
    const made = open.upstream.requests.slice(before)
    expect(made.map(({ line }) => line)).toEqual([`${method} /open`, `${method} /open`])
    expect(made[0]?.connection).not.toBe(made[1]?.connection)
    raw.socket.end()
  })

  test('GET is made no third time', async () => {
    const before = open.upstream.requests.length
    open.upstream.answer = ({ socket }) => void socket.destroy()
    const [answer] = await open.send(get('/open', [CLOSE]))
    expectUpstreamFault(answer, 502, 'upstream_response_invalid')
    open.upstream.answer = honest
    expect(await open.reachedSince(before)).toEqual(['GET /open', 'GET /open'])
  })

  test.each([
    ['POST', post(['Content-Length: 2', CLOSE], 'ok')],
    ['POST without content', post(['Content-Length: 0', CLOSE])],
    ['PUT', get('/open', [CLOSE], 'PUT')],
    ['DELETE', get('/open', [CLOSE], 'DELETE')],
    ['GET with content', `${get('/open', ['Content-Length: 2', CLOSE])}ok`],
  ])('%s is not made again', async (_, bytes) => {
    const before = open.upstream.requests.length
    open.upstream.answer = ({ socket }) => void socket.resetAndDestroy()
    const [answer] = await open.send(bytes)
    expectUpstreamFault(answer, 502, 'upstream_response_invalid')
    open.upstream.answer = honest
    expect(await open.reachedSince(before)).toHaveLength(1)
  })
})

describe('RFC 9112 §8: a response that breaks off never looks complete [HTTP-28, U04]', () => {
  test.each([
    ['by length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello', true],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', true],
    ['before its content', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n', true],
    ['amid a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe', true],
    ['in a malformed chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', false],
    ['by a trickle that stops [U12]', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell', false],
  ])('%s', async (_, bytes, ends) => {
    open.upstream.answer = ({ socket }) => {
      socket.write(bytes)
      if (ends) socket.end()
    }
    const answers = await open.send(get('/open'))
    expect(answers.filter(({ complete }) => complete)).toEqual([])
    if (bytes.endsWith('he') || bytes.includes('hell'))
      expect(String(answers[0]?.body)).toMatch(/^hel?l?o?$/)
  })
})

describe('RFC 9110 §15.6.3: what is no response is answered 502, its connection not used again [HTTP-9, HTTP-16, U06, U07, H36]', () => {
  test.each<[string, string]>([
    ['bytes that are no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['an answer of HTTP/0.9', '<html>hello</html>'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!'],
    [
      'a length and a coding',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok'],
    ['a head of 17 KiB', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(17_408)}\r\n\r\n`],
    ['a line that ends in LF', 'HTTP/1.1 200 OK\r\nX: a\nY: b\r\nContent-Length: 2\r\n\r\nok'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok'],
    ['NUL in a value', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok'],
    ['a control character in a value', 'HTTP/1.1 200 OK\r\nX: \x01\r\nContent-Length: 2\r\n\r\nok'],
    ['status 099', response(99, []).replace('99', '099')],
    ['status 600', response(600, [])],
    ['status 999', response(999, [])],
    ['status 1000', response(1000, [])],
    [
      'an upgrade that nobody asked for',
      'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
    ],
    ['an upgrade to nothing [U08]', `HTTP/1.1 101 S\r\n\r\n${OK}`],
    // RFC 9110 §15.2.1 would let it be discarded; the pool's parser does not.
    ['a 100 that nobody asked for [U08]', `HTTP/1.1 100 Continue\r\n\r\n${OK}`],
  ])('%s', async (_, bytes) => {
    open.upstream.answer = ({ socket }) => void socket.write(bytes, 'latin1')
    const arrival = open.upstream.nextRequest()
    const answers = open.send(post(['Content-Length: 0', CLOSE]))
    const { socket } = await arrival
    expectUpstreamFault((await answers)[0], 502, 'upstream_response_invalid')
    if (!socket.destroyed) await once(socket, 'close')
  })
})

describe('framing of an answer that is complete', () => {
  test('RFC 9110 §15.2: interim responses are dropped, ten thousand of them [U08]', async () => {
    const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
    open.upstream.answer = ({ socket }) =>
      void socket.write(`${hint.repeat(10_000)}HTTP/1.1 102 P\r\n\r\n${OK}`)
    const answers = await open.send(get('/open', [CLOSE]))
    expect(answers.map(({ status }) => status)).toEqual([200])
    expect(answers[0]?.lines('link')).toEqual([])
  })

  test.each([204, 304])(
    'RFC 9112 §6.3: a %d has no content, whatever follows it [HTTP-27, U09]',
    async (status) => {
      open.upstream.answer = ({ socket, line }) => {
        socket.write(line === 'GET /open/first' ? response(status, [], 'smuggled') : OK)
      }
      const raw = await openSocket(open.fixture, open.gateway)
      raw.write(get('/open/first'))
      const answer = await raw.response()
      expect(answer.status).toBe(status)
      if (status === 204) expect(answer.lines('content-length')).toEqual([])
      raw.write(get('/open/second', [CLOSE]))
      expect((await raw.rest()).map(({ body }) => String(body))).toEqual(['ok'])
    },
  )

  test.each([
    ['with a length', response(205, [], 'smuggled')],
    ['in chunks', 'HTTP/1.1 205 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n'],
    ['up to the end', 'HTTP/1.1 205 x\r\nConnection: close\r\n\r\nsmuggled'],
  ])(
    'RFC 9110 §15.3.6: a 205 has none, and says so, whatever the upstream sends %s [HTTP-27]',
    async (_, bytes) => {
      open.upstream.answer = ({ socket, line }) => {
        if (line !== 'GET /open/first') socket.write(OK)
        else if (bytes.includes('close')) socket.end(bytes)
        else socket.write(bytes)
      }
      const raw = await openSocket(open.fixture, open.gateway)
      raw.write(get('/open/first'))
      const answer = await raw.response()
      expect(answer.status).toBe(205)
      expect(answer.lines('content-length')).toEqual(['0'])
      expect(answer.lines('transfer-encoding')).toEqual([])
      raw.write(get('/open/second', [CLOSE]))
      expect((await raw.rest()).map(({ body }) => String(body))).toEqual(['ok'])
    },
  )

  test('RFC 9112 §6.3: an answer to HEAD has none either [HTTP-27, U09]', async () => {
    open.upstream.answer = ({ socket, line }) =>
      void socket.write(line.startsWith('HEAD') ? response(200, [], 'smuggled') : OK)
    const raw = await openSocket(open.fixture, open.gateway)
    raw.write(get('/open', [], 'HEAD'))
    expect((await raw.response('HEAD')).lines('content-length')).toEqual(['8'])
    raw.write(get('/open', [CLOSE]))
    expect((await raw.rest()).map(({ body }) => String(body))).toEqual(['ok'])
  })

  test('RFC 9112 §9.2: what comes behind a response answers nobody [U10]', async () => {
    open.upstream.answer = ({ socket }) =>
      void socket.write(OK + response(200, ['X-Poison: 1'], 'poison'))
    for (let i = 0; i < 5; i++) {
      const [answer] = await open.send(get(`/open/${i}`, [CLOSE]))
      expect(answer?.lines('x-poison')).toEqual([])
      expect(String(answer?.body)).toBe('ok')
    }
  })

  test('the second answer cannot wait on an idle connection for the next request [U10]', async () => {
    const before = open.upstream.requests.length
    const arrival = open.upstream.nextRequest()
    expect((await open.send(get('/open', [CLOSE])))[0]?.status).toBe(200)
    const { socket } = await arrival
    socket.write(response(200, ['X-Poison: 1'], 'poison'))
    await once(socket, 'close')
    const [answer] = await open.send(get('/open', [CLOSE]))
    expect(String(answer?.body)).toBe('ok')
    const [first, second] = open.upstream.requests.slice(before)
    expect(first?.connection).not.toBe(second?.connection)
  })

  test('RFC 9112 §6.3: content that ends with the connection ends so for the client too [U05]', async () => {
    open.upstream.answer = ({ socket }) => void socket.end('HTTP/1.1 200 OK\r\n\r\nhello')
    const [answer] = await open.send(get('/open', [CLOSE]))
    expect(String(answer?.body)).toBe('hello')
  })
})
