import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OK, response } from '../support/faulty-upstream.ts'
import { HOST } from '../support/fixture.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { expectClosingRefusal, openSocket, type RawSocket } from '../support/raw-socket.ts'

let open: OpenGateway
let token: string

beforeAll(async () => {
  open = await startOpenGateway(
    `  - { id: closed, match: /closed/**, scopes: [accounts], upstream: raw }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
defaults: { limits: { body: 64KiB } }
`,
    // So long that no test can take one of them for the event it waits for.
    ', timeouts: { response_headers: 10m, idle_body: 10m }',
    `
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem`,
  )
  const client = await open.fixture.client('mtls', open.gateway)
  token = (await client.token({ scope: 'accounts', resource: `https://${HOST}` })).accessToken
})
afterAll(() => open.close())
beforeEach(() => {
  open.upstream.answer = ({ socket }) => void socket.write(OK)
})

/** A connection with the certificate that the token is bound to. */
function connection(): Promise<RawSocket> {
  const { certificate, key } = open.fixture.certificates.mtls
  return openSocket(open.fixture, open.gateway, { cert: certificate, key })
}

describe('RFC 9110 §10.1.1: a client that waits for a 100 [HTTP-7, H28]', () => {
  const expecting = ['Expect: 100-continue', 'Content-Length: 5']

  test('gets the 401 instead, and its content is not asked for', async () => {
    const before = open.upstream.requests.length
    const raw = await connection()
    raw.write(post(expecting, '', '/closed'))
    const answer = await raw.response()
    expect(answer.status).toBe(401)
    expect(answer.lines('connection')).toEqual(['close'])
    expect(await raw.rest()).toEqual([])
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('gets the 413 instead', async () => {
    const raw = await connection()
    raw.write(post(['Expect: 100-continue', 'Content-Length: 65537']))
    expectClosingRefusal(await raw.response(), 413, 'content_length_over_limit')
    expect(await raw.rest()).toEqual([])
  })

  test.each([
    ['a length', 'Content-Length: 5', 'hello'],
    ['chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'],
  ])(
    'gets it when it is authorized, and its content by %s is forwarded',
    async (_, framing, content) => {
      const before = open.upstream.requests.length
      const raw = await connection()
      const fields = ['Expect: 100-Continue', framing, `Authorization: Bearer ${token}`]
      raw.write(post(fields, '', '/closed'))
      expect((await raw.response()).startLine).toBe('HTTP/1.1 100 Continue')
      raw.write(content)
      expect((await raw.response()).status).toBe(200)
      const [request] = open.upstream.requests.slice(before)
      expect(String(request?.message.body)).toBe('hello')
      expect(request?.message.fields.map((field) => field.toLowerCase())).not.toContain('expect')
      raw.socket.end()
    },
  )

  test('and need not, where there is no content', async () => {
    const raw = await connection()
    raw.write(get('/open', ['Expect: 100-continue', 'Connection: close']))
    expect((await raw.rest()).map(({ status }) => status)).toEqual([200])
  })

  test.each(['Expect: 200-ok', 'Expect: 100-continue\r\nExpect: 100-continue', 'Expect:'])(
    'RFC 9110 §15.5.18: %j is answered 417',
    async (field) => {
      const before = open.upstream.requests.length
      const raw = await connection()
      raw.write(post([field, 'Content-Length: 5']))
      expectClosingRefusal(await raw.response(), 417, 'expectation_unknown')
      expect(await open.reachedSince(before)).toEqual([])
      raw.socket.destroy()
    },
  )
})

describe('RFC 9112 §9.6: an answer that comes while the client still sends reaches it [U11]', () => {
  test.each([300, 5000])('a refusal of the gateway, amid %d KiB', async (size) => {
    const raw = await connection()
    raw.write(post([`Content-Length: ${size * 1024}`], 'a'.repeat(10_000), '/closed'))
    expect((await raw.response()).status).toBe(413)
    for (let sent = 0; sent < size && raw.socket.writable; sent += 64) raw.write('a'.repeat(65_536))
    expect(await raw.rest()).toEqual([])
  })

  test('one of the upstream, and the upload ends', async () => {
    open.upstream.answer = ({ socket }) =>
      void socket.write(response(413, ['Connection: close'], 'too much'))
    const arrival = open.upstream.nextRequest()
    const raw = await connection()
    raw.write(post(['Content-Length: 60000'], 'a'.repeat(10_000)))
    const { socket, message } = await arrival
    const answer = await raw.response()
    expect(answer.status).toBe(413)
    expect(String(answer.body)).toBe('too much')
    expect(answer.lines('connection')).toEqual(['close'])
    if (!socket.destroyed) await once(socket, 'close')
    expect(message.complete).toBe(false)
    await raw.closed
  })
})

// RFC 5246 §7.2.1, RFC 9112 §9.8: over TLS half a connection is not closed, whoever says so leaves.
describe('RFC 9112 §8: when a client leaves, its upstream connection is closed [H31, HTTP-28]', () => {
  const leaving: [string, (raw: RawSocket, tcp: Socket) => void][] = [
    ['by closing', (raw) => raw.socket.end()],
    ['without a word', (raw) => raw.socket.destroy()],
    ['by a reset', (_, tcp) => tcp.resetAndDestroy()],
  ]
  /** A connection whose bytes below TLS are at hand. */
  async function layered(): Promise<[RawSocket, Socket]> {
    const tcp = connect(open.gateway.port, '127.0.0.1')
    return [await openSocket(open.fixture, open.gateway, { socket: tcp }), tcp]
  }

  test.each(leaving)('before the answer, %s', async (_, leave) => {
    open.upstream.answer = () => {}
    const arrival = open.upstream.nextRequest()
    const [raw, tcp] = await layered()
    raw.write(get('/open'))
    const { socket } = await arrival
    const closed = once(socket, 'close')
    leave(raw, tcp)
    await closed
  })

  test.each(leaving)('amid the answer, %s', async (_, leave) => {
    open.upstream.answer = ({ socket }) =>
      void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhello')
    const arrival = open.upstream.nextRequest()
    const [raw, tcp] = await layered()
    const begun = once(raw.socket, 'data')
    raw.write(get('/open'))
    const { socket } = await arrival
    await begun
    const closed = once(socket, 'close')
    leave(raw, tcp)
    await closed
  })

  test.each(leaving)('amid its content, %s', async (_, leave) => {
    open.upstream.answer = () => {}
    const arrival = open.upstream.nextRequest()
    const [raw, tcp] = await layered()
    raw.write(post(['Transfer-Encoding: chunked'], '5\r\nhello\r\n'))
    const request = await arrival
    const closed = once(request.socket, 'close')
    leave(raw, tcp)
    await closed
    expect(request.message.complete).toBe(false)
  })
})

describe('RFC 9110 §15.5.2: a 401 of the upstream [BT-6, U18]', () => {
  const authorized = () => get('/closed', [`Authorization: Bearer ${token}`, 'Connection: close'])

  test('without a challenge gets those of the route', async () => {
    open.upstream.answer = ({ socket }) => void socket.write(response(401, [], 'no'))
    const raw = await connection()
    raw.write(authorized())
    const [answer] = await raw.rest()
    expect(answer?.status).toBe(401)
    const schemes = answer?.lines('www-authenticate').map((line) => line.split(',')[0])
    expect(schemes).toEqual([`Bearer realm="${HOST}"`, `DPoP realm="${HOST}"`])
  })

  test('with one keeps it', async () => {
    const challenge = 'WWW-Authenticate: Bearer realm="inner"'
    open.upstream.answer = ({ socket }) => void socket.write(response(401, [challenge], 'no'))
    const raw = await connection()
    raw.write(authorized())
    expect((await raw.rest())[0]?.lines('www-authenticate')).toEqual(['Bearer realm="inner"'])
  })
})
