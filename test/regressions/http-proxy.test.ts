/**
 * http-proxy 1.18.1 and the gateway, side by side: each is sent the same bytes, in front of the same
 * upstream. What the one does wrong is shown as well, so that nobody has to believe that it matters.
 *
 * @module
 */

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { linesOf } from '../support/caller.ts'
import { OK, type ReceivedRequest, response } from '../support/faulty-upstream.ts'
import { HOST } from '../support/fixture.ts'
import { type HttpProxyProcess, startHttpProxy } from '../support/http-proxy-process.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket, type RawSocket } from '../support/raw-socket.ts'

/** However it ends: `once` would be rejected by a reset. */
async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
}

let open: OpenGateway
let proxy: HttpProxyProcess

beforeAll(async () => {
  open = await startOpenGateway('', ', timeouts: { response_headers: 10m, idle_body: 10m }')
})
beforeEach(async () => {
  open.upstream.answer = ({ socket }) => void socket.write(OK)
  const { folder } = open.fixture
  const files = [join(folder, 'server.crt'), join(folder, 'server.key')] as const
  proxy = await startHttpProxy(open.upstream.url, ...files)
})
afterEach(async () => {
  proxy.child.kill('SIGKILL')
  await proxy.death
})
afterAll(() => open.close())

const toProxy = () => openSocket(open.fixture, proxy)
const toGateway = () => openSocket(open.fixture, open.gateway)

/** What reached the upstream of these bytes, when their last answer and one of a later request are there. */
async function reachedBy(connect: () => Promise<RawSocket>, bytes: string, method = 'GET') {
  const before = open.upstream.requests.length
  const raw = await connect()
  raw.write(bytes)
  await raw.response(method)
  raw.socket.destroy()
  const other = await connect()
  other.write(get('/open/last'))
  await other.response()
  other.socket.destroy()
  return open.upstream.requests.slice(before).filter(({ line }) => line !== 'GET /open/last')
}

const linesOfRequests = (requests: readonly ReceivedRequest[]) => requests.map(({ line }) => line)

/** A request on a connection of its own: when it is answered, what came before it has long been seen. */
async function marker(connect: () => Promise<RawSocket>): Promise<number> {
  const held = open.upstream.answer
  open.upstream.answer = ({ socket }) => void socket.write(OK)
  const raw = await connect()
  raw.write(get('/open/marker', ['Connection: close']))
  const { status } = await raw.response()
  open.upstream.answer = held
  raw.socket.destroy()
  return status
}

test.each(['DELETE', 'OPTIONS'])(
  'http-party#1720, CVE-2026-29057: content of %s in chunks is not a request of its own [H11]',
  async (method) => {
    const hidden = get('/open/hidden')
    const chunk = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`
    const bytes = get('/open/a', ['Transfer-Encoding: chunked'], method) + chunk
    expect(linesOfRequests(await reachedBy(toProxy, bytes))).toEqual([
      `${method} /open/a`,
      'GET /open/hidden',
    ])
    const forwarded = await reachedBy(toGateway, bytes)
    expect(linesOfRequests(forwarded)).toEqual([`${method} /open/a`])
    expect(String(forwarded[0]?.message.body)).toBe(hidden)
  },
)

describe('http-party#1586: a client that leaves ends the work of the upstream [H31]', () => {
  /** Leaves once the upstream has the request and, if there is a beginning, the client has that. */
  async function leave(connect: () => Promise<RawSocket>, beginning: string) {
    open.upstream.answer = ({ socket }) => void socket.write(beginning)
    const arrival = open.upstream.nextRequest()
    const raw = await connect()
    const { localPort } = raw.socket
    const begun = once(raw.socket, 'data')
    raw.write(get('/open/left'))
    const { socket } = await arrival
    if (beginning !== '') await begun
    raw.socket.destroy()
    return { localPort, socket }
  }

  test.each([
    ['before an answer', ''],
    ['amid one', 'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhello'],
  ])('%s', async (_, beginning) => {
    const left = await leave(toProxy, beginning)
    await proxy.closed(left.localPort)
    expect(await marker(toProxy)).toBe(200)
    expect(left.socket.destroyed).toBe(false)

    const { socket } = await leave(toGateway, beginning)
    await closed(socket)
  })
})

test.each([
  ['by length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'],
  ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
])(
  'http-party#1291: an answer %s that breaks off breaks off for the client too [U04, HTTP-28]',
  async (_, beginning) => {
    const breakOff = async (connect: () => Promise<RawSocket>) => {
      open.upstream.answer = ({ socket }) => void socket.write(beginning)
      const arrival = open.upstream.nextRequest()
      const raw = await connect()
      const begun = once(raw.socket, 'data')
      raw.write(get('/open/cut'))
      const { socket } = await arrival
      await begun
      socket.destroy()
      await closed(socket)
      return raw
    }
    const hanging = await breakOff(toProxy)
    expect(await marker(toProxy)).toBe(200)
    expect(await marker(toProxy)).toBe(200)
    expect(hanging.socket.closed).toBe(false)
    hanging.socket.destroy()

    const answers = await (await breakOff(toGateway)).rest()
    expect(answers.map(({ complete }) => complete)).toEqual([false])
  },
)

test.each<[string, string, string[]]>([
  ['http-party#446: a field that Connection names', 'x-mine', ['X-Mine: a', 'Connection: X-Mine']],
  [
    'http-party#1488: Proxy-Authorization',
    'proxy-authorization',
    ['Proxy-Authorization: Basic eDp5'],
  ],
  ['http-party#1488: TE', 'te', ['TE: trailers']],
  ['http-party#1488: Keep-Alive', 'keep-alive', ['Keep-Alive: timeout=5']],
])('%s is not forwarded [HTTP-1, H15, H16]', async (_, name, fields) => {
  const valueAt = async (connect: () => Promise<RawSocket>) => {
    const [request] = await reachedBy(connect, get('/open', fields))
    return linesOf(request?.message.fields ?? [], name)
  }
  expect(await valueAt(toProxy)).toHaveLength(1)
  expect(await valueAt(toGateway)).toEqual([])
})

test('http-party#967: who asks is not what the client says', async () => {
  const fields = ['X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Host: evil.example']
  const [passed] = await reachedBy(toProxy, get('/open', fields))
  expect(linesOf(passed?.message.fields ?? [], 'x-forwarded-for')).toEqual(['192.0.2.1'])
  const [set] = await reachedBy(toGateway, get('/open', fields))
  expect(linesOf(set?.message.fields ?? [], 'x-forwarded-for')).toEqual(['127.0.0.1'])
  expect(linesOf(set?.message.fields ?? [], 'x-forwarded-host')).toEqual([HOST])
})

describe('http-party#775, #1420: what is matched is what is forwarded [HTTP-20, P04, H25]', () => {
  test.each<[string, string, number, string]>([
    ['/open//b/../c/%2e%2e/d%2Fe', 'GET /open/b/../c/%2e%2e/d%2Fe', 400, 'path_empty_segment'],
    ['//evil.example/open', 'GET /evil.example/open', 400, 'path_empty_segment'],
    ['https://evil.example/open', 'GET /open', 421, 'host_not_served'],
    ['/open\\..\\a', 'GET /open/../a', 400, 'path_backslash'],
  ])('%s', async (target, rewritten, status, reason) => {
    expect(linesOfRequests(await reachedBy(toProxy, get(target)))).toEqual([rewritten])
    const before = open.upstream.requests.length
    const [answer] = await open.send(get(target))
    expect(answer?.status).toBe(status)
    expect(JSON.parse(String(answer?.body))).toMatchObject({ error_description: reason })
    expect(await open.reachedSince(before)).toEqual([])
  })
})

describe('what ends the process of http-proxy ends nothing', () => {
  /** Sends to both; the one dies of what is said, and the other answers so and lives. */
  async function expectDeath(bytes: string, death: RegExp, status: number) {
    const raw = await toProxy()
    raw.write(bytes)
    expect(await proxy.death).toMatch(death)
    await raw.closed

    const answered = await toGateway()
    answered.write(bytes)
    expect((await answered.response()).status).toBe(status)
    answered.socket.destroy()
    expect(await marker(toGateway)).toBe(200)
  }

  test.each(['GET', 'DELETE'])(
    'a request %s with Trailer and without content [H10]',
    async (method) => {
      await expectDeath(get('/open', ['Trailer: X'], method), /ERR_HTTP_TRAILER_INVALID/, 200)
    },
  )

  test('an answer with Trailer and a length [H18]', async () => {
    open.upstream.answer = ({ socket }) => void socket.write(response(200, ['Trailer: X'], 'ok'))
    await expectDeath(get('/open'), /ERR_HTTP_TRAILER_INVALID/, 200)
  })

  test.each([
    ['a reason phrase that is none', 'HTTP/1.1 200 \x01\r\nContent-Length: 0\r\n\r\n', 200],
    ['the status 099', 'HTTP/1.1 099 S\r\nContent-Length: 0\r\n\r\n', 502],
  ])('http-party#964: %s [H36]', async (_, bytes, status) => {
    open.upstream.answer = ({ socket }) => void socket.write(bytes)
    const death = /ERR_INVALID_CHAR|ERR_HTTP_INVALID_STATUS_CODE/
    await expectDeath(post(['Content-Length: 0']), death, status)
  })
})

test('http-party#1237: a client that would speak HTTP/2 ends http-proxy, and not the gateway', async () => {
  const speak = async (port: number) => {
    const options = { ca: open.fixture.authority.certificate, servername: HOST }
    const session = connectHttp2(`https://127.0.0.1:${port}`, options)
    session.on('error', () => {})
    const stream = session.request({ ':path': '/open', ':authority': HOST })
    stream.on('error', () => {})
    await new Promise((resolve) => stream.once('close', resolve).resume())
    session.destroy()
  }
  await speak(proxy.port)
  expect(await proxy.death).toMatch(/ERR_INVALID_HTTP_TOKEN/)
  await speak(open.gateway.port)
  expect(await marker(toGateway)).toBe(200)
})

test('http-party#443: content behind a 204 is not the beginning of another answer [U09, HTTP-27]', async () => {
  open.upstream.answer = ({ socket, line }) =>
    void socket.write(line === 'GET /open/first' ? response(204, [], 'smuggled') : OK)
  const answersOf = async (connect: () => Promise<RawSocket>) => {
    const raw = await connect()
    raw.write(get('/open/first') + get('/open/second', ['Connection: close']))
    return (await raw.rest()).map(({ status, body }) => [status, String(body)])
  }
  // The length of the 204 stands in the 502, and so the answer behind it is read as its content.
  expect((await answersOf(toProxy))[0]).toEqual([502, 'HTTP/1.1'])
  expect(await answersOf(toGateway)).toEqual([
    [204, ''],
    [200, 'ok'],
  ])
})
