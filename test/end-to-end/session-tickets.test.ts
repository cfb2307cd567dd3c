import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { clientHello, extensionsFor } from '../support/client-hello.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
type Version = (typeof VERSIONS)[number]

const HOUR = 3_600_000

let fixture: Fixture

beforeAll(async () => {
  fixture = await startFixture()
})
afterEach(() => void vi.useRealTimers())
afterAll(() => fixture.close())

const REST = `
routes:
  - { id: open, match: /open/**, public: true, upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`

function start(more = ''): Promise<TestGateway> {
  return fixture.gateway(`version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
${more}
${REST}`)
}

interface Made {
  readonly isResumed: boolean
  /** What the server gave to come back with; undefined where it gave nothing. */
  readonly session: Buffer | undefined
}

/** Connects, and asks for something, so that whatever the server sends after the handshake is there. */
async function make(port: number, options: ConnectionOptions): Promise<Made> {
  const { authority } = fixture
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    servername: HOST,
    ca: authority.certificate,
    ...options,
  })
  let session: Buffer | undefined
  socket.on('session', (one) => {
    session = one
  })
  await once(socket, 'secureConnect')
  const isResumed = socket.isSessionReused()
  socket.resume()
  socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
  return { isResumed, session }
}

async function isResumed(port: number, maxVersion: Version, session: Buffer | undefined) {
  if (session === undefined) throw new Error('no session to resume')
  return (await make(port, { maxVersion, session })).isResumed
}

describe.each(VERSIONS)('%s', (maxVersion) => {
  test('RFC 9325 §3.4: a ticket is good until its key is changed, after 12 hours [TLS-9]', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const { port } = await start()
    const { session } = await make(port, { maxVersion })
    await vi.advanceTimersByTimeAsync(12 * HOUR - 1)
    expect(await isResumed(port, maxVersion, session)).toBe(true)
    await vi.advanceTimersByTimeAsync(1)
    expect(await isResumed(port, maxVersion, session)).toBe(false)
    const next = await make(port, { maxVersion })
    expect(await isResumed(port, maxVersion, next.session)).toBe(true)
  })

  test('RFC 9325 §3.4: where tickets are off, nothing is resumed [TLS-9]', async () => {
    const { port } = await start('  session_tickets: off')
    // There is an id, or something that looks like a ticket.
    const { session } = await make(port, { maxVersion })
    expect(await isResumed(port, maxVersion, session)).toBe(false)
  })

  test('a session of one listener is none of another, nor of another gateway [M09]', async () => {
    const one = await fixture.gateway(`version: 1
profile: fapi2-security
listeners:
  first:
    address: 127.0.0.1:0
    public_url: https://$HOST
    tls: { certificates: [{ cert: server.crt, key: server.key }] }
    client_certificate: { verify: optional, ca: ca.pem }
  second:
    address: 127.0.0.1:0
    public_url: https://$HOST
    tls: { certificates: [{ cert: server.crt, key: server.key }] }
    client_certificate: { verify: optional, ca: server.crt }
${REST}`)
    const [first = 0, second = 0] = one.running.addresses.map((url) => Number(new URL(url).port))
    const other = await start()
    const { certificate, key } = fixture.certificates.mtls
    const { session } = await make(first, { maxVersion, cert: certificate, key })
    expect(await isResumed(first, maxVersion, session)).toBe(true)
    expect(await isResumed(second, maxVersion, session)).toBe(false)
    expect(await isResumed(other.port, maxVersion, session)).toBe(false)
  })
})

test('RFC 5246 §7.4.1.2: a session of TLS 1.2 is not resumed by its id alone [TLS-9]', async () => {
  const { port } = await start()
  const sessionId = await sessionIdOf(port, undefined)
  expect(sessionId).toHaveLength(32)
  // RFC 5246 §7.4.1.3: where it were, the server would say the same id again.
  expect(await sessionIdOf(port, sessionId)).not.toEqual(sessionId)
})

/** The session id in a ServerHello of TLS 1.2 to a client without tickets, which asks for this one. */
async function sessionIdOf(port: number, wanted: Buffer | undefined): Promise<Buffer> {
  const extensions = extensionsFor().filter((one) => one.readUInt16BE(0) !== 43)
  const socket = createConnection(port, '127.0.0.1')
  socket.write(clientHello({ sessionId: wanted ?? Buffer.alloc(0), extensions }))
  const [hello] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return hello.subarray(44, 44 + (hello[43] ?? 0))
}

describe('RFC 9325 §3.10, RFC 8470 §3: no data comes before the handshake is done', () => {
  const isInstalled = spawnSync('openssl', ['version']).status === 0
  const suffix = isInstalled ? '' : ' (skipped: openssl is not installed)'
  test.skipIf(!isInstalled)(
    `RFC 8446 §4.2.10: no ticket allows any${suffix} [TLS-14, M22]`,
    async () => {
      const { port } = await start()
      const to = ['-connect', `127.0.0.1:${port}`, '-servername', HOST]
      const talking = promisify(execFile)('openssl', ['s_client', '-tls1_3', '-ign_eof', ...to])
      talking.child.stdin?.end(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
      const { stdout: said } = await talking
      const sizes = [...said.matchAll(/Max Early Data: (\d+)/g)].map(([, size]) => size)
      expect(sizes).not.toEqual([])
      expect(new Set(sizes)).toEqual(new Set(['0']))
    },
  )
})
