import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { OK, type ReceivedRequest } from '../support/faulty-upstream.ts'
import { HOST } from '../support/fixture.ts'
import { get, type OpenGateway, post, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket, type RawSocket } from '../support/raw-socket.ts'

const MANY = 300

let open: OpenGateway
let client: RawSocket
/** Those that the upstream has not answered. */
let asked: ReceivedRequest[]

beforeAll(async () => {
  open = await startOpenGateway()
})

afterAll(() => open.close())

beforeEach(async () => {
  asked = []
  open.upstream.answer = (request) => void asked.push(request)
  client = await openSocket(open.fixture, open.gateway)
  return () => client.socket.destroy()
})

const targetOf = ({ line }: ReceivedRequest) => line.split(' ')[1]

/** The one request that the upstream is asked now. */
async function theOneAsked(): Promise<ReceivedRequest> {
  await expect.poll(() => asked.length).toBeGreaterThan(0)
  const [request, ...others] = asked.splice(0)
  expect(others).toEqual([])
  return request!
}

async function expectAnswered(target: string, bytes = OK): Promise<void> {
  const request = await theOneAsked()
  expect(targetOf(request)).toBe(target)
  request.socket.write(bytes)
}

describe('RFC 9112 §9.3.2: of requests behind one another', () => {
  test('the second is asked when the first is answered: it may rest on it [H29]', async () => {
    client.write(get('/open/1') + post(['Content-Length: 2'], 'ab', '/open/2') + get('/open/3'))
    await expectAnswered('/open/1')
    await expectAnswered('/open/2')
    await expectAnswered('/open/3')
    for (let i = 0; i < 3; i++) expect((await client.response()).status).toBe(200)
  })

  test('all are answered, however many, and no two are asked at once [H29]', async () => {
    let under = 0
    let most = 0
    open.upstream.answer = ({ socket }) => {
      under += 1
      most = Math.max(most, under)
      setImmediate(() => {
        under -= 1
        socket.write(OK)
      })
    }
    client.write(Array.from({ length: MANY }, (_, i) => get(`/open/${i}`)).join(''))
    for (let i = 0; i < MANY; i++) expect((await client.response()).status).toBe(200)
    expect(most).toBe(1)
  })

  test('a client that leaves is seen to leave [HTTP-28]', async () => {
    client.write(get('/open/1') + get('/open/2'))
    const { socket } = await theOneAsked()
    const released = once(socket, 'close')
    client.socket.destroy()
    await released
    expect(asked).toEqual([])
  })

  test('an answer that breaks off breaks the connection off, behind another too [HTTP-28, U04]', async () => {
    client.write(get('/open/1') + get('/open/2') + get('/open/3'))
    await expectAnswered('/open/1')
    const { socket } = await theOneAsked()
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
    const [first, second, ...others] = await client.rest()
    expect([first?.complete, second?.complete, others]).toEqual([true, false, []])
    expect(asked).toEqual([])
  })

  test('what stands behind a last answer is never asked', async () => {
    client.write(get('/open/1') + get('/open/2', ['Connection: close']) + get('/open/3'))
    await expectAnswered('/open/1')
    await expectAnswered('/open/2')
    expect((await client.rest()).map(({ status }) => status)).toEqual([200, 200])
    expect(asked).toEqual([])
  })

  test.each([
    ['a malformed one', 'GARBAGE\r\n\r\n', 400],
    ['a malformed field', get('/open/3', ['Bad Name: 1']), 400],
    ['malformed content', post(['Transfer-Encoding: chunked'], 'zz\r\n', '/open/3'), 400],
    ['a CONNECT', `CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, 405],
  ])('%s is refused behind the answers to those before it [H29]', async (_, last, status) => {
    client.write(get('/open/1') + get('/open/2') + last)
    await expectAnswered('/open/1')
    await expectAnswered('/open/2')
    expect((await client.rest()).map((one) => one.status)).toEqual([200, 200, status])
    expect(asked).toEqual([])
  })

  test('each is refused in its turn, with content or without', async () => {
    const refused = post(['Content-Length: 2'], 'ab', '/nowhere')
    client.write(get('/nowhere') + get('/open/2') + refused + get('/nowhere') + get('/open/5'))
    await expectAnswered('/open/2')
    await expectAnswered('/open/5')
    const statuses: number[] = []
    while (statuses.length < 5) statuses.push((await client.response()).status)
    expect(statuses).toEqual([404, 200, 404, 404, 200])
  })

  test('the content of one that waits is neither lost nor read ahead without end', async () => {
    const content = 'x'.repeat(1_000_000)
    const long = post([`Content-Length: ${content.length}`], content, '/open/2')
    client.write(get('/open/1') + long + get('/open/3'))
    await expectAnswered('/open/1')
    await expectAnswered('/open/2')
    await expectAnswered('/open/3')
    const [, second] = open.upstream.requests.slice(-3)
    expect(second?.message.body.length).toBe(content.length)
  })

  test('RFC 9112 §9.3: behind an answer that the end of the connection ends, nothing is asked', async () => {
    const kept = ['Connection: keep-alive']
    const old = (request: string) => request.replace('HTTP/1.1', 'HTTP/1.0')
    client.write(
      old(get('/open/1', kept)) + old(post([...kept, 'Content-Length: 2'], 'ab', '/open/behind')),
    )
    await expectAnswered(
      '/open/1',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    )
    await client.closed
    expect(String(client.pending)).toMatch(/\r\n\r\nabc$/)
    open.upstream.answer = ({ socket }) => void socket.write(OK)
    expect(await open.reachedSince(0)).not.toContain('POST /open/behind')
  })

  test('a large answer before a CONNECT comes whole', async () => {
    const size = 8_000_000
    client.write(`${get('/open/1')}CONNECT ${HOST}:443 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    await expectAnswered(
      '/open/1',
      `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`,
    )
    let received = 0
    client.socket.removeAllListeners('data')
    client.socket.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    await client.closed
    expect(received).toBeGreaterThan(size)
  })
})
