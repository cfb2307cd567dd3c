/**
 * The same gateway over both versions of HTTP: one table, and behind it what only streams have.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { OK, response } from '../support/faulty-upstream.ts'
import { API, HOST, RESOURCES } from '../support/fixture.ts'
import {
  createHttp2Caller,
  type Http2Client,
  openHttp2,
  readAnswer,
} from '../support/http2-client.ts'
import { CODE, FrameSocket, openFrames, pseudo } from '../support/http2-frames.ts'
import { type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'
import {
  ALGS,
  type ExpectedRefusal,
  expectNonce,
  expectRefusal,
  REALM,
  refusedToken,
} from '../support/refusal.ts'
import { probe } from '../support/tls-probe.ts'

const LISTEN = `
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
  alpn: [h2, http/1.1]
`
const ORIGIN = 'https://app.example'

/** Behind each challenge is where the metadata are. */
function partly(expected: ExpectedRefusal): ExpectedRefusal {
  const challenges = expected.challenges.map((line): string => expect.stringContaining(line))
  return { ...expected, challenges }
}

let open: OpenGateway
let clients: Record<'mtls' | 'dpop', Client>
let tokens: Record<'mtls' | 'dpop', string>

beforeAll(async () => {
  open = await startOpenGateway(
    `  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK, cors: { origins: ["${ORIGIN}"] } }
  - { id: nonced, match: GET /nonced, scopes: [accounts], dpop_freshness: { nonce: required }, upstream: $BANK }
  - { id: slow, match: /slow, public: true, upstream: slow }
  - { id: upload, match: POST /upload, scopes: [accounts], upstream: raw }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
dpop: { nonce: { mode: off } }
defaults: { limits: { body: 64KiB } }
resource_metadata: true
`,
    ', timeouts: { response_headers: 10m, idle_body: 10m } }\n  slow: { url: "$UPSTREAM", timeouts: { response_headers: 100ms }',
    LISTEN,
  )
  const { fixture, gateway } = open
  clients = {
    mtls: await fixture.client('mtls', gateway, { http2: true }),
    dpop: await fixture.client('dpop', gateway, { http2: true }),
  }
  const asked = { scope: 'accounts', resource: RESOURCES.jwt }
  tokens = {
    mtls: (await clients.mtls.token(asked)).accessToken,
    dpop: (await clients.dpop.token(asked)).accessToken,
  }
})
afterAll(() => open.close())
beforeEach(() => {
  open.upstream.answer = ({ socket }) => void socket.write(OK)
})

describe.each([
  ['1.1', createCaller],
  ['2.0', createHttp2Caller],
])('HTTP/%s', (version, create) => {
  let caller: Caller
  let stranger: Caller

  beforeAll(() => {
    const { fixture, gateway } = open
    caller = create(fixture, gateway, fixture.certificates.mtls)
    stranger = create(fixture, gateway)
    return () => {
      caller.close()
      stranger.close()
    }
  })

  const proofOf = (change: object = {}) =>
    signProof(clients.dpop.dpopKeys, {
      method: 'GET',
      url: `${API}/accounts`,
      accessToken: tokens.dpop,
      ...change,
    })
  const refusing = (by: Caller) => ({ fixture: open.fixture, gateway: open.gateway, caller: by })

  test('RFC 8705 §3: a token is good with its certificate [HTTP-22]', async () => {
    const id = randomUUID()
    const fields = ['Authorization', `Bearer ${tokens.mtls}`, 'X-FAPI-Interaction-ID', id]
    const answer = await caller.send({ path: '/accounts?page=1', fields })
    expect(answer).toMatchObject({ status: 200 })
    expect(answer.lines('x-fapi-interaction-id')).toEqual([id])
    expect(JSON.parse(answer.body)).toMatchObject({ accounts: [{ accountId: '22289' }, {}] })
    expect(open.fixture.reached.at(-1)?.url).toBe('/accounts?page=1')
    expect(await open.gateway.accessLine(id)).toMatchObject({
      http: version,
      status: 200,
      outcome: 'ok',
      client_id: 'mtls',
      sender: 'mtls',
    })
  })

  // RFC 9113 §9.2.3: what was not asked for in the handshake cannot be asked for later.
  test('RFC 9325 §3.6: the certificate is that of the handshake: without one it stays away [TLS-11]', async () => {
    const fields = ['Authorization', `Bearer ${tokens.mtls}`]
    await expectRefusal(
      refusing(stranger),
      { fields },
      partly(refusedToken('tls_client_cert_missing')),
    )
  })

  test('RFC 9449 §4.3: a proof is compared with the configured URL, whatever port was called [DPOP-H2-1]', async () => {
    const fields = (proof: string) => [
      'Host',
      `${HOST}:8443`,
      'Authorization',
      `DPoP ${tokens.dpop}`,
      'DPoP',
      proof,
    ]
    expect((await stranger.send({ fields: fields(await proofOf()) })).status).toBe(200)
    const other = await proofOf({ url: `https://${HOST}:8443/accounts` })
    await expectRefusal(
      refusing(stranger),
      { fields: fields(other) },
      partly({
        status: 401,
        challenges: [
          `DPoP ${REALM}, error="invalid_dpop_proof", error_description="dpop_htu_mismatch", ${ALGS}`,
          `Bearer ${REALM}`,
        ],
        error: 'invalid_dpop_proof',
        reason: 'dpop_htu_mismatch',
      }),
    )
  })

  test('RFC 9449 §8: a nonce is asked for, and taken', async () => {
    const send = async (nonce?: string) => {
      const proof = await proofOf({ url: `${API}/nonced`, ...(nonce && { nonce }) })
      return stranger.send({
        path: '/nonced',
        fields: ['Authorization', `DPoP ${tokens.dpop}`, 'DPoP', proof],
      })
    }
    const refused = await send()
    expect(refused.status).toBe(401)
    expectNonce(refused, true)
    // The bank knows no such path: it was asked.
    expect((await send(refused.lines('dpop-nonce')[0])).status).toBe(404)
  })

  test('RFC 6750 §3: refusals have their challenges', async () => {
    await expectRefusal(
      refusing(caller),
      {},
      partly({
        status: 401,
        challenges: [`Bearer ${REALM}`, `DPoP ${REALM}, ${ALGS}`],
        reason: 'token_missing',
      }),
    )
  })

  test('RFC 9110 §15.5: so have those about the request', async () => {
    expect((await caller.send({ path: '/nothing' })).status).toBe(404)
    const method = await caller.send({ method: 'DELETE' })
    expect(method.status).toBe(405)
    expect(method.lines('allow')).toEqual(['GET, HEAD'])
    expect((await caller.send({ path: '/accounts/..' })).status).toBe(400)
    expect((await caller.send({ path: '/accounts?access_token=a' })).status).toBe(400)
    expect((await caller.send({ path: `/open/${'a'.repeat(8192)}` })).status).toBe(414)
    expect((await caller.send({ fields: ['Expect', 'a-miracle'] })).status).toBe(417)
  })

  test('RFC 9728 §3: metadata are published, and preflights answered', async () => {
    const metadata = await stranger.send({ path: '/.well-known/oauth-protected-resource' })
    expect(JSON.parse(metadata.body)).toMatchObject({ resource: API })
    const preflight = await stranger.send({
      method: 'OPTIONS',
      fields: ['Origin', ORIGIN, 'Access-Control-Request-Method', 'GET'],
    })
    expect(preflight).toMatchObject({ status: 204, body: '' })
    expect(preflight.lines('access-control-allow-origin')).toEqual([ORIGIN])
  })

  test('RFC 9110 §8.6: content goes both ways, and none where there is none', async () => {
    const content = 'a'.repeat(65_536)
    open.upstream.answer = ({ socket }) => void socket.write(response(200, [], content))
    const sent = await caller.send({ method: 'POST', path: '/open', body: content })
    expect(sent).toMatchObject({ status: 200, body: content })
    const head = await caller.send({ method: 'HEAD', path: '/open' })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(head.lines('content-length')).toEqual(['65536'])
    open.upstream.answer = ({ socket }) =>
      void socket.write('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n')
    const unchanged = await caller.send({ path: '/open' })
    expect(unchanged).toMatchObject({ status: 304, body: '' })
  })

  test('RFC 9110 §15.3.6: a 205 has no content, and does not announce any', async () => {
    open.upstream.answer = ({ socket }) => void socket.write(response(205, [], 'smuggled'))
    const answer = await caller.send({ path: '/open' })
    expect(answer).toMatchObject({ status: 205, body: '' })
    expect(answer.lines('content-length')).toEqual(['0'])
  })

  test.each(['PROPFIND', 'QUERY', 'M-SEARCH', 'SOURCE', 'TRACE'])(
    'RFC 9110 §9.1: %s is of no route that does not name it',
    async (method) => {
      const before = open.upstream.requests.length
      const answer = await caller.send({ method, path: '/open' })
      expect(answer.status).toBe(405)
      expect(answer.lines('allow')).toEqual(['DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT'])
      expect(await open.reachedSince(before)).toEqual([])
    },
  )

  test('RFC 9110 §9.1: nor is a method that is none', async () => {
    const before = open.upstream.requests.length
    const answer = await caller.send({ method: 'FOO', path: '/open' })
    // Node's parser of HTTP/1 has a list of its own.
    expect(answer.status).toBe(version === '2.0' ? 405 : 400)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('RFC 9110 §15.5.14: content that is too large is answered 413', async () => {
    const answer = await caller.send({ method: 'POST', path: '/open', body: 'a'.repeat(65_537) })
    expect(answer).toMatchObject({ status: 413 })
  })

  test('RFC 9110 §15.6: an upstream that is late is answered 504', async () => {
    open.upstream.answer = () => {}
    expect((await caller.send({ path: '/slow' })).status).toBe(504)
  })

  test('RFC 9110 §5.5: bytes beyond ASCII in a value are the same bytes behind us', async () => {
    const value = 'caf\xe9'
    open.upstream.answer = ({ socket }) =>
      void socket.write(Buffer.from(response(200, [`X-Name: ${value}`]), 'latin1'))
    const before = open.upstream.requests.length
    const answer = await caller.send({ path: '/open', fields: ['X-Name', value] })
    expect(answer.lines('x-name')).toEqual([value])
    expect(open.upstream.requests[before]?.message.fields).toContain(value)
  })

  test('RFC 9110 §5.3: lines of a response stay lines', async () => {
    open.upstream.answer = ({ socket }) =>
      void socket.write(
        response(200, ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'Connection: x-hop', 'X-Hop: 1']),
      )
    const answer = await caller.send({ path: '/open' })
    expect(answer.lines('set-cookie')).toEqual(['a=1', 'b=2'])
    expect(answer.lines('x-hop')).toEqual([])
    if (version === '2.0') expect(answer.lines('connection')).toEqual([])
  })

  test('what an upstream says twice is passed on, as in HTTP/1: the request has been done', async () => {
    const twice = 'X-Content-Type-Options: nosniff\r\nETag: "a"\r\nExpires: 0\r\n'
    open.upstream.answer = ({ socket }) =>
      void socket.write(`HTTP/1.1 200 OK\r\n${twice}${twice}Content-Length: 0\r\n\r\n`)
    expect((await caller.send({ path: '/open' })).status).toBe(200)
    open.upstream.answer = ({ socket }) => void socket.write(OK)
  })

  test('RFC 9110 §5.5: a value that no client may be sent is answered 502', async () => {
    open.upstream.answer = ({ socket }) => void socket.write(response(200, ['X-Bell: a\x07b']))
    expect((await caller.send({ path: '/open' })).status).toBe(502)
  })
})

describe('real clients over HTTP/2', () => {
  test.each(['mtls', 'dpop'] as const)(
    'oauth4webapi, with a token bound by %s [HTTP-22]',
    async (binding) => {
      const id = randomUUID()
      const reply = await clients[binding].call(`${API}/accounts`, {
        accessToken: tokens[binding],
        headers: { 'x-fapi-interaction-id': id },
      })
      expect(reply).toMatchObject({ status: 200, challenges: [] })
      expect(await open.gateway.accessLine(id)).toMatchObject({ http: '2.0', sender: binding })
    },
  )
})

describe('streams', () => {
  let client: Http2Client

  beforeEach(async () => {
    client = await openHttp2(open.fixture, open.gateway, open.fixture.certificates.mtls)
    return () => client.close()
  })

  const frames = async () => {
    const { certificate, key } = open.fixture.certificates.mtls
    return openFrames(open.fixture, open.gateway, [], { cert: certificate, key })
  }

  test.each([
    [
      'authorization',
      'authorization_several',
      () => ['authorization', `Bearer ${tokens.mtls}`, 'authorization', `Bearer ${tokens.mtls}`],
    ],
    [
      'dpop',
      'dpop_proof_several',
      () => ['authorization', `DPoP ${tokens.dpop}`, 'dpop', 'a', 'dpop', 'a'],
    ],
  ])('RFC 9449 §4.3 (1): two lines of %s are two [DPOP-H2-1]', async (_, reason, fields) => {
    const socket = await frames()
    const id = randomUUID()
    socket.request(1, [...pseudo('/accounts'), ...fields(), 'x-fapi-interaction-id', id])
    expect(await socket.end(1)).toMatch(/^status 40[01]$/)
    expect(await open.gateway.accessLine(id)).toMatchObject({ reason })
    socket.raw.socket.destroy()
  })

  test('RFC 9113 §8.2.3: a cookie in crumbs is one line upstream', async () => {
    const before = open.upstream.requests.length
    await client.send({ cookie: ['a=1', 'b=2'] as unknown as string })
    const { fields } = open.upstream.requests[before]!.message
    expect(fields[fields.indexOf('cookie') + 1]).toBe('a=1; b=2')
    expect(fields[fields.indexOf('Via') + 1]).toMatch(/^2\.0 fapi-gateway-[0-9a-f]{8}$/)
  })

  test('RFC 9113 §8.1: what comes behind the content is not read: neither token nor field [H2-216]', async () => {
    const before = open.upstream.requests.length
    const trailers = {
      authorization: `Bearer ${tokens.mtls}`,
      dpop: 'proof',
      'x-client-id': 'evil',
    }
    const send = (path: string) => {
      const stream = client.session.request(
        { ':path': path, ':authority': HOST, ':method': 'POST' },
        { waitForTrailers: true },
      )
      stream.on('wantTrailers', () => stream.sendTrailers(trailers))
      const answer = readAnswer(stream)
      stream.end('content')
      return answer
    }
    expect((await send('/upload')).status).toBe(401)
    expect((await send('/open')).status).toBe(200)
    const reached = await open.forwardedSince(before)
    expect(reached).toHaveLength(1)
    const bytes = open.upstream.received[reached[0]!.connection]!.toString('latin1')
    expect(bytes).toContain('content')
    expect(bytes).not.toMatch(/proof|evil|Bearer/)
  })

  test('RFC 9110 §10.1.1: content is asked for when the request was authorized, and not before', async () => {
    const upload = (fields: object) => {
      const stream = client.begin(
        { ':path': '/upload', ':method': 'POST', expect: '100-continue', ...fields },
        false,
      )
      let asked = false
      stream.on('continue', () => {
        asked = true
        stream.end('content')
      })
      return readAnswer(stream).then(({ status }) => ({ status, asked }))
    }
    expect(await upload({})).toEqual({ status: 401, asked: false })
    const authorization = `Bearer ${tokens.mtls}`
    expect(await upload({ authorization })).toEqual({ status: 200, asked: true })
  })

  test('RFC 9113 §8.1: a refused upload is answered and stopped, and the connection goes on', async () => {
    const stream = client.begin({ ':path': '/upload', ':method': 'POST' }, false)
    stream.write('a')
    expect(await readAnswer(stream)).toMatchObject({ status: 401, code: CODE.none })
    expect((await client.send()).status).toBe(200)
  })

  test('RFC 9110 §15.5.14: content without a length that becomes too large is answered 413, and never whole upstream', async () => {
    const before = open.upstream.requests.length
    open.upstream.answer = () => {}
    const stream = client.begin({ ':path': '/open', ':method': 'POST' }, false)
    const answer = readAnswer(stream)
    stream.end('a'.repeat(65_537))
    expect((await answer).status).toBe(413)
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    for (const { message } of await open.forwardedSince(before))
      expect(message.complete).toBe(false)
    expect((await client.send()).status).toBe(200)
  })

  test('RFC 9113 §8.1: a response that breaks off upstream is reset, and never ends well', async () => {
    open.upstream.answer = ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
      setTimeout(() => socket.destroy(), 20)
    }
    const id = randomUUID()
    const answer = await client.send({ 'x-fapi-interaction-id': id })
    expect(answer).toMatchObject({ status: 200, body: 'hello', code: CODE.internal })
    expect(await open.gateway.accessLine(id)).toMatchObject({ outcome: 'upstream_error' })
    // Without a length nothing but the end says that it was whole.
    open.upstream.answer = ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
      setTimeout(() => socket.destroy(), 20)
    }
    expect(await client.send()).toMatchObject({ status: 200, code: CODE.internal })
  })

  test('RFC 9113 §8.1: content that is stopped by an early answer is never whole upstream', async () => {
    const arrived = open.upstream.nextRequest('POST /open/early')
    open.upstream.answer = () => {}
    const stream = client.begin({ ':path': '/open/early', ':method': 'POST' }, false)
    const answer = readAnswer(stream)
    stream.write('hello')
    const { socket, connection } = await arrived
    const released = once(socket, 'close')
    socket.write(response(200, [], 'enough'))
    expect(await answer).toMatchObject({ status: 200, body: 'enough', code: CODE.none })
    await released
    expect(open.upstream.received[connection]?.toString('latin1')).not.toMatch(/\r\n0\r\n/)
    open.upstream.answer = ({ socket: it }) => void it.write(OK)
    expect((await client.send()).status).toBe(200)
  })

  test('RFC 9113 §5.4.2: a stream that the client resets lets its upstream go, others go on', async () => {
    const arrived = open.upstream.nextRequest('GET /open/left')
    open.upstream.answer = () => {}
    const id = randomUUID()
    const stream = client.begin({ ':path': '/open/left', 'x-fapi-interaction-id': id })
    const { socket } = await arrived
    const released = once(socket, 'close')
    stream.close(CODE.cancel)
    await released
    expect(await open.gateway.accessLine(id)).toMatchObject({ outcome: 'client_closed', status: 0 })
    open.upstream.answer = ({ socket: it }) => void it.write(OK)
    expect((await client.send()).status).toBe(200)
  })

  test('clients that leave while the upstream is slow hold nothing of it [H2-217]', async () => {
    open.upstream.answer = () => {}
    const before = open.upstream.requests.length
    const closing = await Promise.all([1, 2].map(() => openHttp2(open.fixture, open.gateway)))
    const cutting = await Promise.all([1, 2].map(() => openFrames(open.fixture, open.gateway)))
    for (let i = 0; i < 10; i++) {
      for (const one of closing) one.begin({ ':path': '/open/storm' })
      for (const one of cutting) one.request(2 * i + 1, pseudo('/open/storm'))
    }
    await expect.poll(() => open.upstream.requests.length - before).toBe(40)
    const sockets = open.upstream.requests.slice(before).map(({ socket }) => socket)
    for (const one of closing) one.close()
    for (const { raw } of cutting) raw.socket.destroy()
    await expect.poll(() => sockets.every(({ closed }) => closed)).toBe(true)
    await expect
      .poll(
        async () =>
          /fapigw_http_requests_in_flight\{[^}]*\} (\d+)/.exec(await open.gateway.metrics())?.[1],
      )
      .toBe('0')
  })
})

describe('RFC 7301 §3.2: of the protocols that a client names comes one of the listener, or none [TLS-13]', () => {
  test.each<[string[] | undefined, string | false]>([
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1', 'h2'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [['h2'], 'h2'],
    [undefined, false],
  ])('of %j comes %s', async (protocols, alpn) => {
    const options = protocols === undefined ? {} : { ALPNProtocols: protocols }
    expect(await probe(open.fixture, open.gateway, options)).toMatchObject({ alpn })
  })

  test.each([[['http/1.0']], [['h2c']], [['h3', 'spdy/3', 'HTTP/1.1']]])(
    '%j is refused',
    async (ALPNProtocols) => {
      expect(await probe(open.fixture, open.gateway, { ALPNProtocols })).toMatch(
        /NO_APPLICATION_PROTOCOL$/,
      )
    },
  )

  test('where HTTP/2 alone is spoken, who names no protocol is let go', async () => {
    const gateway = await open.fixture.gateway(`version: 1
profile: fapi2-security
listen: { address: 127.0.0.1:0, public_url: https://$HOST, certificate: server.crt, key: server.key, alpn: [h2] }
routes:
  - { id: open, match: /open, public: true, upstream: "${open.upstream.url}" }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
    const raw = await openSocket(open.fixture, gateway)
    raw.write(`GET /open HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    expect(await raw.rest()).toEqual([])
    expect(await probe(open.fixture, gateway, { ALPNProtocols: ['http/1.1'] })).toMatch(
      /NO_APPLICATION_PROTOCOL$/,
    )
    const client = await openHttp2(open.fixture, gateway)
    expect((await client.send()).status).toBe(200)
    client.close()
    await gateway.close()
  })

  // RFC 9113 §9.2.2.
  test('with TLS 1.2 too, whose suites are all ephemeral and authenticated', async () => {
    const raw = await openSocket(open.fixture, open.gateway, {
      ALPNProtocols: ['h2'],
      maxVersion: 'TLSv1.2',
    })
    expect(raw.socket.getProtocol()).toBe('TLSv1.2')
    expect(raw.socket.getCipher().standardName).toMatch(/^TLS_(EC)?DHE_.*_(GCM|POLY1305)_/)
    const socket = new FrameSocket(raw)
    socket.begin()
    socket.request(1, pseudo())
    expect(await socket.end(1)).toBe('status 200')
    raw.socket.destroy()
  })
})
