/**
 * What is none of the gateway's business goes through as it came, byte for byte; and what looks as if it
 * might mean something to it does not.
 *
 * @module
 */

import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { linesOf } from '../support/caller.ts'
import { OK, response } from '../support/faulty-upstream.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { expectClosingRefusal } from '../support/raw-socket.ts'

let open: OpenGateway

beforeAll(async () => {
  open =
    await startOpenGateway(`  - { id: closed, match: /closed/**, scopes: [accounts], upstream: raw }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
`)
})
afterAll(() => open.close())
beforeEach(() => {
  open.upstream.answer = ({ socket }) => void socket.write(OK)
})

const CLOSE = 'Connection: close'

/** The request as it reached the upstream. */
async function forwarded(bytes: string | Buffer) {
  const before = open.upstream.requests.length
  const [answer] = await open.send(bytes)
  expect(answer?.status).toBe(200)
  const [request, ...others] = await open.forwardedSince(before)
  expect(others).toEqual([])
  return request!
}

describe('RFC 9110 §5.5: values of fields', () => {
  test.each(['\xe4\xfc\xff', '\xc3\xa4', 'a\tb', '"quoted, \\"list\\""', '%0d%0aX-Client-Id: a'])(
    '%j goes on as it is [H21, H34]',
    async (value) => {
      const { message } = await forwarded(get('/open', [`X-Any: ${value}`, CLOSE]))
      expect(linesOf(message.fields, 'x-any')).toEqual([value])
      expect(linesOf(message.fields, 'x-client-id')).toEqual([])
    },
  )

  test.each(['a\x7fb', 'a\x01b', 'a\0b'])('%j is refused [H21]', async (value) => {
    const answers = await open.send(Buffer.from(get('/open', [`X-Any: ${value}`]), 'latin1'))
    expectClosingRefusal(answers[0], 400, 'http_malformed')
  })
})

test.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf'])(
  'CVE-2026-21710: a field of the name %s does no harm, twice neither [H22]',
  async (name) => {
    const { message } = await forwarded(get('/open', [`${name}: a`, `${name}: b`, CLOSE]))
    const lines = linesOf(message.fields, name.toLowerCase())
    expect(lines).toEqual(name.includes('_') ? [] : ['a', 'b'])
    const [answer] = await open.send(get('/closed', [`${name}: Bearer x`, CLOSE]))
    expect(answer?.status).toBe(401)
  },
)

test('CVE-2026-58044: behind two thousand lines no credentials are overlooked: all are refused [H14, HOLE-10]', async () => {
  const lines = [...Array(2100).fill('a:'), 'Authorization: Bearer x', 'X-Client-Cert: y']
  for (const target of ['/open', '/closed']) {
    const before = open.upstream.requests.length
    const answers = await open.send(get(target, lines))
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 431, 'header_lines_too_many')
    expect(await open.reachedSince(before)).toEqual([])
  }
})

test('RFC 9110 §8.4: coded content is not decoded, however much would come of it [H33]', async () => {
  const bomb = gzipSync(Buffer.alloc(20_000_000))
  const fields = ['Content-Encoding: gzip', 'Content-Type: application/json', CLOSE]
  const head = post([...fields, `Content-Length: ${bomb.length}`])
  const { message } = await forwarded(Buffer.concat([Buffer.from(head), bomb]))
  expect(message.body.equals(bomb)).toBe(true)
  expect(linesOf(message.fields, 'content-encoding')).toEqual(['gzip'])
})

test('RFC 9110 §13, §14: conditions and ranges are asked of the upstream, every time [H35]', async () => {
  const part = response(
    206,
    ['Content-Range: bytes 0-1/10', 'ETag: "a"', 'Cache-Control: max-age=60'],
    'ok',
  )
  open.upstream.answer = ({ socket, line }) => void socket.write(line.endsWith('last') ? OK : part)
  const fields = [
    'Range: bytes=0-1',
    'If-Match: "a"',
    'If-None-Match: W/"b"',
    'Accept-Encoding: gzip, br',
  ]
  const before = open.upstream.requests.length
  for (let i = 0; i < 2; i++) {
    const [answer] = await open.send(get('/open', [...fields, CLOSE]))
    expect(answer?.status).toBe(206)
    expect(answer?.lines('content-range')).toEqual(['bytes 0-1/10'])
    expect(answer?.lines('etag')).toEqual(['"a"'])
  }
  const requests = await open.forwardedSince(before)
  expect(requests).toHaveLength(2)
  for (const { message } of requests) {
    for (const field of fields) {
      const [name = '', value] = field.split(': ')
      expect(linesOf(message.fields, name.toLowerCase())).toEqual([value])
    }
  }
})

test.each([
  ['two thousand parameters', `/open?${'a=1&'.repeat(2000)}b`],
  ['parameters of one name', '/open?a=1&a=2&a[]=3&A=4&a'],
  ['encoded line ends', '/open?a=%0d%0aX-Client-Id:%20a&b=%00'],
  ['what would be a path', '/open?../../closed//%2e%2e;a'],
])(
  'RFC 3986 §3.4: a query is not read, but forwarded byte for byte: %s [P13, H34]',
  async (_, target) => {
    expect((await forwarded(get(target, [CLOSE]))).line).toBe(`GET ${target}`)
  },
)

test('CVE-2024-22019: an extension without end is refused behind other chunks, too [H06]', async () => {
  const chunks = `1;a=b\r\nx\r\n1;${'a'.repeat(17_000)}\r\nx\r\n0\r\n\r\n`
  const answers = await open.send(post(['Transfer-Encoding: chunked'], chunks))
  expectClosingRefusal(answers[0], 413, 'chunk_extensions_too_long')
})

test.each(['/metrics', '/healthz', '/readyz'])(
  'what is said of the gateway itself is not said where clients call: %s [O18]',
  async (path) => {
    const before = open.upstream.requests.length
    const [answer] = await open.send(get(path, [CLOSE]))
    expect(answer?.status).toBe(404)
    expect(String(answer?.body)).not.toContain('fapigw')
    expect(await open.reachedSince(before)).toEqual([])
  },
)
