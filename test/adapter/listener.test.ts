import { once } from 'node:events'
import { connect } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSelfSigned } from '../../src/demo/certificates.ts'
import { sumOf } from '../support/exposition.ts'
import { get, type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'
import { probe } from '../support/tls-probe.ts'

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway(
    'limits: { handshake: 1s }\n',
    '',
    `
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem`,
  )
})
afterAll(() => open.close())

async function count(name: string, labels: Record<string, string>): Promise<number> {
  return sumOf(await open.gateway.metrics(), `fapigw_${name}`, labels) ?? 0
}

test('its address is where it listens', () => {
  expect(open.gateway.running.addresses).toEqual([`https://127.0.0.1:${open.gateway.port}`])
})

describe('handshakes are counted', () => {
  const done = (labels: Record<string, string>) =>
    count('tls_handshakes_total', { listener: 'listen', ...labels })

  test.each<[Record<string, string>, () => ConnectionOptions | Promise<ConnectionOptions>]>([
    [{ version: 'TLSv1.2', client_certificate: 'none' }, () => ({ maxVersion: 'TLSv1.2' })],
    [{ version: 'TLSv1.3', client_certificate: 'none' }, () => ({})],
    [
      { version: 'TLSv1.3', client_certificate: 'trusted' },
      () => {
        const { certificate, key } = open.fixture.certificates.mtls
        return { cert: certificate, key }
      },
    ],
    [
      { version: 'TLSv1.3', client_certificate: 'untrusted' },
      async () => {
        const { certificate, key } = await createSelfSigned({ commonName: 'x', keyKind: 'EC' })
        return { cert: certificate, key }
      },
    ],
  ])('%o', async (labels, options) => {
    const before = await done({ ...labels, resumed: 'false' })
    const raw = await openSocket(open.fixture, open.gateway, await options())
    await expect.poll(() => done({ ...labels, resumed: 'false' })).toBe(before + 1)
    raw.socket.destroy()
  })

  test('those that resume a session apart', async () => {
    const raw = await openSocket(open.fixture, open.gateway)
    const [session] = (await once(raw.socket, 'session')) as [Buffer]
    raw.socket.destroy()
    const again = await openSocket(open.fixture, open.gateway, { session })
    await expect.poll(() => done({ resumed: 'true' })).toBe(1)
    again.socket.destroy()
  })
})

describe('handshakes that fail are counted by why', () => {
  const failed = (reason: string) => count('tls_handshake_errors_total', { reason })
  const loose = { ciphers: 'ALL:@SECLEVEL=0', minVersion: 'TLSv1' } as const

  test.each<[string, ConnectionOptions]>([
    ['protocol_version', { ...loose, maxVersion: 'TLSv1.1' }],
    ['no_shared_cipher', { ciphers: 'AES128-SHA:@SECLEVEL=0', maxVersion: 'TLSv1.2' }],
    ['no_shared_signature', { ...loose, maxVersion: 'TLSv1.2', sigalgs: 'RSA+SHA1' }],
    ['no_shared_group', { minVersion: 'TLSv1.3', ecdhCurve: 'P-521' }],
    ['no_application_protocol', { ALPNProtocols: ['h2'] }],
  ])('%s', async (reason, options) => {
    const before = await failed(reason)
    expect(await probe(open.fixture, open.gateway, options)).toMatch(/^ERR_SSL/)
    await expect.poll(() => failed(reason)).toBe(before + 1)
  })

  test.each<[string, string | undefined]>([
    ['plain_http', 'GET / HTTP/1.1\r\n\r\n'],
    ['tls', '\x16\x03\x01\x00\x05hello'],
    ['timeout', undefined],
  ])('%s', async (reason, bytes) => {
    const before = await failed(reason)
    const socket = connect(open.gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    if (bytes !== undefined) socket.write(Buffer.from(bytes, 'latin1'))
    await expect.poll(() => failed(reason), { timeout: 20_000 }).toBe(before + 1)
    socket.destroy()
  })

  test('reset', async () => {
    const before = await failed('reset')
    const socket = connect(open.gateway.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(Buffer.from('\x16\x03\x01\x02\x00', 'latin1'), () => socket.resetAndDestroy())
    await expect.poll(() => failed('reset')).toBe(before + 1)
  })
})

test('requests under way are counted while they are', async () => {
  const inFlight = () => count('http_requests_in_flight', { listener: 'listen' })
  open.upstream.answer = () => {}
  const arrival = open.upstream.nextRequest()
  const raw = await openSocket(open.fixture, open.gateway)
  raw.write(get('/open'))
  await arrival
  expect(await inFlight()).toBe(1)
  raw.socket.destroy()
  await expect.poll(inFlight).toBe(0)
})

test('what was never a request is counted and logged as one that was refused', async () => {
  const labels = { route: '_unmatched', reason: 'http_malformed' }
  const before = await count('denials_total', labels)
  const lines = open.gateway.lines.length
  await open.send('GET / HTTP/1.1\r\nX : a\r\n\r\n')
  expect(await count('denials_total', labels)).toBe(before + 1)
  const line = open.gateway.lines.slice(lines).find((one) => one.includes('http_malformed'))
  expect(JSON.parse(line ?? '')).toMatchObject({
    listener: 'listen',
    route: '_unmatched',
    method: 'other',
    status: 400,
    reason: 'http_malformed',
  })
})
