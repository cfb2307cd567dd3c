import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HOST } from '../support/fixture.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { expectClosingRefusal, openSocket } from '../support/raw-socket.ts'

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway()
})
afterAll(() => open.close())

const HIDDEN = get('/open/hidden')

test('the honest request that the others differ from is forwarded', async () => {
  const before = open.upstream.requests.length
  const [answer] = await open.send(post(['Content-Length: 5', 'Connection: close'], 'hello'))
  expect(answer?.status).toBe(200)
  expect(await open.reachedSince(before)).toEqual(['POST /open'])
  expect(String(open.upstream.received[0])).toContain('\r\n\r\nhello')
})

describe('a request whose length has two readings is answered 400, closed, and not forwarded [HTTP-14, HTTP-15, HTTP-16, PF-53, H01, H02, H04]', () => {
  const BODY = `0\r\n\r\n${HIDDEN}`
  test.each<[string, string, string]>([
    [
      'RFC 9112 §6.1: Content-Length and Transfer-Encoding',
      post(['Content-Length: 5', 'Transfer-Encoding: chunked'], BODY),
      'http_malformed',
    ],
    [
      'RFC 9112 §6.1: the same in the other order',
      post(['Transfer-Encoding: chunked', 'Content-Length: 5'], BODY),
      'http_malformed',
    ],
    [
      'RFC 9112 §6.1: a transfer coding in HTTP/1.0 [H27]',
      post(['Transfer-Encoding: chunked'], BODY).replace('HTTP/1.1', 'HTTP/1.0'),
      'framing_of_http_1_0',
    ],
    ...['5\r\nContent-Length: 5', '5\r\nContent-Length: 6'].map(
      (value): [string, string, string] => [
        `RFC 9112 §6.3: Content-Length: ${JSON.stringify(value)}`,
        post([`Content-Length: ${value}`], 'hello'),
        'http_malformed',
      ],
    ),
    ...['5, 5', '', '+5', '-5', '0x5', '5_0', '1e1', '5.0', '4 2', `1${'0'.repeat(20)}`].map(
      (value): [string, string, string] => [
        `RFC 9112 §6.3: Content-Length: ${value}`,
        post([`Content-Length: ${value}`], 'hello'),
        'http_malformed',
      ],
    ),
    [
      'RFC 9112 §6.3: a Content-Length of sixteen digits',
      post(['Content-Length: 0000000000000005'], 'hello'),
      'content_length_malformed',
    ],
    ...[
      ',chunked',
      'gzip, chunked',
      'identity, chunked',
      'identity',
      'xchunked',
      'chunkedx',
      '"chunked"',
      'chunked;q=1',
    ].map((value): [string, string, string] => [
      `RFC 9112 §7: Transfer-Encoding: ${value}`,
      post([`Transfer-Encoding: ${value}`], BODY),
      'transfer_coding_unknown',
    ]),
    ...['chunked, chunked', 'chunked, identity', 'chunked,', 'chunked\x0b', '\x0cchunked', ''].map(
      (value): [string, string, string] => [
        `RFC 9112 §7: Transfer-Encoding: ${JSON.stringify(value)}`,
        post([`Transfer-Encoding: ${value}`], BODY),
        'http_malformed',
      ],
    ),
    [
      'RFC 9112 §7: two lines of Transfer-Encoding',
      post(['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'], BODY),
      'transfer_coding_unknown',
    ],
  ])('%s', async (_, bytes, reason) => {
    const before = open.upstream.requests.length
    const answers = await open.send(bytes)
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 400, reason)
    expect(await open.reachedSince(before)).toEqual([])
  })
})

describe('a head whose lines have two readings is answered 400, closed, and not forwarded [HTTP-12, HTTP-13, HTTP-21, PF-53, H07]', () => {
  const head = `GET /open HTTP/1.1\r\nHost: ${HOST}\r\n`
  test.each<[string, string]>([
    ['RFC 9112 §2.2: lines that end in LF alone', `GET /open HTTP/1.1\nHost: ${HOST}\n\n`],
    ['RFC 9112 §2.2: one line that ends in LF alone', `${head}X: a\nY: b\r\n\r\n`],
    ['RFC 9112 §2.2: a CR within a value', `${head}X: a\rY: b\r\n\r\n`],
    ['RFC 9112 §2.2: white space before the first field', `GET /open HTTP/1.1\r\n ${head}\r\n`],
    ['RFC 9112 §5.1: a space before the colon', `${head}Content-Length : 0\r\n\r\n`],
    ['RFC 9112 §5.1: a tab before the colon', `${head}Transfer-Encoding\t: chunked\r\n\r\n`],
    ['RFC 9112 §5.2: a folded line', `${head}X: a\r\n b\r\n\r\n`],
    ['RFC 9110 §5.5: NUL in a value', `${head}X: a\0b\r\n\r\n`],
    ['RFC 9110 §5.5: DEL in a value', `${head}X: a\x7fb\r\n\r\n`],
    ['RFC 9110 §5.1: a field without a name', `${head}: a\r\n\r\n`],
    ['RFC 9110 §5.1: a name that is no token', `${head}X(Y): a\r\n\r\n`],
    ['RFC 9112 §2.3: an unknown version [H27]', head.replace('1.1', '1.2').concat('\r\n')],
    ['RFC 9112 §3: a tab between the parts', head.replace(' /open', '\t/open').concat('\r\n')],
    ['RFC 9112 §3: a method that is not known', head.replace('GET', 'GETS').concat('\r\n')],
    ['RFC 9113 §3.4: the preface of HTTP/2 [H2-218]', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['bytes that are no HTTP', '\x16\x03\x01\x00\x05hello\r\n\r\n'],
  ])('%s', async (_, bytes) => {
    const before = open.upstream.requests.length
    const answers = await open.send(bytes)
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 400, 'http_malformed')
    expect(await open.reachedSince(before)).toEqual([])
  })
})

describe('RFC 9112 §7.1: malformed chunks are answered 400, and no upstream sees a whole body [HTTP-17, H05]', () => {
  test.each<[string, string]>([
    ['a size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['a size with an underscore', '0_5\r\nhello\r\n0\r\n\r\n'],
    ['a space before the extension', '5 ;a\r\nhello\r\n0\r\n\r\n'],
    ['an extension that ends in LF', '5;a\nhello\r\n0\r\n\r\n'],
    ['a size that ends in LF', '5\nhello\r\n0\r\n\r\n'],
    ['a size of seventeen digits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
    ['data longer than its size', '3\r\nhello\r\n0\r\n\r\n'],
    ['no size', '\r\nhello\r\n0\r\n\r\n'],
    ['a trailer that is no field', '5\r\nhello\r\n0\r\nX Y\r\n\r\n'],
  ])('%s', async (_, chunks) => {
    const before = open.upstream.requests.length
    const answers = await open.send(post(['Transfer-Encoding: chunked'], chunks))
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 400, 'http_malformed')
    for (const { line, message } of await open.forwardedSince(before)) {
      expect(line).toBe('POST /open')
      expect(message.complete).toBe(false)
    }
  })

  test('extensions without end are answered 413 [HTTP-17, H06]', async () => {
    const extension = 'a'.repeat(20_000)
    const answers = await open.send(
      post(['Transfer-Encoding: chunked'], `5;${extension}\r\nhello\r\n`),
    )
    expectClosingRefusal(answers[0], 413, 'chunk_extensions_too_long')
  })
})

test('RFC 9112 §9.6: a client that goes on sending gets to read why it was refused', async () => {
  const raw = await openSocket(open.fixture, open.gateway)
  raw.write(post(['Content-Length: 5', 'Transfer-Encoding: chunked']))
  const answer = await raw.response()
  for (let i = 0; i < 32; i++) raw.write('x'.repeat(16_384))
  expectClosingRefusal(answer, 400, 'http_malformed')
  expect(await raw.rest()).toEqual([])
})

describe('RFC 9110 §7.6.1: of a Connection that is no list of tokens readers differ in what it names', () => {
  test.each(['CONNECT  close', 'close x', 'keep-alive;close', '"close"', 'close\t keep-alive'])(
    '%j is refused, and nothing behind it is served',
    async (value) => {
      const before = open.upstream.requests.length
      const answers = await open.send(
        get('/open/a', [`Connection: ${value}`]) + get('/open/b', ['Connection: close']),
      )
      expect(answers).toHaveLength(1)
      expectClosingRefusal(answers[0], 400, 'connection_malformed')
      expect(await open.reachedSince(before)).toEqual([])
    },
  )

  test('in HTTP/1.0 too', async () => {
    const [answer] = await open.send(
      `GET /open HTTP/1.0\r\nHost: ${HOST}\r\nConnection: a b\r\n\r\n`,
    )
    expectClosingRefusal(answer, 400, 'connection_malformed')
  })
})
