import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { response } from '../support/faulty-upstream.ts'
import { get, type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'
import type { Answer } from '../support/raw-socket.ts'

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway()
})
afterAll(() => open.close())

async function answerTo(fields: readonly string[], status = 200): Promise<Answer | undefined> {
  open.upstream.answer = ({ socket }) => void socket.write(response(status, fields, 'ok'))
  return (await open.send(get('/open', ['Connection: close'])))[0]
}

describe('RFC 9110 §7.6.1: fields of the connection to the upstream do not reach the client [HTTP-1, H18]', () => {
  test.each([
    'Keep-Alive: timeout=5',
    'Proxy-Authenticate: Basic realm="x"',
    'Proxy-Connection: keep-alive',
    'Trailer: X',
    'TE: trailers',
    'Upgrade: h2c',
  ])('%s', async (field) => {
    const answer = await answerTo([field])
    expect(answer?.status).toBe(200)
    expect(answer?.lines(field.split(':')[0]?.toLowerCase() ?? '')).toEqual([])
  })

  test('those that `Connection` names', async () => {
    const answer = await answerTo(['Connection: keep-alive, X-Secret', 'X-Secret: a', 'X-Open: b'])
    expect(answer?.lines('x-secret')).toEqual([])
    expect(answer?.lines('x-open')).toEqual(['b'])
    expect(answer?.lines('connection')).toEqual(['close'])
  })
})

test.each([
  'Server: nginx/1.2',
  'X-Powered-By: PHP/5',
  'DPoP-Nonce: theirs',
  'Via: 1.1 inner',
  'X-Backend-Server: core-7',
])('what an upstream may not say through the gateway: %s [HTTP-26, U18]', async (field) => {
  const answer = await answerTo([field])
  expect(answer?.lines(field.split(':')[0]?.toLowerCase() ?? '')).toEqual([])
})

test('RFC 6797 §7.1: every answer says that browsers keep to https [TLS-18]', async () => {
  const relayed = await answerTo(['Strict-Transport-Security: max-age=0'])
  const refused = await open.send(get('/none', ['Connection: close']))
  const malformed = await open.send('GET\r\n\r\n')
  for (const answer of [relayed, ...refused, ...malformed]) {
    expect(answer?.lines('strict-transport-security')).toEqual(['max-age=31536000'])
  }
})

test('FAPI 1.0 Baseline §6.2.1-11: the one interaction id is the one of the request [F1B-RS-11]', async () => {
  const id = 'c770AEF3-6784-41f7-8E0e-FF5f97bddb3A'
  open.upstream.answer = ({ socket }) =>
    void socket.write(response(200, ['X-FAPI-Interaction-ID: theirs'], 'ok'))
  const bytes = get('/open', ['Connection: close', `x-fapi-interaction-id: ${id}`])
  const [answer] = await open.send(bytes)
  expect(answer?.lines('x-fapi-interaction-id')).toEqual([id])
})

test('RFC 9110 §6.6.1: a response without a date gets one, and one with keeps its own [F1B-RS-10, HTTP-6]', async () => {
  expect((await answerTo([]))?.lines('date')).toHaveLength(1)
  const date = 'Tue, 15 Nov 1994 08:12:31 GMT'
  expect((await answerTo([`Date: ${date}`]))?.lines('date')).toEqual([date])
})

test('RFC 6265 §3: lines of `Set-Cookie` are not folded into one', async () => {
  const answer = await answerTo(['Set-Cookie: a=1', 'Set-Cookie: b=2; Expires=Wed, 09 Jun 2027'])
  expect(answer?.lines('set-cookie')).toEqual(['a=1', 'b=2; Expires=Wed, 09 Jun 2027'])
})

test('RFC 9110 §5.5: bytes beyond ASCII pass as they are', async () => {
  open.upstream.answer = ({ socket }) =>
    void socket.write(response(200, ['X-Name: \xe4\xfc'], 'ok'), 'latin1')
  const [answer] = await open.send(get('/open', ['Connection: close']))
  expect(answer?.lines('x-name')).toEqual(['\xe4\xfc'])
})

test('a redirect of the upstream is not followed [P16]', async () => {
  const before = open.upstream.requests.length
  const answer = await answerTo(['Location: http://127.0.0.1:1/internal'], 302)
  expect(answer?.status).toBe(302)
  expect(answer?.lines('location')).toEqual(['http://127.0.0.1:1/internal'])
  expect(open.upstream.requests).toHaveLength(before + 1)
})
