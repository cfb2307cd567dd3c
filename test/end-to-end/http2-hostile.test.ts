/**
 * Frames that no library sends. What is malformed reaches no upstream, and who sends it in numbers loses
 * the connection.
 *
 * @module
 */

import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sumOf } from '../support/exposition.ts'
import { OK } from '../support/faulty-upstream.ts'
import { HOST } from '../support/fixture.ts'
import {
  CODE,
  END_HEADERS,
  END_STREAM,
  FRAME,
  type FrameSocket,
  fieldBlock,
  frame,
  openFrames,
  PREFACE,
  pseudo,
  settings,
  uint32,
} from '../support/http2-frames.ts'
import { type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'
import { expectClosingRefusal, sendRaw } from '../support/raw-socket.ts'

const LISTEN = `
  address: 127.0.0.1:0
  public_urls: [ https://$HOST, https://localhost ]
  certificate: server.crt
  key: server.key
  alpn: [h2, http/1.1]
`
const RESETS = { protocol: 'reset 1', calm: 'reset 11' } as const

let open: OpenGateway
let client: FrameSocket

beforeAll(async () => {
  open = await startOpenGateway('', '', LISTEN)
})
afterAll(() => open.close())

beforeEach(async () => {
  open.upstream.answer = ({ socket }) => void socket.write(OK)
  client = await openFrames(open.fixture, open.gateway)
  return () => client.raw.socket.destroy()
})

const post = pseudo('/open', 'POST')
const headers = (stream: number, fields: readonly string[], flags = END_STREAM) =>
  frame(FRAME.headers, flags | END_HEADERS, stream, fieldBlock(fields))
const data = (content: string, flags = END_STREAM, stream = 1) =>
  frame(FRAME.data, flags, stream, content)
const reset = (stream: number, code: number = CODE.cancel) =>
  frame(FRAME.reset, 0, stream, uint32(code))
const grow = (stream: number, by: number) => frame(FRAME.windowUpdate, 0, stream, uint32(by))
const repeat = (count: number, one: Buffer): Buffer[] => Array.from({ length: count }, () => one)

/** Honest clients are served, and nothing of this one is left. */
async function expectAlive(): Promise<void> {
  const other = await openFrames(open.fixture, open.gateway)
  other.request(1, pseudo('/open/honest'))
  expect(await other.end(1)).toBe('status 200')
  other.raw.socket.destroy()
  await expect
    .poll(async () => sumOf(await open.gateway.metrics(), 'fapigw_http_requests_in_flight'))
    .toBe(0)
}

async function refusals(reason: string): Promise<number> {
  return sumOf(await open.gateway.metrics(), 'fapigw_denials_total', { reason }) ?? 0
}

describe('RFC 9113 §8.1-8.3: a request that HTTP/1.1 might read otherwise [HTTP-22, H2-211, H2-212]', () => {
  const without = (name: string) => pseudo().toSpliced(pseudo().indexOf(name), 2)
  const instead = (name: string, value: string) => pseudo().with(pseudo().indexOf(name) + 1, value)

  test.each<[string, readonly string[], string]>([
    ['Transfer-Encoding', [...pseudo(), 'transfer-encoding', 'chunked'], RESETS.protocol],
    [
      'Transfer-Encoding in capitals',
      [...pseudo(), 'Transfer-Encoding', 'chunked'],
      RESETS.protocol,
    ],
    ['Connection', [...pseudo(), 'connection', 'x-fapi-interaction-id'], RESETS.protocol],
    ['Proxy-Connection', [...pseudo(), 'proxy-connection', 'close'], RESETS.protocol],
    ['Keep-Alive', [...pseudo(), 'keep-alive', 'timeout=5'], RESETS.protocol],
    ['Upgrade', [...pseudo(), 'upgrade', 'h2c'], RESETS.protocol],
    ['TE other than trailers', [...pseudo(), 'te', 'gzip'], RESETS.protocol],
    ['a name in capitals', [...pseudo(), 'X-Upper', 'a'], RESETS.protocol],
    ['a length without content', [...pseudo(), 'content-length', '5'], RESETS.protocol],
    ['two lengths', [...pseudo(), 'content-length', '0', 'content-length', '0'], RESETS.protocol],
    ['a list of lengths', [...pseudo(), 'content-length', '0, 0'], RESETS.protocol],
    ['a length with a sign', [...pseudo(), 'content-length', '+0'], RESETS.protocol],
    ['another Host', [...pseudo(), 'host', 'evil.example'], 'status 400'],
    ['another Host, ours as well', [...pseudo(), 'host', 'localhost'], 'status 400'],
    ['two Hosts', [...pseudo(), 'host', HOST, 'host', HOST], RESETS.protocol],
    ['two paths', [...pseudo(), ':path', '/open/b'], RESETS.protocol],
    ['two methods', [...pseudo(), ':method', 'POST'], RESETS.protocol],
    [
      'a pseudo-field behind others',
      [...without(':path'), 'x', 'y', ':path', '/open'],
      RESETS.protocol,
    ],
    ['a pseudo-field of responses', [...pseudo(), ':status', '200'], RESETS.protocol],
    [
      'extended CONNECT',
      [...pseudo('/open', 'CONNECT'), ':protocol', 'websocket'],
      RESETS.protocol,
    ],
    ['a protocol', [...pseudo(), ':protocol', 'websocket'], RESETS.protocol],
    ['no path', without(':path'), RESETS.protocol],
    ['no method', without(':method'), RESETS.protocol],
    ['no scheme', without(':scheme'), RESETS.protocol],
    ['no authority', without(':authority'), RESETS.protocol],
    ['a path without a slash', pseudo('open'), RESETS.protocol],
    ['a URL for a path', pseudo(`https://${HOST}/open`), RESETS.protocol],
    ['a path with a line end', pseudo('/open HTTP/1.1\r\nx: y'), RESETS.protocol],
    ['a path with a space', pseudo('/open x'), RESETS.protocol],
    ['a method with a path', pseudo('/open', 'GET /x'), RESETS.protocol],
    ['no method at all', pseudo('/open', ''), RESETS.protocol],
    ['an authority with a user', instead(':authority', `a@${HOST}`), RESETS.protocol],
    ['an authority with a line end', instead(':authority', `${HOST}\r\nx: y`), RESETS.protocol],
    ['the scheme http', instead(':scheme', 'http'), 'status 400'],
    ['a scheme with a path', instead(':scheme', 'https://evil.example/?'), RESETS.protocol],
    ['CONNECT', [':method', 'CONNECT', ':authority', `${HOST}:443`], 'status 405'],
    ['the target *', pseudo('*', 'OPTIONS'), 'status 400'],
    ['HEAD with content to come', pseudo('/open', 'HEAD'), 'status 400'],
  ])('%s is refused, and reaches nobody', async (what, fields, end) => {
    const before = open.upstream.requests.length
    const isOpen = /CONNECT|content to come/.test(what)
    client.request(1, fields, isOpen ? 0 : END_STREAM)
    expect(await client.end(1)).toBe(end)
    expect(await open.reachedSince(before)).toEqual([])
    // RFC 9113 §6.8: whoever sends what is malformed is let go, and not only heard no more.
    if (end === 'status 400') expect(await client.goaway()).toBe(CODE.none)
  })

  // The library leaves such fields out, so nobody reads them.
  test.each([
    ['a line end in a value', 'x', 'a\r\ntransfer-encoding: chunked'],
    ['a line end in Transfer-Encoding', 'transfer-encoding', 'chunked\r\n'],
    ['a line feed in a value', 'x', 'a\nb: c'],
    ['a NUL in a value', 'x', 'a\0b'],
    ['a line end in a name', 'x\r\ny', 'a'],
    ['a space in a name', 'transfer-encoding ', 'chunked'],
    ['a line feed in a name', 'transfer-encoding\n', 'chunked'],
    ['a colon in a name', 'x:y', 'a'],
    ['no name', '', 'a'],
    ['white space before a value', 'x', ' a'],
    ['a line end in credentials', 'cookie', 'a=1\r\nx: y'],
  ])('%s is never forwarded', async (_, name, value) => {
    const before = open.upstream.requests.length
    client.request(1, [...pseudo(), name, value])
    await client.end(1)
    for (const { message } of await open.forwardedSince(before)) {
      const names = message.fields.filter((_, i) => i % 2 === 0).map((it) => it.toLowerCase())
      expect(names.filter((it) => /^(x|x.*y|b|transfer-encoding.*|cookie|)$/s.test(it))).toEqual([])
    }
  })

  test.each([
    ['more content than it says', '3', 'hello'],
    ['less content than it says', '10', 'hello'],
  ])('%s is never whole upstream', async (_, length, content) => {
    const before = open.upstream.requests.length
    open.upstream.answer = () => {}
    client.write(headers(1, [...post, 'content-length', length], 0), data(content))
    expect(await client.end(1)).toMatch(/^(reset 1|goaway 2)$/)
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    const reached = await open.forwardedSince(before)
    expect(reached.filter(({ message }) => message.complete)).toEqual([])
    await expectAlive()
  })

  test.each([
    ['without an error', CODE.none],
    ['with one', CODE.cancel],
  ])('content that is reset %s amid its way is never whole upstream', async (_, code) => {
    const arrived = open.upstream.nextRequest('POST /open')
    open.upstream.answer = () => {}
    client.write(headers(1, post, 0), data('hello', 0))
    const { socket } = await arrived
    const closed = new Promise((resolve) => socket.once('close', resolve))
    client.write(reset(1, code))
    await closed
    const last = open.upstream.requests.findLast(({ line }) => line === 'POST /open')
    expect(last?.message.complete).toBe(false)
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    await expectAlive()
  })
})

test('RFC 9110 §7.4: a stream for another host than that of the handshake is answered 421, others go on [H2-213, HTTP-5]', async () => {
  const before = open.upstream.requests.length
  client.request(1, pseudo().with(5, 'localhost'))
  client.request(3, pseudo().with(5, 'other.example'))
  client.request(5, pseudo('/open/after'))
  expect(await client.end(1)).toBe('status 421')
  expect(await client.end(3)).toBe('status 421')
  expect(await client.end(5)).toBe('status 200')
  expect(await open.reachedSince(before)).toEqual(['GET /open/after'])
  expect(await refusals('host_is_not_sni')).toBe(1)
})

describe('RFC 9113 §10.5: a client that costs more than it sends loses its connection', () => {
  test('streams that are reset at once [H2-202]', async () => {
    const before = open.upstream.requests.length
    const frames = Array.from({ length: 2500 }, (_, i) => [
      headers(2 * i + 1, pseudo('/open/rapid')),
      reset(2 * i + 1),
    ])
    client.write(...frames.flat())
    await client.raw.closed
    expect(open.upstream.requests.length - before).toBeLessThan(200)
    expect(await refusals('http2_resets_too_many')).toBeGreaterThan(0)
    await expectAlive()
  })

  test('streams that are reset when they have reached the upstream [H2-202]', async () => {
    const before = open.upstream.requests.length
    open.upstream.answer = () => {}
    for (let id = 1; id < 1000; id += 2) {
      const arrived = open.upstream.nextRequest(`GET /open/${id}`)
      client.request(id, pseudo(`/open/${id}`))
      const isOver = await Promise.race([
        arrived.then(() => false),
        client.raw.closed.then(() => true),
      ])
      if (isOver) break
      client.write(reset(id))
    }
    expect(await client.goaway()).toBe(CODE.calm)
    expect(open.upstream.requests.length - before).toBeLessThan(110)
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    await expectAlive()
  })

  test('resets of a client that is served most of the time are none of it', async () => {
    for (let id = 1; id < 600; id += 4) {
      client.request(id, pseudo())
      client.request(id + 2, pseudo())
      expect(await client.end(id + 2)).toBe('status 200')
      client.write(reset(id))
    }
    await client.settle()
    expect(client.raw.socket.closed).toBe(false)
  })

  test('CVE-2025-8671: streams that it makes the gateway reset [H2-203]', async () => {
    const before = open.upstream.requests.length
    open.upstream.answer = () => {}
    for (let id = 1; id < 1000; id += 2) {
      client.write(headers(id, [...post, 'content-length', '10'], 0), data('hello', END_STREAM, id))
      if ((await client.end(id)) !== RESETS.protocol) break
    }
    await client.raw.closed
    expect(open.upstream.requests.length - before).toBeLessThan(110)
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    await expectAlive()
  })

  test.each([
    ['PING', frame(FRAME.ping, 0, 0, '12345678')],
    ['SETTINGS', settings()],
  ])('many %s, each answered before the next [H2-206]', async (_, one) => {
    const before = await refusals('http2_frames_too_many')
    for (let i = 0; i < 200 && !client.raw.socket.closed; i++) {
      const answers = client.frames.length
      client.write(one)
      await client.find(() => client.frames.length > answers)
    }
    expect(await client.goaway()).toBe(CODE.calm)
    expect(await refusals('http2_frames_too_many')).toBe(before + 1)
  })

  test('a head without end [H2-204]', async () => {
    const more = frame(FRAME.continuation, 0, 1, fieldBlock(['x', 'y']))
    client.write(frame(FRAME.headers, 0, 1, fieldBlock(pseudo())), ...repeat(1000, more))
    await client.raw.closed
    await expectAlive()
  })

  test('a table of fields that grows by being named [H2-205]', async () => {
    const before = open.upstream.requests.length
    // RFC 7541 §6.2.1: 3000 bytes that the table keeps; §6.1: and again, a byte each.
    const kept = Buffer.concat([
      Buffer.of(0x40, 1, 0x78, 127, ((3000 - 127) % 128) | 128, Math.floor((3000 - 127) / 128)),
      Buffer.alloc(3000, 'a'),
    ])
    const block = Buffer.concat([fieldBlock(pseudo()), kept, Buffer.alloc(4000, 0xbe)])
    client.write(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, block))
    expect(await client.end(1)).toBe(RESETS.calm)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('a table larger than the gateway keeps [H2-205]', async () => {
    const size = Buffer.of(0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f)
    const block = Buffer.concat([size, fieldBlock(pseudo())])
    client.write(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, block))
    expect(await client.goaway()).toBe(CODE.compression)
    await client.raw.closed
  })

  test.each<[string, Buffer[]]>([
    ['PING', repeat(2000, frame(FRAME.ping, 0, 0, '12345678'))],
    ['SETTINGS', repeat(2000, settings())],
    ['empty DATA', [headers(1, post, 0), ...repeat(2000, data('', 0))]],
    ['RST_STREAM of streams that are none', [reset(1)]],
  ])('a flood of %s [H2-206]', async (_, frames) => {
    client.write(...frames)
    await client.raw.closed
    await expectAlive()
  })

  // RFC 9113 §5.3.2, §6.9: neither is answered or kept, so nobody is worse off.
  test.each([
    ['PRIORITY', frame(FRAME.priority, 0, 1, Buffer.concat([uint32(0), Buffer.of(1)]))],
    ['WINDOW_UPDATE', grow(0, 1)],
  ])('a flood of %s costs nothing: what comes behind it is served [H2-206]', async (_, one) => {
    client.write(...repeat(5000, one))
    client.request(1, pseudo())
    expect(await client.end(1)).toBe('status 200')
  })
})

describe('RFC 9113 §5.4.1: an error of the connection ends it, and nothing is left', () => {
  test.each<[string, Buffer[], number]>([
    ['a window that overflows', [headers(1, post, 0), grow(0, 0x7fffffff)], CODE.flowControl],
    ['a window that grows by nothing', [headers(1, post, 0), grow(0, 0)], CODE.protocol],
    ['content of no stream', [data('x')], CODE.protocol],
    [
      'a push',
      [frame(FRAME.push, END_HEADERS, 1, Buffer.concat([uint32(2), fieldBlock(pseudo())]))],
      CODE.protocol,
    ],
    ['a setting out of range', [settings([4, 0x80000000])], CODE.flowControl],
    ['a stream of even number', [headers(2, pseudo())], CODE.protocol],
    [
      'fields that cannot be decoded',
      [frame(FRAME.headers, END_HEADERS, 1, Buffer.alloc(6, 0xff))],
      CODE.compression,
    ],
  ])('%s [H2-207]', async (_, frames, code) => {
    const before = await refusals('http_malformed')
    client.write(...frames)
    // What the gateway does not read any more may take its last word away with it.
    expect([code, undefined]).toContain(await client.goaway())
    await client.raw.closed
    expect(await refusals('http_malformed')).toBe(before + 1)
    await expectAlive()
  })

  test('a client that says goodbye with streams open, and then resets them [H2-207]', async () => {
    open.upstream.answer = () => {}
    const arrived = open.upstream.nextRequest('POST /open')
    client.write(headers(1, post, 0), data('x', 0))
    const { socket } = await arrived
    const released = new Promise((resolve) => socket.once('close', resolve))
    client.write(frame(FRAME.goaway, 0, 0, uint32(0, 0)), reset(1))
    await client.raw.closed
    await released
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    await expectAlive()
  })

  test('CVE-2025-59465: fields that cannot be decoded, and then no connection [H2-208]', async () => {
    for (let i = 0; i < 20; i++) {
      const other = await openFrames(open.fixture, open.gateway)
      other.write(frame(FRAME.headers, END_HEADERS, 1, Buffer.alloc(6, 0xff)))
      if (i % 2 === 0) other.raw.socket.end()
      else other.raw.socket.destroy()
    }
    await expectAlive()
  })
})

describe('sizes', () => {
  const lines = (count: number) =>
    Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? `x-${i}` : 'a'))

  // The authority is one of them.
  test('RFC 6585 §5: a hundred fields are read, one more is answered 431, and many are not heard out', async () => {
    const before = open.upstream.requests.length
    client.request(1, [...pseudo(), ...lines(99)])
    client.request(3, [...pseudo(), ...lines(100)])
    client.request(5, [...pseudo(), ...lines(130)])
    expect(await client.end(1)).toBe('status 200')
    expect(await client.end(3)).toBe('status 431')
    expect(await client.end(5)).toBe(RESETS.calm)
    expect(await open.reachedSince(before)).toHaveLength(1)
  })

  test.each([
    [true, RESETS.calm],
    // Until then no limit is in force.
    [false, 'status 431'],
  ])(
    'RFC 9113 §6.5.2: fields of more than 16 KiB are refused, the setting acknowledged: %s',
    async (knows, end) => {
      client.acknowledges = knows
      const before = open.upstream.requests.length
      if (knows) {
        await client.find(({ type, flags }) => type === FRAME.settings && flags === 0)
        await client.settle()
      }
      client.request(1, [...pseudo(), 'x', 'a'.repeat(16_384 - 350)])
      client.request(3, [...pseudo(), 'x', 'a'.repeat(16_384 - 150)])
      expect(await client.end(1)).toBe('status 200')
      expect(await client.end(3)).toBe(end)
      expect(await open.reachedSince(before)).toHaveLength(1)
    },
  )

  test.each([
    [true, `goaway ${CODE.protocol}`],
    [false, `reset ${CODE.refused}`],
  ])(
    'RFC 9113 §5.1.2: more than a hundred streams at a time are refused, the setting acknowledged: %s [H2-214]',
    async (knows, end) => {
      client.acknowledges = knows
      open.upstream.answer = () => {}
      const before = open.upstream.requests.length
      const said = await client.find(({ type, flags }) => type === FRAME.settings && flags === 0)
      expect(settingsOf(said?.payload)).toMatchObject({ 2: 0, 3: 100, 4: 65_536, 6: 16_384 })
      await client.settle()
      for (let i = 0; i < 150; i++) client.request(2 * i + 1, pseudo('/open/many'))
      expect(await client.end(201)).toBe(end)
      expect(await client.end(299)).toBe(end)
      client.raw.socket.destroy()
      open.upstream.answer = ({ socket }) => void socket.write(OK)
      await expectAlive()
      expect(open.upstream.requests.slice(before).length).toBeLessThanOrEqual(101)
    },
  )
})

/** RFC 9113 §6.5.1. */
function settingsOf(payload: Buffer = Buffer.alloc(0)): Record<number, number> {
  const entries: Record<number, number> = {}
  for (let at = 0; at < payload.length; at += 6) {
    entries[payload.readUInt16BE(at)] = payload.readUInt32BE(at + 2)
  }
  return entries
}

describe('RFC 9113 §3: HTTP/2 is spoken where the handshake chose it, and nowhere else [H2-218]', () => {
  test('in plain', async () => {
    const socket = connect(open.gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(Buffer.concat([Buffer.from(PREFACE), settings(), headers(1, pseudo())]))
    await closed
    await expectAlive()
  })

  test('on a connection of HTTP/1.1', async () => {
    const answers = await sendRaw(open.fixture, open.gateway, PREFACE)
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 400, 'http_malformed')
  })

  test('HTTP/1.1 on a connection of HTTP/2', async () => {
    const before = open.upstream.requests.length
    client.raw.write(`GET /open HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    await client.raw.closed
    expect(await open.reachedSince(before)).toEqual([])
  })
})
