import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import { AdminListener, type Readiness } from '../../src/adapter/admin.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

const TOKEN = 'a-token-for-administration'

const listeners: AdminListener[] = []

afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close()
})

async function start(readiness: () => Readiness[] = () => [], token?: string): Promise<string> {
  const listener = new AdminListener({ metrics: createMetrics(), token, readiness })
  listeners.push(listener)
  await listener.listen('127.0.0.1', 0)
  return listener.address
}

async function get(url: string, init: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(url, init)
  expect(response.headers.get('cache-control')).toBe('no-store')
  return [response.status, await response.text()]
}

describe('/healthz and /readyz', () => {
  test('a process that runs is alive, ready or not', async () => {
    const url = await start(() => [{ name: 'issuer bank', ready: false }])
    expect(await get(`${url}/healthz`)).toEqual([200, 'ok\n'])
  })

  test('ready is who is ready in everything, and each thing is told to whoever asks [OPS-5]', async () => {
    let ready = false
    const url = await start(() => [
      { name: 'not shutting down', ready: true },
      { name: 'issuer bank', ready },
    ])
    expect(await get(`${url}/readyz`)).toEqual([503, 'not ready\n'])
    expect(await get(`${url}/readyz?verbose`)).toEqual([
      503,
      '[+] not shutting down\n[-] issuer bank\nnot ready\n',
    ])
    ready = true
    expect(await get(`${url}/readyz`)).toEqual([200, 'ready\n'])
    expect(await get(`${url}/readyz?verbose`)).toEqual([
      200,
      '[+] not shutting down\n[+] issuer bank\nready\n',
    ])
  })
})

test('what passes is told, and others are served meanwhile [R02]', async () => {
  const url = await start(() => [
    { name: 'issuer bank', ready: true },
    { name: 'store redis: no answer in time', ready: false, isPassing: true },
  ])
  expect(await get(`${url}/readyz?verbose`)).toEqual([
    200,
    '[+] issuer bank\n[-] store redis: no answer in time\nready\n',
  ])
})

describe('/metrics', () => {
  test('are the text of a scrape', async () => {
    const url = await start()
    const response = await fetch(`${url}/metrics`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(await response.text()).toContain('# TYPE fapigw_http_requests_total counter\n')
  })

  test.each([
    ['no token', {}],
    ['another', { authorization: `Bearer ${TOKEN}x` }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['the token alone', { authorization: TOKEN }],
  ])('RFC 9110 §11.6.1: where a token is configured, %s is refused', async (_title, headers) => {
    const url = await start(undefined, TOKEN)
    const response = await fetch(`${url}/metrics`, { headers: headers as Record<string, string> })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="admin"')
    expect(await response.text()).not.toContain('fapigw')
  })

  test('where a token is configured, it is asked for; health is told to everybody', async () => {
    const url = await start(undefined, TOKEN)
    const headers = { authorization: `Bearer ${TOKEN}` }
    expect((await get(`${url}/metrics`, { headers }))[0]).toBe(200)
    expect((await get(`${url}/healthz`))[0]).toBe(200)
    expect((await get(`${url}/readyz`))[0]).toBe(200)
  })
})

/** Sends a request target that no URL can spell, and reads the status line. */
async function statusLine(url: string, target: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.end(`GET ${target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n`)
  return (await text(socket)).split('\r\n', 1)[0]!
}

describe('nothing else is answered [O18, PF-44]', () => {
  test.each(['//', '//[', 'http://[', 'http://a:b/healthz', '/\\\\'])(
    'a target that is no URL: %s',
    async (target) => {
      const url = await start()
      expect(await statusLine(url, target)).toBe('HTTP/1.1 404 Not Found')
      expect((await get(`${url}/healthz`))[0]).toBe(200)
    },
  )

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'RFC 9110 §15.5.6: %s',
    async (method) => {
      const response = await fetch(`${await start()}/readyz`, { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe('GET, HEAD')
    },
  )

  test.each(['/', '/metrics/', '/healthz/x', '//metrics', '/%6Detrics'])('%s', async (path) => {
    expect((await get((await start()) + path))[0]).toBe(404)
  })

  test('HEAD has no content', async () => {
    expect(await get(`${await start()}/healthz`, { method: 'HEAD' })).toEqual([200, ''])
  })
})
