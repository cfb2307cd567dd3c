/**
 * Requests that hide another in their content: whatever is made of the outer one, the hidden one is not
 * served. Spellings are made here, by the recipes of the tools that look for such holes.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test } from 'vitest'
import { HOST } from '../support/fixture.ts'
import { get, type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway('limits: { header_time: 1s, request: 2s, keep_alive: 1s }\n')
})
afterAll(() => open.close())

/** Sends each on a connection of its own, sixteen at a time; statuses, and what reached the upstream. */
async function sendAll(payloads: readonly string[]) {
  const before = open.upstream.requests.length
  const statuses: (number | undefined)[] = []
  const rest = payloads.entries()
  const worker = async () => {
    for (const [index, bytes] of rest) {
      const answers = await open.send(Buffer.from(bytes, 'latin1')).catch(() => [])
      statuses[index] = answers[0]?.status
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  return { statuses, forwarded: await open.forwardedSince(before) }
}

/** Bytes that some parser takes for white space, for the end of a line, or for nothing at all. */
const ODD = [
  ...Array.from({ length: 0x21 }, (_, code) => String.fromCharCode(code)),
  ...'"\'(,;=@[_`{\x7f\x80\x85\x8a\x8d\xa0\xad\xdf\xff',
]

/** Transfer-Encoding: chunked, as somebody might still read it. */
const SPELLINGS: readonly string[] = [
  ...ODD.flatMap((odd) => [
    `Transfer-Encoding${odd}: chunked`,
    `${odd}Transfer-Encoding: chunked`,
    `Transfer${odd}Encoding: chunked`,
    `Transfer-Encoding:${odd}chunked`,
    `Transfer-Encoding: ${odd}chunked`,
    `Transfer-Encoding: chunked${odd}`,
    `Transfer-Encoding: chu${odd}nked`,
    `Transfer-Encoding: chunked${odd}, identity`,
    `Transfer-Encoding: identity,${odd}chunked`,
    `X: a${odd}Transfer-Encoding: chunked`,
    `X: a\r${odd}Transfer-Encoding: chunked`,
    `X: a\n${odd}Transfer-Encoding: chunked`,
    `Transfer-Encoding:${odd}\r\n chunked`,
  ]),
  'Transfer-Encoding: chunked',
  'transfer-encoding: CHUNKED',
  'TRANSFER-ENCODING: Chunked',
  'Transfer-encoding: cow\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: chunked\r\nTransfer-encoding: chunked',
  'Transfer-Encoding\r\n: chunked',
  'Transfer-\r\nEncoding: chunked',
  'Transfer-Encoding: \r\n\tchunked',
  'Transfer_Encoding: chunked',
  'Transfer.Encoding: chunked',
  'TransferEncoding: chunked',
  'Content-Encoding: chunked',
  'X-Transfer-Encoding: chunked',
  'TE: chunked',
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: x-chunked',
  'Transfer-Encoding: chunkedchunked',
  'Transfer-Encoding: ch\x96nked',
  'Transfer-Encoding: gzip;q=0, chunked',
  'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked',
  'Connection: Content-Length',
]

test('RFC 9112 §6.1: no spelling of a transfer coding beside a length lets a hidden request through [H03]', {
  timeout: 120_000,
}, async () => {
  expect(SPELLINGS.length).toBeGreaterThan(668)
  const hidden = (index: number) => `0\r\n\r\n${get(`/open/hidden-${index}`)}`
  const payloads = SPELLINGS.map((spelling, index) => {
    const fields = [`Content-Length: ${hidden(index).length}`, spelling, 'Connection: close']
    return get(`/open/${index}`, fields, 'POST') + hidden(index)
  })
  const { statuses, forwarded } = await sendAll(payloads)
  const lines = forwarded.map(({ line }) => line)
  expect(lines.filter((line) => !/^POST \/open\/\d+$/.test(line))).toEqual([])
  expect(new Set(lines).size).toBe(lines.length)
  for (const { line, message } of forwarded) {
    // What was read by its length has all of it, with the hidden request as content.
    const index = Number(line.split('/').at(-1))
    expect(String(message.body)).toBe(hidden(index))
    const names = message.fields.map((name) => name.toLowerCase().replace(/[^a-z]/g, '-'))
    expect(names).not.toContain('transfer-encoding')
  }
  expect(statuses.filter((status) => status === 200)).toHaveLength(forwarded.length)
  expect(statuses.filter((status) => status !== 200 && status !== 400)).toEqual([])
  // What passes is another field, on one line.
  for (const { line } of forwarded) {
    const spelling = SPELLINGS[Number(line.split('/').at(-1))] ?? ''
    expect(spelling).not.toMatch(/^transfer-encoding:|[\r\n\0]/i)
  }
})

const HIDDEN = get('/open/hidden')
const size = HIDDEN.length.toString(16)
const chunks = (first: string, rest = `\r\n${HIDDEN}\r\n0\r\n\r\n`) => `${first}${rest}`
const post = (fields: readonly string[], content: string, version = 'HTTP/1.1') =>
  get('/open/outer', fields, 'POST').replace('HTTP/1.1', version) + content
const chunked = (content: string, version?: string) =>
  post(['Transfer-Encoding: chunked'], content, version)
const byLength = (value: string, content = `hello${HIDDEN}`) =>
  post([`Content-Length:${value}`], content)

/** What the survey of parsers in http-garden found servers to disagree about, in requests of our own. */
const DISAGREEMENTS: readonly string[] = [
  // Lengths.
  ...[
    '+5',
    '-5',
    '0x5',
    '5_0',
    '1e1',
    '5.',
    '05,5',
    '5;a',
    '5 5',
    '"5"',
    '',
    '\t',
    '\x0b5',
    '5\x00',
  ],
  ...['5\r\nContent-Length: 0', '0\r\nContent-Length: 5', '5\r\ncontent-length: 5', '5\r\n 0'],
  ...['18446744073709551621', '-0', '٥', '0\x0b5', '5\xa0'],
].map((value) => byLength(` ${value}`))

const CHUNKINGS: readonly string[] = [
  `0x${size}`,
  `+${size}`,
  `-${size}`,
  ` ${size}`,
  `\t${size}`,
  `${size} `,
  `${size}\t`,
  `${size}\x0b`,
  `${size}\x00`,
  `${size}_`,
  `0_${size}`,
  `${size}g`,
  `${size}.0`,
  `${size};`,
  `${size};a=b`,
  `${size};a="\r\n"`,
  `${size};a\n`,
  `${size}\r`,
  `${size}\n`,
  `0${size}`,
  `${'0'.repeat(1000)}${size}`,
  `1${'0'.repeat(15)}${size}`,
  `ffffffffffffff${size}`,
  size.toUpperCase(),
].map((first) => chunked(chunks(first)))

const OTHERS: readonly string[] = [
  // The end of chunks.
  chunked(`0\r\n\r\n`),
  chunked(`0\r\n${HIDDEN}`),
  chunked(`0\r\nX:${HIDDEN}\r\n\r\n`),
  chunked(`0\r\n\r`),
  chunked(`0\n\n`),
  chunked(`0\r\n\n`),
  chunked(`00\r\n\r\n`),
  chunked(`5\r\nhello0\r\n\r\n${HIDDEN}`),
  chunked(`5\r\nhelloXX0\r\n\r\n${HIDDEN}`),
  chunked(`5\r\nhello\r\n\r\n0\r\n\r\n${HIDDEN}`),
  chunked(`5\r\nhello\n0\r\n\r\n${HIDDEN}`),
  chunked(`${size}\r\n${HIDDEN}\r\n0\r\n\r\n`, 'HTTP/1.0'),
  chunked(`5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n`),
  chunked(`5\r\nhello\r\n0\r\n Transfer-Encoding: x\r\n\r\n`),
  // Both framings, and codings that only some know.
  post(
    [`Content-Length: ${HIDDEN.length + 5}`, 'Transfer-Encoding: chunked'],
    `0\r\n\r\n${HIDDEN}`,
  ),
  post(['Transfer-Encoding: chunked', 'Content-Length: 3'], `0\r\n\r\n${HIDDEN}`),
  ...[',chunked', 'chunked,', 'chunked, chunked', 'gzip, chunked', 'identity', 'xchunked', ''].map(
    (value) => post([`Transfer-Encoding: ${value}`], `0\r\n\r\n${HIDDEN}`),
  ),
  // Lines and names.
  get('/open/outer').replaceAll('\r\n', '\n') + HIDDEN,
  get('/open/outer').replaceAll('\r\n', '\r') + HIDDEN,
  get('/open/outer').replace('\r\n\r\n', '\r\n\n') + HIDDEN,
  get('/open/outer', [`X: a\r${HIDDEN}`]),
  get('/open/outer', ['X: a\0b']),
  get('/open/outer', ['X: a\r\n b']),
  get('/open/outer', ['X : a']),
  get('/open/outer', [': a']),
  get('/open/outer', ['X']),
  get('/open/outer', ['\x00X: a']),
  get('/open/outer', ['X\xff: a']),
  get('/open/outer', ['Content-Length : 5']) + HIDDEN,
  get('/open/outer', ['Content-Length\x0b: 5']) + HIDDEN,
  `\r\n\r\n${get('/open/outer')}`,
  `\n${get('/open/outer')}`,
  ` ${get('/open/outer')}`,
  // Versions and request lines.
  ...[
    'HTTP/0.9',
    'HTTP/1.2',
    'HTTP/2.0',
    'HTTP/1.10',
    'HTTP/01.1',
    'http/1.1',
    'HTTP/1',
    'HTTP/1.1 ',
  ].map((version) => get('/open/outer').replace('HTTP/1.1', version) + HIDDEN),
  `GET /open/outer\r\n${HIDDEN}`,
  `GET  /open/outer HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  `GET /open/outer  HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  `GET /open/outer\x0bHTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
]

test('RFC 9112 §6.3: of what parsers disagree about, at most one request comes, and never the hidden one [H38]', {
  timeout: 60_000,
}, async () => {
  const payloads = [...DISAGREEMENTS, ...CHUNKINGS, ...OTHERS]
  expect(payloads.length).toBeGreaterThan(76)
  const numbered = payloads.map((bytes, index) => bytes.replace('/open/outer', `/open/${index}`))
  const { forwarded } = await sendAll(numbered)
  const lines = forwarded.map(({ line }) => line)
  expect(lines.filter((line) => !/^(?:GET|POST) \/open\/\d+$/.test(line))).toEqual([])
  expect(new Set(lines).size).toBe(lines.length)
  const payloadOf = (line: string) => numbered[Number(line.split('/').at(-1))] ?? ''
  // What is malformed within its content has no end, so that no upstream takes it for whole.
  const whole = forwarded.filter(({ message }) => message.complete)
  expect(new Set(whole.map(({ message }) => String(message.body)))).toEqual(new Set([HIDDEN, '']))
  const glued = forwarded.filter(({ line }) => /hello[^\r]|hello\r\n\r/.test(payloadOf(line)))
  expect(glued.length).toBeGreaterThan(3)
  expect(glued.filter(({ message }) => message.complete)).toEqual([])
})
