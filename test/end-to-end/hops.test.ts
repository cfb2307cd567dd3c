import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Caller, createCaller, linesOf } from '../support/caller.ts'
import { OK, response } from '../support/faulty-upstream.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { expectClosingRefusal } from '../support/raw-socket.ts'
import { type Stub, startStub } from '../support/stub.ts'

const LISTEN = `
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
`
const CLOSE = 'Connection: close'

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway(
    `  - { id: closed, match: "OPTIONS,GET /closed", scopes: [accounts], upstream: raw }
  - { id: some, match: "OPTIONS,GET /some", public: true, upstream: raw }
  - { id: more, match: "PUT /some", public: true, upstream: raw }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
`,
    '',
    LISTEN,
  )
})
afterAll(() => open.close())
beforeEach(() => {
  open.upstream.answer = ({ socket }) => void socket.write(OK)
})

describe('RFC 9110 §7.6.2: Max-Forwards of OPTIONS [HTTP-3]', () => {
  test('at 0 the gateway answers itself: what may be asked, and no content', async () => {
    const before = open.upstream.requests.length
    const bytes = get('/some', ['Max-Forwards: 0', CLOSE], 'OPTIONS')
    const [answer] = await open.send(bytes)
    expect(answer?.status).toBe(200)
    expect(answer?.lines('allow')).toEqual(['GET, HEAD, OPTIONS, PUT'])
    expect(answer?.lines('content-length')).toEqual(['0'])
    expect(answer?.lines('transfer-encoding')).toEqual([])
    expect(answer?.lines('x-fapi-interaction-id')).toHaveLength(1)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('also where it comes with a form', async () => {
    const before = open.upstream.requests.length
    const type = 'Content-Type: application/x-www-form-urlencoded'
    const fields = ['Max-Forwards: 0', type, 'Content-Length: 3', CLOSE]
    const [answer] = await open.send(post(fields, 'a=b', '/some').replace('POST', 'OPTIONS'))
    expect(answer?.status).toBe(200)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('only for who passes the checks', async () => {
    const [answer] = await open.send(get('/closed', ['Max-Forwards: 0', CLOSE], 'OPTIONS'))
    expect(answer?.status).toBe(401)
    expect(answer?.lines('allow')).toEqual([])
  })

  test.each([
    ['1', '0'],
    ['10', '9'],
    ['999999', '254'],
  ])('%s is forwarded as %s, once', async (said, told) => {
    const before = open.upstream.requests.length
    await open.send(get('/some', [`Max-Forwards: ${said}`, CLOSE], 'OPTIONS'))
    const { fields = [] } = open.upstream.requests[before]?.message ?? {}
    expect(linesOf(fields, 'max-forwards')).toEqual([told])
  })

  test('of another method it says nothing', async () => {
    const before = open.upstream.requests.length
    await open.send(get('/some', ['Max-Forwards: 0', CLOSE]))
    const { fields = [] } = open.upstream.requests[before]?.message ?? {}
    expect(linesOf(fields, 'max-forwards')).toEqual(['0'])
  })

  test('what is no number is refused', async () => {
    const before = open.upstream.requests.length
    const [answer] = await open.send(get('/some', ['Max-Forwards: -1'], 'OPTIONS'))
    expectClosingRefusal(answer, 400, 'max_forwards_malformed')
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('RFC 9110 §9.3.8: TRACE is refused, with it and without', async () => {
    const before = open.upstream.requests.length
    for (const fields of [[], ['Max-Forwards: 0']]) {
      const [answer] = await open.send(get('/open', [...fields, CLOSE], 'TRACE'))
      expect(answer?.status).toBe(405)
    }
    expect(await open.reachedSince(before)).toEqual([])
  })
})

describe('RFC 9110 §7.6.3: a request that comes back [HTTP-4]', () => {
  let caller: Caller
  let stub: Stub

  beforeAll(async () => {
    caller = createCaller(open.fixture, open.gateway, open.fixture.certificates.mtls)
    stub = await startStub(open.fixture, () => ({}))
  })
  afterAll(async () => {
    caller.close()
    await stub.close()
  })

  test('from an upstream that sends it to the gateway again is refused at its second coming', async () => {
    const before = open.upstream.requests.length
    open.upstream.answer = ({ socket, message }) => {
      const via = linesOf(message.fields, 'via').flatMap((line) => ['Via', `${line}, 1.1 other`])
      void caller.send({ path: '/open/back', fields: via }).then(({ status, body }) => {
        socket.write(response(status, [], body))
      })
    }
    const [answer] = await open.send(get('/open/there', [CLOSE]))
    expect(answer?.status).toBe(508)
    expect(JSON.parse(String(answer?.body))).toMatchObject({
      error: 'loop_detected',
      error_description: 'request_loops',
    })
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    expect(await open.reachedSince(before)).toEqual(['GET /open/there'])
  })

  test('from another gateway of this kind passes', async () => {
    const [answer] = await open.send(get('/open', ['Via: 1.1 fapi-gateway-00000000', CLOSE]))
    expect(answer?.status).toBe(200)
  })

  test('an introspection endpoint behind the gateway that asks it is asked once, and decides nothing [I22]', async () => {
    const before = open.upstream.requests.length
    const looped = await open.fixture.gateway(`version: 1
profile: fapi2-security
listen: ${LISTEN}
issuers:
  loop:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${stub.origin}/introspect
      auth: { method: client_secret_basic, client_id: gateway, client_secret: secret }
routes:
  - { id: all, match: { paths: [/**] }, scopes: [accounts], upstream: "${open.upstream.url}" }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
    const back = createCaller(open.fixture, looped, open.fixture.certificates.mtls)
    const answered: number[] = []
    stub.answer = async ({ headers, body }) => {
      const fields = ['Authorization', headers.authorization ?? '']
      const { status } = await back.send({ method: 'POST', path: '/introspect', fields, body })
      answered.push(status)
      return { status }
    }
    const answer = await back.send({ fields: ['Authorization', 'Bearer opaque'] })
    expect(answer.status).toBe(503)
    expect(answered).toEqual([401])
    expect(await open.reachedSince(before)).toEqual([])
    back.close()
  })
})
