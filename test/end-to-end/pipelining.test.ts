import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OK, response } from '../support/faulty-upstream.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { expectClosingRefusal, openSocket, type RawSocket } from '../support/raw-socket.ts'

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway()
})
afterAll(() => open.close())
beforeEach(() => {
  open.upstream.answer = ({ socket }) => void socket.write(OK)
})

function connection(): Promise<RawSocket> {
  return openSocket(open.fixture, open.gateway)
}

test('RFC 9112 §9.3.2: a hundred pipelined requests are answered in their order [H29]', async () => {
  // Later ones are ready first.
  open.upstream.answer = ({ socket, line }) => {
    const answer = response(200, [], line)
    if (/[13579]$/.test(line)) setImmediate(() => socket.write(answer))
    else socket.write(answer)
  }
  const targets = Array.from({ length: 100 }, (_, i) => `/open/${i}`)
  const raw = await connection()
  raw.write(targets.map((target) => get(target)).join(''))
  for (const target of targets) expect(String((await raw.response()).body)).toBe(`GET ${target}`)
  raw.socket.end()
  expect(await raw.rest()).toEqual([])
})

test('what is malformed behind a good request is refused when that has been answered [H29]', async () => {
  const before = open.upstream.requests.length
  let answerNow = () => {}
  open.upstream.answer = ({ socket }) => {
    answerNow = () => void socket.write(OK)
  }
  const raw = await connection()
  const forwarded = open.upstream.nextRequest()
  raw.write(`${get('/open/good')}GET /open/bad HTTP/1.1\r\nHost : x\r\n\r\n${get('/open/behind')}`)
  await forwarded
  answerNow()

  expect((await raw.response()).status).toBe(200)
  expectClosingRefusal(await raw.response(), 400, 'http_malformed')
  expect(await raw.rest()).toEqual([])
  open.upstream.answer = ({ socket }) => void socket.write(OK)
  expect(await open.reachedSince(before)).toEqual(['GET /open/good'])
})

describe('RFC 9112 §9.6: behind an answer that closes the connection nothing is forwarded [H08]', () => {
  test.each<[string, string, number, string]>([
    [
      'an ambiguous request',
      post(['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'),
      400,
      'transfer_coding_unknown',
    ],
    ['an ambiguous path', get('/open/../x'), 400, 'path_dot_segment'],
    ['another host', get('/open').replace('Host: api.', 'Host: www.'), 421, 'host_not_served'],
  ])('%s', async (_, refused, status, reason) => {
    const before = open.upstream.requests.length
    const answers = await open.send(refused + post(['Content-Length: 2'], 'ok') + get('/open/b'))
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], status, reason)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('an answer that came before the content was there', async () => {
    open.upstream.answer = ({ socket }) => void socket.write(response(413, ['Connection: close']))
    const before = open.upstream.requests.length
    const raw = await connection()
    raw.write(post(['Content-Length: 10'], 'hello'))
    await open.upstream.nextRequest()
    raw.write(`world${post(['Content-Length: 2'], 'ok')}`)
    const [answer, ...others] = await raw.rest()
    expect(answer?.status).toBe(413)
    expect(answer?.lines('connection')).toEqual(['close'])
    expect(others).toEqual([])
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    expect(await open.reachedSince(before)).toEqual(['POST /open'])
  })

  test('what is sent behind `Connection: close`', async () => {
    const before = open.upstream.requests.length
    const answers = await open.send(get('/open/a', ['Connection: close']) + get('/open/b'))
    expect(answers.map(({ status }) => status)).toEqual([200])
    expect(await open.reachedSince(before)).toEqual(['GET /open/a'])
  })
})

describe('content that looks like a request stays content [H11, H12]', () => {
  const HIDDEN = get('/open/hidden')
  const size = HIDDEN.length.toString(16)

  test.each(['DELETE', 'OPTIONS', 'GET', 'POST', 'PUT', 'PATCH'])(
    'RFC 9112 §6.3: of %s, in chunks and by length',
    async (method) => {
      const before = open.upstream.requests.length
      const raw = await connection()
      raw.write(
        get('/open/a', ['Transfer-Encoding: chunked'], method) +
          `${size}\r\n${HIDDEN}\r\n0\r\n\r\n` +
          get('/open/b', [`Content-Length: ${HIDDEN.length}`], method) +
          HIDDEN,
      )
      expect((await raw.response()).status).toBe(200)
      expect((await raw.response()).status).toBe(200)
      raw.socket.end()
      await raw.closed

      const forwarded = await open.forwardedSince(before)
      expect(forwarded.map(({ line }) => line)).toEqual([`${method} /open/a`, `${method} /open/b`])
      for (const { message } of forwarded) {
        expect(message.complete).toBe(true)
        expect(String(message.body)).toBe(HIDDEN)
      }
    },
  )
})

describe('RFC 9110 §6.5.1: trailers', () => {
  test.each(['GET', 'HEAD', 'POST', 'DELETE'])(
    'a `Trailer` field on %s without content does no harm and is not forwarded [H10]',
    async (method) => {
      const before = open.upstream.requests.length
      const raw = await connection()
      raw.write(get('/open', ['Trailer: X', 'Connection: Trailer, close'], method))
      expect((await raw.response(method)).status).toBe(200)
      expect(await open.reachedSince(before)).toEqual([`${method} /open`])
      expect(names(before)).not.toContain('trailer')
    },
  )

  test('the fields behind the content are dropped, not merged with the head [HTTP-18, H09]', async () => {
    const before = open.upstream.requests.length
    const trailer = 'Authorization: Bearer x\r\nX-Client-Id: y\r\nHost: z\r\nX-Own: w\r\n'
    const [answer] = await open.send(
      post(
        ['Transfer-Encoding: chunked', 'Trailer: Authorization', 'Connection: close'],
        `5\r\nhello\r\n0\r\n${trailer}\r\n`,
      ),
    )
    expect(answer?.status).toBe(200)
    const request = open.upstream.requests[before]
    expect(String(request?.message.body)).toBe('hello')
    const bytes = String(open.upstream.received[request?.connection ?? -1])
    for (const text of ['Bearer x', 'X-Client-Id', 'X-Own', 'Host: z']) {
      expect(bytes).not.toContain(text)
    }
  })
})

function names(index: number): string[] {
  const { fields = [] } = open.upstream.requests[index]?.message ?? {}
  return fields.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
}

describe('RFC 9110 §7.6.1: fields of the connection [HTTP-1, H15, H16]', () => {
  test('those that `Connection` names are removed, and not those that the gateway adds', async () => {
    const before = open.upstream.requests.length
    const raw = await connection()
    raw.write(
      get('/open', [
        'X-Mine: a',
        'X-Kept: b',
        'Connection: X-Mine, close, Via, X-Forwarded-For, X-FAPI-Interaction-ID, Host',
      ]),
    )
    expect((await raw.response()).status).toBe(200)
    expect(names(before)).toEqual(
      expect.arrayContaining(['host', 'via', 'x-forwarded-for', 'x-fapi-interaction-id', 'x-kept']),
    )
    expect(names(before)).not.toContain('x-mine')
  })

  test.each([
    'Keep-Alive: timeout=5',
    'TE: trailers',
    'Proxy-Authorization: Basic eDp5',
    'Proxy-Connection: keep-alive',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
  ])('%s is not forwarded', async (field) => {
    const before = open.upstream.requests.length
    const raw = await connection()
    raw.write(get('/open', [field]))
    expect((await raw.response()).status).toBe(200)
    expect(names(before)).not.toContain(field.split(':')[0]?.toLowerCase())
    raw.socket.end()
  })

  test('RFC 9110 §7.8: no upgrade is made, and what follows is neither content nor served [HTTP-23, H17]', async () => {
    const before = open.upstream.requests.length
    const fields = ['Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 2']
    const [answer, ...others] = await open.send(post(fields, 'ok') + get('/open/b'))
    expect(answer?.status).toBe(200)
    expect(answer?.lines('connection')).toEqual(['close'])
    expect(others).toEqual([])
    expect(await open.reachedSince(before)).toEqual(['POST /open'])
    expect(names(before)).not.toContain('upgrade')
  })
})
