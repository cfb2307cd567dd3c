import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { loadFromDisk } from '../../src/adapter/files.ts'
import type { Client } from '../../src/demo/client.ts'
import { TOKEN_NOT_ACCEPTED } from '../../src/failure/failure.ts'
import { acceptOf } from '../../src/http/websocket.ts'
import { linesOf } from '../support/caller.ts'
import { sumOf } from '../support/exposition.ts'
import {
  type FaultyUpstream,
  OK,
  response,
  startFaultyUpstream,
} from '../support/faulty-upstream.ts'
import {
  API,
  type Fixture,
  HOST,
  RESOURCES,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { get } from '../support/open-gateway.ts'
import {
  type Answer,
  expectClosingRefusal,
  openSocket,
  type RawSocket,
} from '../support/raw-socket.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
]
const SWITCHING = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Accept: ${acceptOf(KEY)}`,
]

/** The head of a 101. */
function switching(lines: readonly string[] = SWITCHING): string {
  return [...lines, '', ''].join('\r\n')
}

const YAML = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
upstreams:
  echo: { url: "$ECHO", timeouts: { response_headers: 1s } }
  raw: { url: "$RAW", timeouts: { response_headers: 1s } }
routes:
  - { id: events, match: GET /events/**, scopes: [accounts], upstream: echo, websocket: true }
  - { id: payments, match: GET /payments, scopes: [payments], upstream: echo, websocket: true }
  - { id: raw, match: { paths: [/raw/**] }, public: true, upstream: raw, websocket: true }
  - { id: plain, match: { paths: [/plain/**] }, public: true, upstream: raw }
shutdown: { ready_off_for: 0s, drain: 200ms }
`

let fixture: Fixture
let raw: FaultyUpstream
let echo: EchoServer
let yaml: string
let gateway: TestGateway
let mint: Mint
let dpop: Client

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  raw = await startFaultyUpstream()
  echo = await startEchoServer()
  yaml = YAML.replace('$ECHO', echo.url).replace('$RAW', raw.url)
  gateway = await fixture.gateway(yaml)
  dpop = await fixture.client('dpop', gateway)
  const honest = createMint(signing, fixture.as.issuer)
  const cnf = { 'x5t#S256': fixture.certificates.mtls.thumbprint }
  mint = (claims, header) => honest({ cnf, ...claims }, header)
})
afterAll(async () => {
  await fixture.close()
  await Promise.all([raw.close(), echo.close()])
})
beforeEach(() => {
  raw.answer = ({ socket, line }) => void socket.write(line.endsWith('/last') ? OK : switching())
})

const clients: WebSocket[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate()
})

interface EchoServer {
  readonly url: string
  readonly sockets: Set<WebSocket>
  /** Names and values in turn, of the last handshake. */
  fields: readonly string[]
  path: string
  close(): Promise<void>
}

/** A real WebSocket server that sends back what it gets. */
async function startEchoServer(): Promise<EchoServer> {
  const server = createServer((_, answer) => void answer.end('plain'))
  const acceptor = new WebSocketServer({
    server,
    perMessageDeflate: true,
    handleProtocols: (offered) => [...offered][0] ?? false,
    verifyClient: ({ req }, done) => done(!req.url?.endsWith('/forbidden'), 403, 'not you'),
  })
  acceptor.on('connection', (socket, request) => {
    echoServer.fields = request.rawHeaders
    echoServer.path = request.url ?? ''
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const echoServer: EchoServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets: acceptor.clients,
    fields: [],
    path: '',
    async close() {
      for (const socket of acceptor.clients) socket.terminate()
      server.closeAllConnections()
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
  return echoServer
}

interface Opening {
  readonly path?: string
  readonly protocols?: string[]
  readonly headers?: Record<string, string>
  readonly certificate?: 'mtls' | 'stranger' | 'dpop'
  readonly to?: TestGateway
}

/** A WebSocket client of its own make, and what it is answered where it is not let in. */
function dial(opening: Opening = {}): WebSocket {
  const { path = '/events/1', protocols = [], headers = {}, certificate = 'mtls' } = opening
  const { certificate: cert, key } = fixture.certificates[certificate]
  const { port } = opening.to ?? gateway
  const tls = { servername: HOST }
  const client = new WebSocket(`wss://127.0.0.1:${port}${path}`, protocols, {
    ...tls,
    ca: fixture.authority.certificate,
    cert,
    key,
    headers: { Host: HOST, ...headers },
  })
  client.on('error', () => {})
  clients.push(client)
  return client
}

async function dialOpen(claims?: Record<string, unknown>, more: Opening = {}): Promise<WebSocket> {
  const headers = { Authorization: `Bearer ${await mint(claims)}`, ...more.headers }
  const client = dial({ ...more, headers })
  await once(client, 'open')
  return client
}

async function refusal(opening: Opening) {
  const client = dial(opening)
  const [, answer] = await once(client, 'unexpected-response')
  const chunks: Buffer[] = await Array.fromAsync(answer)
  const body = JSON.parse(String(Buffer.concat(chunks)))
  return { status: answer.statusCode, rawHeaders: answer.rawHeaders as string[], body }
}

/** A connection with a handshake sent on it. */
async function shake(
  target: string,
  fields: readonly string[] = HANDSHAKE,
  behind = '',
  to = gateway,
): Promise<RawSocket> {
  const client = await openSocket(fixture, to)
  client.write(get(target, fields) + behind)
  return client
}

/** What reached the upstream of bytes since; an honest request behind shows that it has seen it all. */
async function reachedSince(before: number): Promise<string[]> {
  const client = await openSocket(fixture, gateway)
  client.write(get('/plain/last', ['Connection: close']))
  expect((await client.rest())[0]?.status).toBe(200)
  return raw.requests.slice(before, -1).map(({ line }) => line)
}

const open = () => gateway.metrics().then((text) => sumOf(text, 'fapigw_websocket_tunnels'))
const inFlight = () =>
  gateway.metrics().then((text) => sumOf(text, 'fapigw_http_requests_in_flight'))

describe('RFC 6455 §1.3: a WebSocket is opened for who passes the checks of its route [HTTP-23]', () => {
  test('messages of any size travel both ways, and the upstream is told who it is', async () => {
    const client = await dialOpen({}, { path: '/events/7?x=1', protocols: ['v2', 'v1'] })
    expect(client.protocol).toBe('v2')
    expect(client.extensions).toBe('permessage-deflate')
    expect(echo.path).toBe('/events/7?x=1')
    expect(linesOf(echo.fields, 'x-client-id')).toEqual(['minted'])
    expect(linesOf(echo.fields, 'authorization')).toEqual([])
    expect(linesOf(echo.fields, 'upgrade')).toEqual(['websocket'])
    expect(linesOf(echo.fields, 'connection')).toEqual(['upgrade'])

    const large = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * i) % 251))
    for (const message of [Buffer.from('hello'), large]) {
      client.send(message)
      const [echoed] = await once(client, 'message')
      expect(message.equals(echoed)).toBe(true)
    }
    client.close(1000)
    expect((await once(client, 'close'))[0]).toBe(1000)
  })

  test('DPoP is asked as of any GET: htu is the https form of the URL', async () => {
    const { accessToken } = await dpop.token({ scope: 'accounts', resource: RESOURCES.jwt })
    const url = `${API}/events/1`
    const proof = await dpop.makeProof({ method: 'GET', url, accessToken })
    const headers = { Authorization: `DPoP ${accessToken}`, DPoP: proof }
    const first = await refusal({ headers, certificate: 'dpop' })
    expect(first.body.error).toBe('use_dpop_nonce')
    const [nonce = ''] = linesOf(first.rawHeaders, 'dpop-nonce')
    const second = await dpop.makeProof({ method: 'GET', url, accessToken, nonce })
    const client = dial({ headers: { ...headers, DPoP: second }, certificate: 'dpop' })
    await once(client, 'open')
    expect(
      (await refusal({ headers: { ...headers, DPoP: second }, certificate: 'dpop' })).body,
    ).toMatchObject({ error_description: 'dpop_replayed' })
  })

  test('one access line when it has ended, with its bytes, and gauges while it is open', async () => {
    const id = randomUUID()
    await expect.poll(open).toBe(0)
    await expect.poll(inFlight).toBe(0)
    const client = await dialOpen({}, { headers: { 'x-fapi-interaction-id': id } })
    expect(await open()).toBe(1)
    expect(await inFlight()).toBe(1)
    expect(gateway.lines.join()).not.toContain(id)
    client.send('hello')
    await once(client, 'message')
    client.close()
    await once(client, 'close')
    expect(await gateway.accessLine(id)).toMatchObject({
      route: 'events',
      status: 101,
      outcome: 'ok',
      client_id: 'minted',
      tunnel_end: expect.stringMatching(/^(client|upstream)$/),
      bytes_in: expect.any(Number),
      bytes_out: expect.any(Number),
    })
    const { bytes_in, bytes_out } = await gateway.accessLine(id)
    expect(Number(bytes_in)).toBeGreaterThan(10)
    expect(Number(bytes_out)).toBeGreaterThan(6)
    await expect.poll(open).toBe(0)
    await expect.poll(inFlight).toBe(0)
  })

  test('a GET that asks for none is served as any', async () => {
    const client = await openSocket(fixture, gateway)
    client.write(get('/raw/plain', ['Connection: close']))
    raw.answer = ({ socket }) => void socket.write(OK)
    expect((await client.rest()).map(({ status }) => status)).toEqual([200])
  })
})

describe('RFC 9110 §7.8: no tunnel without the checks: the refusal is that of any request [HTTP-23]', () => {
  test.each<[string, () => Promise<Opening>, number, string | undefined]>([
    ['without a token', async () => ({}), 401, undefined],
    [
      'with the certificate of another',
      async () => ({ headers: await bearer(), certificate: 'stranger' }),
      401,
      'cnf_x5t_mismatch',
    ],
    [
      'with a token that is over',
      async () => ({ headers: await bearer({ exp: 1 }) }),
      401,
      TOKEN_NOT_ACCEPTED,
    ],
    [
      'with too little scope',
      async () => ({ headers: await bearer(), path: '/payments' }),
      403,
      'scope_insufficient',
    ],
    ['for another host', async () => ({ headers: { Host: 'x.example' } }), 421, 'host_not_served'],
    ['on a path that is no route', async () => ({ path: '/none' }), 404, 'route_not_found'],
  ])('%s', async (_, opening, status, reason) => {
    const before = echo.path
    echo.path = 'nothing'
    const answer = await refusal(await opening())
    expect(answer.status).toBe(status)
    if (reason !== undefined) expect(answer.body.error_description).toContain(reason)
    expect(linesOf(answer.rawHeaders, 'x-fapi-interaction-id')).toHaveLength(1)
    expect(linesOf(answer.rawHeaders, 'connection')).toEqual(['close'])
    expect(linesOf(answer.rawHeaders, 'www-authenticate').length > 0).toBe(
      status === 401 || status === 403,
    )
    expect(echo.path).toBe('nothing')
    echo.path = before
  })

  const bearer = async (claims?: Record<string, unknown>) => ({
    Authorization: `Bearer ${await mint(claims)}`,
  })

  test('what the upstream answers instead is handed on', async () => {
    const client = dial({ path: '/events/forbidden', headers: await bearer() })
    const [, answer] = await once(client, 'unexpected-response')
    expect(answer.statusCode).toBe(403)
    expect(String(Buffer.concat(await Array.fromAsync(answer)))).toBe('not you')
  })

  test('also where it is large', async () => {
    const body = 'a'.repeat(5_000_000)
    raw.answer = ({ socket }) => void socket.write(response(426, ['Upgrade: x'], body))
    const [answer, ...others] = await (await shake('/raw/large')).rest()
    expect(answer?.status).toBe(426)
    expect(answer?.complete).toBe(true)
    expect(answer?.body.length).toBe(body.length)
    expect(answer?.lines('connection')).toEqual(['close'])
    expect(others).toEqual([])
  })
})

describe('RFC 6455 §4.1: a 101 that is no answer to the handshake is answered 502', () => {
  test.each<[string, string[]]>([
    [
      'the digest of another key',
      [...SWITCHING.slice(0, 3), `Sec-WebSocket-Accept: ${acceptOf('')}`],
    ],
    ['no digest', SWITCHING.slice(0, 3)],
    ['another protocol', SWITCHING.map((line) => line.replace(': websocket', ': h2c'))],
    ['no protocol', ['HTTP/1.1 101 S']],
    ['a subprotocol that nobody offered', [...SWITCHING, 'Sec-WebSocket-Protocol: v1']],
    ['an extension that nobody offered', [...SWITCHING, 'Sec-WebSocket-Extensions: x']],
  ])('%s [U08]', async (_, lines) => {
    raw.answer = ({ socket }) => void socket.write(switching(lines))
    const arrival = raw.nextRequest()
    const client = await shake('/raw/bad')
    const { socket } = await arrival
    const [answer, ...others] = await client.rest()
    expect(answer?.status).toBe(502)
    expect(JSON.parse(String(answer?.body)).error_description).toBe('upstream_response_invalid')
    expect(others).toEqual([])
    if (!socket.destroyed) await once(socket, 'close')
  })

  test('no answer is answered 504', async () => {
    raw.answer = () => {}
    expect((await (await shake('/raw/silent')).rest()).map(({ status }) => status)).toEqual([504])
  })
})

/** The two ends of a tunnel, without a WebSocket in between. */
async function rawTunnel(
  behind = '',
  to = gateway,
): Promise<{ client: RawSocket; answer: Answer; end: Socket }> {
  const arrival = raw.nextRequest()
  const client = await shake('/raw/open', HANDSHAKE, behind, to)
  const { socket } = await arrival
  return { client, answer: await client.response(), end: socket }
}

describe('a tunnel of bytes', () => {
  test('RFC 9110 §7.8: the 101 has its fields once, those of the gateway, and no length', async () => {
    const more = ['Server: x', 'Content-Length: 5', 'Keep-Alive: timeout=5', 'DPoP-Nonce: theirs']
    raw.answer = ({ socket }) => void socket.write(switching([...SWITCHING, ...more]))
    const { answer } = await rawTunnel()
    expect(answer.status).toBe(101)
    expect(answer.lines('upgrade')).toEqual(['websocket'])
    expect(answer.lines('connection')).toEqual(['Upgrade'])
    expect(answer.lines('sec-websocket-accept')).toEqual([acceptOf(KEY)])
    expect(answer.lines('x-fapi-interaction-id')).toHaveLength(1)
    for (const name of [
      'server',
      'content-length',
      'transfer-encoding',
      'keep-alive',
      'dpop-nonce',
    ]) {
      expect(answer.lines(name)).toEqual([])
    }
  })

  test('bytes that either side sent early arrive, and first', async () => {
    raw.answer = ({ socket }) => void socket.write(`${switching()}from above `)
    const { client, end } = await rawTunnel('from below ')
    client.write('and more')
    end.end('and more')
    const connection = raw.requests.at(-1)?.connection ?? -1
    await expect.poll(() => String(raw.received[connection])).toMatch(/from below and more$/)
    await client.closed
    expect(String(client.pending)).toBe('from above and more')
  })

  test('a side that does not read stops the other', async () => {
    const { client, end } = await rawTunnel()
    client.socket.removeAllListeners('data')
    client.socket.pause()
    const chunk = Buffer.alloc(65_536, 'a')
    const most = 64_000_000
    let taken = 0
    const more = () => {
      while (taken < most) {
        taken += chunk.length
        if (!end.write(chunk)) return void end.once('drain', more)
      }
      end.end()
    }
    more()
    // Until nothing has moved for a while: then all buffers in between are full.
    for (let still = 0, last = -1; still < 10; last = taken) {
      still = taken === last ? still + 1 : 0
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    expect(taken).toBeLessThan(most)
    let given = 0
    client.socket.on('data', (bytes: Buffer) => {
      given += bytes.length
    })
    client.socket.resume()
    await client.closed
    expect(given).toBe(taken)
  })

  test.each<[string, (client: Socket, end: Socket) => void, string]>([
    ['the client leaves', (client) => client.destroy(), 'client'],
    ['the client ends', (client) => client.end(), 'client'],
    ['the upstream breaks', (_, end) => void end.resetAndDestroy(), 'upstream'],
    ['the upstream ends', (_, end) => void end.end(), 'upstream'],
  ])('%s: the other is let go', async (_, leave, by) => {
    const { client, answer, end } = await rawTunnel()
    const [id = ''] = answer.lines('x-fapi-interaction-id')
    leave(client.socket, end)
    if (!end.destroyed) end.resume()
    await client.closed
    if (!end.destroyed) {
      end.end()
      await once(end, 'close')
    }
    expect(await gateway.accessLine(id)).toMatchObject({ tunnel_end: by, status: 101 })
  })

  test('one that is silent for limits.idle is closed', async () => {
    const own = await fixture.gateway(`${yaml}limits: { idle: 1s }\n`)
    const { client, answer, end } = await rawTunnel('', own)
    const [id = ''] = answer.lines('x-fapi-interaction-id')
    await Promise.all([client.closed, once(end, 'close')])
    expect(await own.accessLine(id)).toMatchObject({ tunnel_end: 'idle' })
    await own.close()
  })
})

test('RFC 6750 §5.3: a tunnel ends with its token, however busy it is', async () => {
  const id = randomUUID()
  const now = Math.floor(Date.now() / 1000)
  const client = await dialOpen({ exp: now + 3 }, { headers: { 'x-fapi-interaction-id': id } })
  const timer = setInterval(() => client.readyState === WebSocket.OPEN && client.send('x'), 50)
  expect((await once(client, 'close'))[0]).toBe(1006)
  clearInterval(timer)
  expect(await gateway.accessLine(id)).toMatchObject({ tunnel_end: 'token_expired' })
  await expect.poll(() => echo.sockets.size).toBe(0)
})

describe('RFC 6455 §7.4.1: a gateway that stops says so', () => {
  const GOODBYE = Buffer.from('880203e9', 'hex')
  /** One whose time to drain is not what ends anything. */
  const startPatient = () => fixture.gateway(yaml.replace('drain: 200ms', 'drain: 30s'))

  /** What comes in a tunnel, from behind the head of the 101. */
  function received(client: RawSocket): () => Buffer {
    let all = Buffer.alloc(0)
    client.socket.on('data', (chunk: Buffer) => {
      all = Buffer.concat([all, chunk])
    })
    return () => all.subarray(all.indexOf('\r\n\r\n') + 4)
  }

  async function opened(own: TestGateway) {
    const arrived = raw.nextRequest()
    const client = await openSocket(fixture, own)
    const bytes = received(client)
    client.write(get('/raw/1', HANDSHAKE))
    const { socket } = await arrived
    socket.write(frame('first'))
    await expect.poll(() => bytes().length).toBe(7)
    return { client, bytes, upstream: socket }
  }
  /** A short frame of a server. */
  const frame = (text: string) => Buffer.concat([Buffer.of(0x81, text.length), Buffer.from(text)])

  /** Begins to stop; when this is done nobody is let in any more. */
  async function stop(own: TestGateway): Promise<{ stopped: Promise<boolean> }> {
    const stopped = own.running.close()
    const isOpen = () =>
      new Promise((resolve) => {
        const socket = connect(own.port, '127.0.0.1', () => resolve(true))
        socket.on('error', () => resolve(false))
        socket.unref().destroySoon()
      })
    await expect.poll(isOpen).toBe(false)
    return { stopped }
  }

  test('and both sides end as they would by themselves, in no time', async () => {
    const own = await startPatient()
    const id = randomUUID()
    const client = await dialOpen({}, { to: own, headers: { 'x-fapi-interaction-id': id } })
    const [server] = [...echo.sockets]
    const closed = Promise.all([once(client, 'close'), once(server!, 'close')])
    const stopped = own.running.close()
    const [[ofClient], [ofServer]] = await closed
    expect([ofClient, ofServer]).toEqual([1001, 1001])
    expect(await stopped).toBe(true)
    expect(await own.accessLine(id)).toMatchObject({ tunnel_end: 'gateway', outcome: 'ok' })
  })

  test('behind the frame that is under way, and in the place of those that follow', async () => {
    const own = await startPatient()
    const { client, bytes, upstream } = await opened(own)
    const whole = frame('second')
    upstream.write(whole.subarray(0, 3))
    await expect.poll(() => bytes().length).toBe(10)
    const { stopped } = await stop(own)
    upstream.write(Buffer.concat([whole.subarray(3), frame('third')]))
    await expect.poll(() => bytes().includes(GOODBYE)).toBe(true)
    upstream.write(frame('fourth'))
    upstream.end()
    await client.closed
    expect(bytes()).toEqual(Buffer.concat([frame('first'), whole, GOODBYE]))
    expect(await stopped).toBe(true)
  })

  test('and not where the upstream said it first', async () => {
    const own = await startPatient()
    const { client, bytes, upstream } = await opened(own)
    const close = Buffer.from('880203e8', 'hex')
    upstream.write(close)
    await expect.poll(() => bytes().length).toBe(11)
    const { stopped } = await stop(own)
    upstream.end()
    await client.closed
    expect(bytes()).toEqual(Buffer.concat([frame('first'), close]))
    expect(await stopped).toBe(true)
  })

  test('also to whom it opens while it stops', async () => {
    const own = await startPatient()
    let answer = () => {}
    raw.answer = ({ socket }) => {
      answer = () => void socket.write(switching())
    }
    const arrived = raw.nextRequest()
    const client = await openSocket(fixture, own)
    const bytes = received(client)
    client.write(get('/raw/late', HANDSHAKE))
    const { socket } = await arrived
    const { stopped } = await stop(own)
    answer()
    await expect.poll(() => bytes().toString('hex')).toBe(GOODBYE.toString('hex'))
    socket.end()
    await client.closed
    expect(await stopped).toBe(true)
  })

  test('and ends what is open when its time to drain is over', async () => {
    const own = await fixture.gateway(yaml)
    const { client, bytes } = await opened(own)
    expect(await own.running.close()).toBe(false)
    await client.closed
    expect(bytes()).toEqual(Buffer.concat([frame('first'), GOODBYE]))
  })
})

test('RFC 9325 §7.5: nor does one stay open that was opened by a former trust in certificates', async () => {
  const own = await fixture.gateway(yaml)
  const id = randomUUID()
  const client = await dialOpen({}, { to: own, headers: { 'x-fapi-interaction-id': id } })
  const closed = once(client, 'close')
  const file = join(fixture.folder, 'trust.yaml')
  const { authority, as } = fixture
  await writeFile(join(fixture.folder, 'other.pem'), authority.certificate.repeat(2))
  await writeFile(
    file,
    yaml
      .replace('client_ca: ca.pem', 'client_ca: other.pem')
      .replaceAll('$ISSUER', as.issuer)
      .replaceAll('$HOST', HOST),
  )
  const { configuration, text } = loadFromDisk(file)
  if (configuration === undefined) throw new Error(text)
  expect(await own.running.reload(configuration)).toBeUndefined()
  await closed
  expect(await own.accessLine(id)).toMatchObject({ tunnel_end: 'gateway' })
  await own.close()
})

describe('RFC 9110 §7.8: what is no handshake, or on another route, opens nothing [HTTP-23, H17, H2-218]', () => {
  test.each<[string, string, readonly string[]]>([
    ['a WebSocket on a route without', '/plain/a', HANDSHAKE],
    [
      'h2c on a route without',
      '/plain/a',
      [
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
      ],
    ],
    [
      'h2c on a route of WebSockets',
      '/raw/a',
      [
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
      ],
    ],
    [
      'several protocols',
      '/raw/a',
      [...HANDSHAKE.slice(0, 1), 'Upgrade: websocket, h2c', ...HANDSHAKE.slice(2)],
    ],
  ])('%s is served as if nothing was asked, and the connection ends', async (_, target, fields) => {
    const before = raw.requests.length
    raw.answer = ({ socket }) => void socket.write(OK)
    const client = await shake(target, fields, get('/plain/hidden'))
    const answers = await client.rest()
    expect(answers.map(({ status }) => status)).toEqual([200])
    expect(answers[0]?.lines('connection')).toEqual(['close'])
    expect(await reachedSince(before)).toEqual([`GET ${target}`])
    const { fields: forwarded = [] } = raw.requests[before]?.message ?? {}
    expect(linesOf(forwarded, 'upgrade')).toEqual([])
    expect(linesOf(forwarded, 'http2-settings')).toEqual([])
  })

  test('an upstream that changes the protocol all the same is not followed', async () => {
    const client = await shake('/plain/a', HANDSHAKE, get('/plain/hidden'))
    expect((await client.rest()).map(({ status }) => status)).toEqual([502])
  })

  test.each<[string, readonly string[], string]>([
    ['a length', [`Content-Length: ${get('/plain/hidden').length}`], 'websocket_with_content'],
    ['a length of nothing', ['Content-Length: 0'], 'websocket_with_content'],
    ['chunks', ['Transfer-Encoding: chunked'], 'websocket_with_content'],
    ['another version', ['Sec-WebSocket-Version: 8'], 'websocket_version_unknown'],
    ['two keys', [`Sec-WebSocket-Key: ${KEY}`], 'websocket_key_malformed'],
  ])(
    'a handshake with %s is refused, and what is behind it reaches nobody',
    async (_, more, reason) => {
      const before = raw.requests.length
      const client = await shake('/raw/a', [...HANDSHAKE, ...more], get('/plain/hidden'))
      const [answer, ...others] = await client.rest()
      expectClosingRefusal(answer, 400, reason)
      const version = reason === 'websocket_version_unknown' ? ['13'] : []
      expect(answer?.lines('sec-websocket-version')).toEqual(version)
      expect(others).toEqual([])
      expect(await reachedSince(before)).toEqual([])
    },
  )

  test('h2cSmuggler: a request behind a handshake that is refused reaches nobody', async () => {
    const before = raw.requests.length
    const client = await shake('/events/1', HANDSHAKE, get('/plain/hidden'))
    const [answer, ...others] = await client.rest()
    expect(answer?.status).toBe(401)
    expect(others).toEqual([])
    expect(await reachedSince(before)).toEqual([])
  })

  test('one that is sent before earlier requests are answered is refused behind them', async () => {
    const before = raw.requests.length
    raw.answer = ({ socket }) => void socket.write(OK)
    const client = await openSocket(fixture, gateway)
    client.write(get('/plain/a') + get('/raw/a', HANDSHAKE) + get('/plain/hidden'))
    const [first, second, ...others] = await client.rest()
    expect(first?.status).toBe(200)
    expectClosingRefusal(second, 400, 'websocket_pipelined')
    expect(others).toEqual([])
    expect(await reachedSince(before)).toEqual(['GET /plain/a'])
  })

  test('one on a connection that was used before is opened', async () => {
    const client = await openSocket(fixture, gateway)
    for (let i = 0; i < 3; i++) {
      raw.answer = ({ socket }) => void socket.write(OK)
      client.write(get('/plain/a'))
      expect((await client.response()).status).toBe(200)
    }
    raw.answer = ({ socket }) => void socket.write(switching())
    client.write(get('/raw/a', HANDSHAKE))
    expect((await client.response()).status).toBe(101)
    client.socket.destroy()
  })
})
