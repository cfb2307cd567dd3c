/**
 * RFC 9113 §4 to §8, frame by frame: what is answered, what is passed over, and what ends a stream or the
 * connection. The same questions that tools for the conformance of HTTP/2 ask.
 *
 * @module
 */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OK } from '../support/faulty-upstream.ts'
import {
  ACK,
  CODE,
  END_HEADERS,
  END_STREAM,
  FRAME,
  type FrameSocket,
  fieldBlock,
  frame,
  openFrames,
  PADDED,
  PREFACE,
  PRIORITY,
  pseudo,
  settings,
  uint32,
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

const LARGEST = 16_384
const post = pseudo('/open', 'POST')
const block = fieldBlock(pseudo())
const headers = (stream: number, fields: readonly string[] = pseudo(), flags = END_STREAM) =>
  frame(FRAME.headers, flags | END_HEADERS, stream, fieldBlock(fields))
const data = (stream: number, content: Buffer | string, flags = END_STREAM) =>
  frame(FRAME.data, flags, stream, content)
const more = (stream: number, content: Buffer | string = '', flags = END_HEADERS) =>
  frame(FRAME.continuation, flags, stream, content)
const priority = (stream: number, on = 0, length = 5) =>
  frame(
    FRAME.priority,
    0,
    stream,
    Buffer.concat([uint32(on), Buffer.alloc(16)]).subarray(0, length),
  )
const reset = (stream: number, length = 4) => frame(FRAME.reset, 0, stream, Buffer.alloc(length, 0))
const grow = (stream: number, by: number) => frame(FRAME.windowUpdate, 0, stream, uint32(by))
const ping = (flags = 0, stream = 0, length = 8) =>
  frame(FRAME.ping, flags, stream, Buffer.alloc(length, 1))
const table = (block: readonly number[]) =>
  Buffer.concat([fieldBlock(pseudo()), Buffer.of(...block)])

describe('RFC 9113 §5.4.1: the connection ends', () => {
  test.each<[string, Buffer[], number]>([
    [
      '§4.2: content larger than may be',
      [headers(1, post, 0), data(1, Buffer.alloc(LARGEST + 1))],
      CODE.frameSize,
    ],
    [
      '§4.2: a head larger than may be',
      [frame(FRAME.headers, 5, 1, Buffer.alloc(LARGEST + 1))],
      CODE.frameSize,
    ],
    [
      '§4.2: a frame of no known type larger than may be',
      [frame(0xbb, 0, 0, Buffer.alloc(LARGEST + 1))],
      CODE.frameSize,
    ],
    [
      '§4.3: PRIORITY amid a head',
      [frame(FRAME.headers, END_STREAM, 1, block), priority(1)],
      CODE.protocol,
    ],
    [
      '§4.3: a head amid a head',
      [frame(FRAME.headers, END_STREAM, 1, block), headers(3)],
      CODE.protocol,
    ],
    ['§4.3: content amid a head', [frame(FRAME.headers, 0, 1, block), data(1, 'x')], CODE.protocol],
    ['§4.3: PING amid a head', [frame(FRAME.headers, END_STREAM, 1, block), ping()], CODE.protocol],
    [
      '§4.3: the rest of another head',
      [frame(FRAME.headers, END_STREAM, 1, block), more(3)],
      CODE.protocol,
    ],
    ['§5.1: content of a stream that is idle', [data(1, 'x')], CODE.protocol],
    ['§5.1: RST_STREAM of one', [reset(1)], CODE.protocol],
    ['§5.1: WINDOW_UPDATE of one', [grow(1, 1)], CODE.protocol],
    ['§5.1: the rest of a head of one', [more(1, block)], CODE.protocol],
    [
      '§5.1: content of a stream whose other side is closed',
      [headers(1), data(1, 'x')],
      CODE.streamClosed,
    ],
    ['§5.1: a head of one', [headers(1), headers(1)], CODE.streamClosed],
    ['§5.1: the rest of a head of one', [headers(1), more(1, block)], CODE.protocol],
    ['§5.1.1: a stream of even number', [headers(2)], CODE.protocol],
    [
      '§5.5: a frame of no known type amid a head',
      [frame(FRAME.headers, END_STREAM, 1, block), frame(0xbb, 0, 1, 'x')],
      CODE.protocol,
    ],
    ['§6.1: content of the connection', [data(0, 'x')], CODE.protocol],
    [
      '§6.1: content with more padding than there is',
      [headers(1, post, 0), data(1, '\x06hello', PADDED)],
      CODE.protocol,
    ],
    ['§6.2: a head of the connection', [headers(0)], CODE.protocol],
    [
      '§6.2: a head with more padding than there is',
      [frame(FRAME.headers, END_HEADERS | PADDED, 1, '\xffab')],
      CODE.protocol,
    ],
    ['§6.4: RST_STREAM of the connection', [reset(0)], CODE.protocol],
    ['§6.4: RST_STREAM that is too short', [headers(1, post, 0), reset(1, 3)], CODE.frameSize],
    ['§6.4: RST_STREAM that is too long', [headers(1, post, 0), reset(1, 5)], CODE.frameSize],
    ['§6.5: SETTINGS of a stream', [frame(FRAME.settings, 0, 1, Buffer.alloc(6))], CODE.protocol],
    [
      '§6.5: SETTINGS whose length is no multiple of six',
      [frame(FRAME.settings, 0, 0, Buffer.alloc(5))],
      CODE.frameSize,
    ],
    [
      '§6.5: SETTINGS that acknowledge and set',
      [frame(FRAME.settings, ACK, 0, Buffer.alloc(6))],
      CODE.frameSize,
    ],
    ['§6.5.2: ENABLE_PUSH that is neither', [settings([2, 2])], CODE.protocol],
    ['§6.5.2: INITIAL_WINDOW_SIZE beyond 2^31-1', [settings([4, 0x80000000])], CODE.flowControl],
    ['§6.5.2: MAX_FRAME_SIZE below 2^14', [settings([5, LARGEST - 1])], CODE.protocol],
    ['§6.5.2: MAX_FRAME_SIZE beyond 2^24-1', [settings([5, 2 ** 24])], CODE.protocol],
    [
      '§6.6: PUSH_PROMISE',
      [headers(1, post, 0), frame(FRAME.push, END_HEADERS, 1, Buffer.concat([uint32(2), block]))],
      CODE.protocol,
    ],
    ['§6.7: PING of a stream', [ping(0, 1)], CODE.protocol],
    ['§6.7: PING that is too short', [ping(0, 0, 7)], CODE.frameSize],
    ['§6.7: PING that is too long', [ping(0, 0, 9)], CODE.frameSize],
    ['§6.8: GOAWAY of a stream', [frame(FRAME.goaway, 0, 1, uint32(0, 0))], CODE.protocol],
    ['§6.9: a window of the connection that grows by nothing', [grow(0, 0)], CODE.protocol],
    [
      '§6.9: WINDOW_UPDATE that is too short',
      [frame(FRAME.windowUpdate, 0, 0, Buffer.alloc(3))],
      CODE.frameSize,
    ],
    [
      '§6.9: WINDOW_UPDATE that is too long',
      [frame(FRAME.windowUpdate, 0, 0, Buffer.alloc(5))],
      CODE.frameSize,
    ],
    ['§6.9.1: a window of the connection beyond 2^31-1', [grow(0, 0x7fffffff)], CODE.flowControl],
    [
      '§6.9.2: a window that a setting takes beyond it',
      [headers(1, post, 0), grow(1, 0x7ffffffe - 65_535), settings([4, 65_545])],
      CODE.flowControl,
    ],
    [
      '§6.10: the rest of a head of the connection',
      [frame(FRAME.headers, END_STREAM, 1, block), more(0)],
      CODE.protocol,
    ],
    [
      '§6.10: the rest of a head that is whole',
      [headers(1, post, 0), more(1, block)],
      CODE.protocol,
    ],
    [
      '§6.10: the rest of a head behind content',
      [headers(1, post, 0), data(1, 'x', 0), more(1, block)],
      CODE.protocol,
    ],
    [
      'RFC 7541 §2.3.3: an index beyond both tables',
      [frame(FRAME.headers, 5, 1, table([0xff, 0xff, 0x00]))],
      CODE.compression,
    ],
    ['RFC 7541 §6.1: the index 0', [frame(FRAME.headers, 5, 1, table([0x80]))], CODE.compression],
    [
      'RFC 7541 §4.2: a new size of the table behind a field',
      [frame(FRAME.headers, 5, 1, table([0x20]))],
      CODE.compression,
    ],
    [
      'RFC 7541 §6.3: a size beyond the setting',
      [frame(FRAME.headers, 5, 1, Buffer.concat([Buffer.of(0x3f, 0xe2, 0x1f), block]))],
      CODE.compression,
    ],
    [
      'RFC 7541 §5.2: Huffman code with eight bits of padding',
      [frame(FRAME.headers, 5, 1, table([0, 0x84, 0xf2, 0xb2, 0x4a, 0x8a, 1, 0x61]))],
      CODE.compression,
    ],
    [
      'RFC 7541 §5.2: Huffman code padded by zeros',
      [frame(FRAME.headers, 5, 1, table([0, 0x83, 0xf2, 0xb2, 0x40, 1, 0x61]))],
      CODE.compression,
    ],
    [
      'RFC 7541 §5.2: Huffman code with its end sign',
      [frame(FRAME.headers, 5, 1, table([0, 0x84, 0xff, 0xff, 0xff, 0xff, 1, 0x61]))],
      CODE.compression,
    ],
    [
      'RFC 7541 §5.1: a number without end',
      [frame(FRAME.headers, 5, 1, table([0x7f, ...Array(20).fill(0xff)]))],
      CODE.compression,
    ],
    [
      'RFC 7541 §5.2: a text longer than its block',
      [frame(FRAME.headers, 5, 1, table([0, 0x7e, 0x61]))],
      CODE.compression,
    ],
  ])('%s', async (_, frames, code) => {
    const before = open.upstream.requests.length
    client.write(...frames)
    // What the gateway does not read any more may take its last word away with it.
    expect([code, undefined]).toContain(await client.goaway())
    await client.raw.closed
    expect((await open.reachedSince(before)).length).toBeLessThanOrEqual(1)
  })
})

describe('RFC 9113 §5.4.2: the stream ends, and others go on', () => {
  const length = (said: number) => headers(1, [...post, 'content-length', String(said)], 0)

  test.each<[string, Buffer[]]>([
    ['§8.1: trailers that are not the end', [headers(1, post, 0), headers(1, ['x', 'y'], 0)]],
    ['§8.1: trailers with a pseudo-field', [headers(1, post, 0), headers(1, [':path', '/'])]],
    ['§8.2: trailers with a name in capitals', [headers(1, post, 0), headers(1, ['X', 'y'])]],
    ['§8.2.2: trailers of a connection', [headers(1, post, 0), headers(1, ['upgrade', 'x'])]],
    ['§8.3: an unknown pseudo-field', [headers(1, [...pseudo(), ':x', 'y'])]],
    ['§8.3.1: an empty path', [headers(1, pseudo(''))]],
    ['§8.5: CONNECT without an authority', [headers(1, [':method', 'CONNECT'])]],
    ['§8.1.1: less content than was said', [length(5), data(1, 'four')]],
    ['§8.1.1: the same in two frames', [length(5), data(1, 'fo', 0), data(1, 'ur')]],
    ['§8.1.1: trailers before all of the content', [length(5), headers(1, ['x', 'y'])]],
  ])('%s', async (_, frames) => {
    client.write(...frames)
    client.request(3, pseudo('/open/other'))
    expect(await client.end(1)).toBe('reset 1')
    expect(await client.end(3)).toBe('status 200')
  })

  // RFC 9113 §5.4: "An endpoint can end a connection at any time. In particular, an endpoint MAY choose to
  // treat a stream error as a connection error."
  test.each<[string, Buffer[], number]>([
    ['§8.1.1: more content than was said', [length(3), data(1, 'four')], CODE.internal],
    ['§6.3: PRIORITY that is too short', [headers(1, post, 0), priority(1, 0, 4)], CODE.frameSize],
    ['§6.3: PRIORITY that is too long', [headers(1, post, 0), priority(1, 0, 6)], CODE.frameSize],
    ['§6.9: a window that grows by nothing', [headers(1, post, 0), grow(1, 0)], CODE.protocol],
    [
      '§6.9.1: a window beyond 2^31-1',
      [headers(1, post, 0), grow(1, 0x7fffffff)],
      CODE.flowControl,
    ],
  ])('%s ends the connection, which is stricter', async (_, frames, code) => {
    client.write(...frames)
    expect([code, undefined]).toContain(await client.goaway())
    await client.raw.closed
  })

  test('§6.4: RST_STREAM, whatever its code', async () => {
    open.upstream.answer = ({ socket, line }) => {
      if (line === 'GET /open') socket.write(OK)
    }
    for (const [index, code] of [CODE.none, CODE.cancel, 0xffffffff].entries()) {
      const arrived = open.upstream.nextRequest(`POST /open/${index}`)
      const stream = 2 * index + 1
      client.write(headers(stream, pseudo(`/open/${index}`, 'POST'), 0), data(stream, 'x', 0))
      const { socket } = await arrived
      const released = new Promise((resolve) => socket.once('close', resolve))
      client.write(frame(FRAME.reset, 0, stream, uint32(code)))
      await released
    }
    client.request(7, pseudo())
    expect(await client.end(7)).toBe('status 200')
  })
})

describe('RFC 9113 §4.1, §5.5: what is passed over, and what comes behind is served', () => {
  test.each<[string, Buffer[]]>([
    ['§4.1: a frame of no known type', [frame(0xbb, 0xff, 0, 'x'), frame(0xbb, 0, 1, 'x')]],
    ['§4.1: the same without content', [frame(0xbb, 0, 3)]],
    [
      '§5.5: ALTSVC, ORIGIN and PRIORITY_UPDATE',
      [10, 12, 16].map((it) => frame(it, 0, 0, 'abcde')),
    ],
    ['§4.1: flags that have no meaning', [ping(0xf6)]],
    ['§4.1: the reserved bit', [frame(FRAME.windowUpdate, 0, 0, uint32(0x80000001))]],
    ['§6.5.2: a setting that nobody knows', [settings([0x99, 7], [0xffff, 0xffffffff])]],
    ['§6.5: no settings at all', [settings()]],
    ['§6.5.3: the same setting several times', [settings([4, 1], [4, 65_535])]],
    [
      '§5.3.2: PRIORITY of streams in any state',
      [priority(7), headers(1), priority(1), priority(9, 7)],
    ],
    // RFC 7540 §5.3.1 had it an error; RFC 9113 §5.3.2 has it ignored with everything about priorities.
    ['§5.3.2: PRIORITY on itself', [priority(3, 3)]],
    // RFC 9113 §6.3 has the connection end. The library looks at no PRIORITY beyond its size.
    ['§6.3: PRIORITY of the connection', [priority(0)]],
    ['§5.1: WINDOW_UPDATE of a stream that is closed', [headers(1), reset(1), grow(1, 1)]],
    ['§5.1: RST_STREAM of one', [headers(1), reset(1), reset(1)]],
    ['§5.1: content of one', [headers(1, post, 0), reset(1), data(1, 'x')]],
    ['§5.1: a head of one', [headers(1), reset(1), headers(1)]],
  ])('%s', async (_, frames) => {
    client.write(...frames)
    client.request(11, pseudo('/open/behind'))
    expect(await client.end(11)).toBe('status 200')
  })

  test('§5.1.1: a stream of a lower number than another is closed, and nobody is asked', async () => {
    const before = open.upstream.requests.length
    client.write(headers(5, pseudo('/open/5')), headers(3, pseudo('/open/3')))
    expect(await client.end(5)).toBe('status 200')
    await client.settle()
    expect(await open.reachedSince(before)).toEqual(['GET /open/5'])
  })

  test('§5.1.2: streams that were passed over are idle no more', async () => {
    client.write(headers(7), data(5, 'x'), grow(3, 1))
    expect(await client.end(7)).toBe('status 200')
  })
})

describe('RFC 9113 §6: what is taken in any form', () => {
  const received = async () => String(open.upstream.requests.at(-1)?.message.body)

  test('§6.1, §6.2: padding is no content', async () => {
    const head = Buffer.concat([Buffer.of(3), fieldBlock(post), Buffer.alloc(3)])
    const content = Buffer.concat([Buffer.of(255), Buffer.from('hello'), Buffer.alloc(255)])
    client.write(
      frame(FRAME.headers, END_HEADERS | PADDED, 1, head),
      frame(FRAME.data, PADDED, 1, Buffer.of(0)),
      frame(FRAME.data, END_STREAM | PADDED, 1, content),
    )
    expect(await client.end(1)).toBe('status 200')
    expect(await received()).toContain('hello')
  })

  test('§6.2: HEADERS with a priority, which nobody asks for', async () => {
    const content = Buffer.concat([uint32(0x80000000), Buffer.of(255), block])
    client.write(frame(FRAME.headers, END_HEADERS | END_STREAM | PRIORITY, 1, content))
    expect(await client.end(1)).toBe('status 200')
  })

  test('§6.10: a head in a few frames, some of them empty', async () => {
    const middle = Math.floor(block.length / 2)
    client.write(
      frame(FRAME.headers, END_STREAM, 1),
      more(1, block.subarray(0, middle), 0),
      more(1, '', 0),
      more(1, block.subarray(middle)),
    )
    expect(await client.end(1)).toBe('status 200')
  })

  test('§6.8: a client that says goodbye is answered what it asked for', async () => {
    client.write(headers(1), frame(FRAME.goaway, 0, 0, uint32(0, 0)))
    expect(await client.find(({ type, flags }) => type === FRAME.data && flags === 1)).toBeDefined()
    await client.raw.closed
  })

  test('§4.2: content of the largest frame', async () => {
    client.write(headers(1, post, 0), data(1, Buffer.alloc(LARGEST, 'a')))
    expect(await client.end(1)).toBe('status 200')
  })

  test('§8.1: trailers', async () => {
    client.write(headers(1, post, 0), data(1, 'hello', 0), headers(1, ['x-after', 'y']))
    expect(await client.end(1)).toBe('status 200')
    expect(JSON.stringify(open.upstream.requests.at(-1)?.message.fields)).not.toContain('x-after')
  })
})

describe('RFC 9113 §6.5, §6.7, §6.9: what the gateway owes', () => {
  const sizes = (stream: number) =>
    client.frames
      .filter(({ type, stream: id }) => type === FRAME.data && id === stream)
      .map(({ payload }) => payload.length)

  test('§6.5.3: settings are acknowledged, each', async () => {
    const acknowledged = () =>
      client.frames.filter(({ type, flags }) => type === FRAME.settings && flags === ACK).length
    await client.settle()
    expect(acknowledged()).toBe(1)
    client.write(settings(), settings([3, 7]))
    await client.settle()
    expect(acknowledged()).toBe(3)
  })

  test('§6.7: a PING is answered with what it said, an answer is not', async () => {
    client.write(frame(FRAME.ping, 0, 0, 'honestly'))
    const answer = await client.find(({ type }) => type === FRAME.ping)
    expect(answer).toMatchObject({ flags: ACK, stream: 0, payload: Buffer.from('honestly') })
    // Nobody has a reason to send one, and the library ends the connection.
    client.write(frame(FRAME.ping, ACK, 0, 'unasked!'))
    await client.raw.closed
    expect(client.frames.filter(({ type }) => type === FRAME.ping)).toHaveLength(1)
  })

  test('§6.9.1: no more is sent than the window of the stream allows', async () => {
    client.write(settings([4, 0]))
    client.request(1, pseudo())
    expect(await client.end(1)).toBe('status 200')
    await client.settle()
    expect(sizes(1)).toEqual([])
    client.write(grow(1, 1))
    await client.find(({ type }) => type === FRAME.data)
    await client.settle()
    expect(sizes(1)).toEqual([1])
    // §6.9.2: a setting changes the windows of streams that are open, too.
    client.write(settings([4, 1]))
    await client.find(({ type, flags }) => type === FRAME.data && flags === END_STREAM)
    expect(sizes(1).reduce((sum, one) => sum + one)).toBe(2)
  })

  test('§4.2: no frame is larger than the client takes', async () => {
    open.upstream.answer = ({ socket }) =>
      void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n${'a'.repeat(60_000)}`)
    client.request(1, pseudo())
    await client.find(({ type, flags }) => type === FRAME.data && flags === END_STREAM)
    expect(Math.max(...sizes(1))).toBeLessThanOrEqual(LARGEST)
    expect(sizes(1).reduce((sum, one) => sum + one)).toBe(60_000)
  })

  test.each([
    ['nothing of it', 'GET / HTTP/1.1\r\n\r\n'],
    ['no settings', Buffer.concat([Buffer.from(PREFACE), ping()])],
    ['its half', `${PREFACE.slice(0, 12)}${'x'.repeat(12)}`],
  ])('§3.4: a preface with %s ends the connection', async (_, bytes) => {
    const raw = await openSocket(open.fixture, open.gateway, { ALPNProtocols: ['h2'] })
    raw.write(bytes)
    await raw.closed
  })
})
