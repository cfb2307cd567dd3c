import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sumOf } from '../support/exposition.ts'
import { OK } from '../support/faulty-upstream.ts'
import { HOST } from '../support/fixture.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'

const CONNECT = `CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`
const BEGUN = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc'
const MALFORMED = post(['Transfer-Encoding: chunked'], 'zz\r\n')

let open: OpenGateway
/** Lets the upstream finish what it has begun. */
let finish: () => void
let begun: Promise<void>

beforeAll(async () => {
  open = await startOpenGateway()
})

afterAll(() => open.close())

beforeEach(() => {
  begun = new Promise((resolve) => {
    open.upstream.answer = ({ socket }) => {
      finish = () => void socket.write('def')
      socket.write(BEGUN)
      resolve()
    }
  })
})

/** Everything that comes on a connection until it is closed. */
async function exchange(first: string, second: string): Promise<string> {
  const client = await openSocket(open.fixture, open.gateway)
  let received = ''
  client.socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
  })
  const closed = new Promise((resolve) => client.socket.once('close', resolve))
  client.write(first)
  await begun
  await expect.poll(() => received).toContain('abc')
  client.write(second)
  finish()
  await closed
  return received
}

describe('a refusal behind a response that is under way', () => {
  test('RFC 9112 §9.3.2: of CONNECT waits until the response is whole', async () => {
    const received = await exchange(get('/open/slow'), CONNECT)
    expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\nabcdefHTTP\/1\.1 405 /)
  })

  test('RFC 9112 §9.3.2: of malformed content waits as well', async () => {
    const received = await exchange(get('/open/slow'), MALFORMED)
    expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\nabcdefHTTP\/1\.1 400 /)
  })
})

test('requests before a CONNECT are accounted for when the client leaves at once', async () => {
  const inFlight = async () =>
    sumOf(await open.gateway.metrics(), 'fapigw_http_requests_in_flight', { listener: 'listen' })
  await expect.poll(inFlight).toBe(0)
  const id = randomUUID()
  const asked = open.upstream.nextRequest('GET /open/unanswered')
  open.upstream.answer = () => {}
  const client = await openSocket(open.fixture, open.gateway)
  const request = get('/open/unanswered', [`x-fapi-interaction-id: ${id}`])
  client.write(request + get('/open/unanswered') + CONNECT)
  const { socket } = await asked
  // The second waits for its turn, which does not come.
  expect(await inFlight()).toBe(1)
  const released = once(socket, 'close')
  client.socket.destroy()
  expect(await open.gateway.accessLine(id)).toMatchObject({ outcome: 'client_closed', status: 0 })
  await released
  expect(await inFlight()).toBe(0)
})

test('RFC 9110 §9.2.2: what has begun to be answered is not asked again [U03]', async () => {
  const asked = () =>
    open.upstream.requests.filter(({ message }) => message.startLine.includes('/open/half')).length
  open.upstream.answer = ({ socket }) => void socket.end('HTTP/1.1 200 OK\r\nContent-Le')
  const client = await openSocket(open.fixture, open.gateway)
  const answered = new Promise<string>((resolve) => {
    client.socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')))
  })
  client.write(get('/open/half'))
  expect(await answered).toMatch(/^HTTP\/1\.1 502 /)
  expect(asked()).toBe(1)
  client.socket.destroy()
  open.upstream.answer = ({ socket }) => void socket.write(OK)
})
