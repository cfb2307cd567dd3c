/**
 * The same bytes mean the same, however they are cut into TCP segments and TLS records.
 *
 * @module
 */

import { once } from 'node:events'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OK } from '../support/faulty-upstream.ts'
import { get, type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway(
    `  - { id: closed, match: /closed/**, scopes: [accounts], upstream: raw }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
defaults: { limits: { body: 64B } }
`,
  )
  // When all content is there: an answer before it would race with what is wrong with it.
  open.upstream.answer = (request) => {
    const { socket } = request
    const answer = () => {
      if (!request.message.complete) return
      socket.off('data', answer)
      socket.write(OK)
    }
    socket.on('data', answer)
    answer()
  }
})
afterAll(() => open.close())

const CLOSE = 'Connection: close'
const chunked = (content: string) =>
  get('/open/N', ['Transfer-Encoding: chunked', CLOSE], 'POST') + content

/** Requests on a connection of their own; `N` in their targets is replaced by a number. */
const REQUESTS: Readonly<Record<string, string>> = {
  'a good one': get('/open/N', [CLOSE]),
  'three in a row': get('/open/N') + get('/open/N') + get('/open/N', [CLOSE]),
  'content by length': `${get('/open/N', ['Content-Length: 5', CLOSE], 'POST')}hello`,
  'content in chunks': chunked('5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\nX: y\r\n\r\n'),
  'content that looks like a request': chunked(
    `30\r\n${get('/open/hidden').slice(0, 48)}\r\n0\r\n\r\n`,
  ),
  'a malformed chunk': chunked('5\r\nhello!\r\n0\r\n\r\n'),
  'too much content': chunked(`41\r\n${'a'.repeat(65)}\r\n0\r\n\r\n`),
  'a form with a token': `${get('/open/N', ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 14', CLOSE], 'POST')}access_token=x`,
  'both framings': `${get('/open/N', ['Content-Length: 5', 'Transfer-Encoding: chunked'], 'POST')}0\r\n\r\n`,
  'a space before the colon': get('/open/N', ['X : a']),
  'a folded line': get('/open/N', ['X: a\r\n b']),
  'a bare CR': get('/open/N', ['X: a\rb']),
  'two hosts': get('/open/N', ['Host: other.example']),
  'a dot segment': get('/open/../N'),
  'a token in the query': get('/open/N?access_token=x', [CLOSE]),
  'no token': get('/closed/N', [CLOSE]),
  'no route': get('/none/N', [CLOSE]),
  'a tunnel': get('/open/N', [], 'CONNECT'),
  'a refused one behind a good one': get('/open/N') + get('/open/../N'),
}

/** Writes the pieces one by one, each only when the one before has left; statuses and reasons. */
async function answersTo(pieces: readonly string[]): Promise<string[]> {
  const raw = await openSocket(open.fixture, open.gateway)
  raw.socket.setNoDelay(true)
  for (const piece of pieces) {
    if (raw.socket.destroyed || !raw.socket.writable) break
    if (!raw.socket.write(Buffer.from(piece, 'latin1'))) await once(raw.socket, 'drain')
    await new Promise(setImmediate)
  }
  return (await raw.rest()).map(({ status, body }) => {
    const { error_description: reason = '' } = status === 200 ? {} : JSON.parse(String(body))
    return `${status} ${reason}`
  })
}

/** Of a request whose content turns out to be malformed, the upstream may have seen a part, or nothing. */
const countOf = (number: number) =>
  open.upstream.requests.filter(
    ({ line, message }) => line.endsWith(`/${number}`) && message.complete,
  ).length

test('RFC 9112 §2.2: any cut of the same bytes has the same answers and forwards as much [H29]', {
  timeout: 120_000,
}, async () => {
  let number = 0
  const expected = new Map<string, { readonly answers: string[]; readonly forwarded: number }>()
  for (const [title, text] of Object.entries(REQUESTS)) {
    number += 1
    const answers = await answersTo([text.replaceAll('/N', `/${number}`)])
    expected.set(title, { answers, forwarded: countOf(number) })
  }
  expect(expected.get('three in a row')?.answers).toHaveLength(3)
  expect(expected.get('a dot segment')?.answers).toEqual(['400 path_dot_segment'])

  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(REQUESTS)),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { maxLength: 40 }),
      async (title, cuts) => {
        number += 1
        const text = REQUESTS[title]?.replaceAll('/N', `/${number}`) ?? ''
        const at = [...new Set(cuts.map((cut) => Math.floor(cut * text.length)))].sort(
          (a, b) => a - b,
        )
        const pieces = [0, ...at].map((from, i) => text.slice(from, at[i] ?? text.length))
        expect(pieces.join('')).toBe(text)
        const answers = await answersTo(pieces.filter((piece) => piece !== ''))
        expect({ answers, forwarded: countOf(number) }, title).toEqual(expected.get(title))
      },
    ),
    { numRuns: 400 },
  )
})

test.each(Object.keys(REQUESTS))('RFC 9112 §2.2: byte by byte: %s', async (title) => {
  const text = REQUESTS[title] ?? ''
  expect(await answersTo([...text])).toEqual(await answersTo([text]))
})
