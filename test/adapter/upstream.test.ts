import { afterEach, beforeEach, expect, test } from 'vitest'
import { PooledUpstream } from '../../src/adapter/upstream.ts'
import type { UpstreamConfig } from '../../src/config/configuration.ts'
import type { UpstreamHandler } from '../../src/gateway/upstream.ts'
import {
  type FaultyUpstream,
  OK,
  response,
  startFaultyUpstream,
} from '../support/faulty-upstream.ts'

let bank: FaultyUpstream
let upstream: PooledUpstream

beforeEach(async () => {
  bank = await startFaultyUpstream()
  upstream = new PooledUpstream(config())
})
afterEach(async () => {
  await upstream.destroy()
  await bank.close()
})

function config(more: Partial<UpstreamConfig> = {}): UpstreamConfig {
  return {
    id: 'core',
    origin: bank.url,
    basePath: '/api',
    tls: { ca: undefined, cert: undefined, key: undefined, serverName: undefined },
    connections: 1,
    keepAlive: 30,
    connectTimeout: 5,
    responseTimeout: 30,
    idleTimeout: 30,
    wholeTimeout: undefined,
    ...more,
  }
}

/** Sends a request: fulfilled with `status content` or the code of the error. */
function send(path: string, to = upstream): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const handler: UpstreamHandler = {
      onRequestStart() {},
      onResponseStarted() {},
      onRequestUpgrade() {},
      onResponseStart(_, status) {
        text = `${status} `
      },
      onResponseData(_, chunk) {
        text += String(chunk)
      },
      onResponseEnd: () => resolve(text),
      onResponseError: (_, error) => resolve('code' in error ? String(error.code) : error.message),
    }
    to.dispatch({ method: 'GET', path, headers: [], body: null, upgrade: null }, handler)
  })
}

test('it is known by what the configuration says', () => {
  expect(upstream).toMatchObject({ id: 'core', basePath: '/api', config: config() })
})

test('RFC 9112 §9.3.2: one request at a time on a connection, and the connection is kept', async () => {
  bank.answer = ({ socket, line }) => setImmediate(() => socket.write(response(200, [], line)))
  const answers = await Promise.all(['/a', '/b', '/c'].map((path) => send(path)))
  expect(answers).toEqual(['200 GET /a', '200 GET /b', '200 GET /c'])
  expect(bank.connections).toHaveLength(1)
})

test('it counts connections and what waits for one, and says when too much waits [U16]', async () => {
  const arrival = bank.nextRequest()
  const release: (() => void)[] = []
  bank.answer = ({ socket }) => void release.push(() => void socket.write(OK))
  const first = send('/first')
  await arrival
  expect(upstream.connections).toMatchObject({ active: 1, pending: 0 })
  expect(upstream.isBusy()).toBe(false)

  const waiting = Array.from({ length: 1024 }, (_, i) => send(`/${i}`))
  expect(upstream.connections).toMatchObject({ pending: 1024 })
  expect(upstream.isBusy()).toBe(true)

  bank.answer = ({ socket }) => void socket.write(OK)
  for (const answer of release) answer()
  expect(new Set(await Promise.all([first, ...waiting]))).toEqual(new Set(['200 ok']))
  expect(upstream.isBusy()).toBe(false)
  expect(upstream.connections).toMatchObject({ active: 0, pending: 0 })
})

test('time runs out for a response, and for what comes of it', async () => {
  const hasty = new PooledUpstream(config({ responseTimeout: 0.2, idleTimeout: 0.2 }))
  bank.answer = ({ socket, line }) => {
    if (line === 'GET /stuck') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello')
  }
  expect(await send('/silent', hasty)).toBe('UND_ERR_HEADERS_TIMEOUT')
  expect(await send('/stuck', hasty)).toBe('UND_ERR_BODY_TIMEOUT')
  await hasty.destroy()
})

test('a head of more than 16 KiB is none', async () => {
  bank.answer = ({ socket }) => void socket.write(response(200, [`X: ${'a'.repeat(16_384)}`]))
  expect(await send('/large')).toBe('UND_ERR_HEADERS_OVERFLOW')
})

test('it closes when what is under way has ended, or ends it', async () => {
  const arrival = bank.nextRequest()
  let release: () => void = () => {}
  bank.answer = ({ socket }) => {
    release = () => void socket.write(OK)
  }
  const answer = send('/a')
  await arrival
  const closed = upstream.close()
  release()
  expect(await answer).toBe('200 ok')
  await closed

  const other = new PooledUpstream(config())
  const second = bank.nextRequest()
  const cut = send('/b', other)
  await second
  await other.destroy()
  expect(await cut).toBe('UND_ERR_DESTROYED')
})
