import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientHello } from '../support/client-hello.ts'
import { type FaultyUpstream, OK, startFaultyUpstream } from '../support/faulty-upstream.ts'
import { type Fixture, HOST, startFixture } from '../support/fixture.ts'
import { type GatewayProcess, readPorts, serve } from '../support/gateway-process.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'
import { probe } from '../support/tls-probe.ts'

let fixture: Fixture
let upstream: FaultyUpstream
let file: string
let running: GatewayProcess & { readonly port: number; readonly admin: string }

const yaml = (certificate: string) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://${HOST}
  certificate: ${certificate}.crt
  key: ${certificate}.key
  client_ca: ca.pem
routes:
  - { id: open, match: /open/**, public: true, upstream: "${upstream.url}" }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
limits: { handshake: 3s }
`

beforeAll(async () => {
  upstream = await startFaultyUpstream()
  upstream.answer = ({ socket }) => void socket.write(OK)
  fixture = await startFixture()
  for (const keyKind of ['RSA', 'EC'] as const) {
    const issued = await fixture.authority.issueServer({ dnsNames: [HOST], keyKind })
    await writeFile(join(fixture.folder, `${keyKind}.crt`), issued.certificate)
    await writeFile(join(fixture.folder, `${keyKind}.key`), issued.key)
  }
  await writeFile(join(fixture.folder, 'broken.crt'), 'none')
  await writeFile(join(fixture.folder, 'broken.key'), 'none')
  await writeFile(join(fixture.folder, 'other.crt'), fixture.server.certificate)
  await writeFile(join(fixture.folder, 'other.key'), fixture.certificates.mtls.key)
  file = join(fixture.folder, 'handshakes.yaml')
  await writeFile(file, yaml('EC'))
  const started = serve(file)
  running = { ...started, ...readPorts(await started.line('"ready: ')) }
})
afterAll(async () => {
  running.child.kill('SIGKILL')
  await running.exit
  await fixture.close()
  await upstream.close()
})

/** The status of a request on a connection of its own. */
async function statusOf(
  options: ConnectionOptions = {},
  target = '/open',
  at: { readonly port: number } = running,
): Promise<number> {
  const raw = await openSocket(fixture, at, options)
  raw.write(get(target, ['Connection: close']))
  const [answer] = await raw.rest()
  return answer?.status ?? 0
}

test('six hundred clients that do not go on with their handshake: others are served, and they are let go [M14]', async () => {
  let closed = 0
  const half = clientHello().subarray(0, 100)
  const sockets = await Promise.all(
    Array.from({ length: 600 }, async (_, index) => {
      const socket = connect(running.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.once('close', () => {
        closed += 1
      })
      await once(socket, 'connect')
      if (index % 2 === 0) socket.write(half)
      return socket
    }),
  )
  expect(await statusOf()).toBe(200)
  expect(closed).toBeLessThan(600)
  for (const socket of sockets) socket.resume()
  await expect.poll(() => closed, { timeout: 25_000 }).toBe(600)
  expect(await statusOf()).toBe(200)
})

test('a connection that is there is served amid a flood of handshakes [M25]', async () => {
  const raw = await openSocket(fixture, running)
  let done = 0
  const flood = Array.from({ length: 300 }, async () => {
    await probe(fixture, running)
    done += 1
  })
  raw.write(get('/open'))
  expect((await raw.response()).status).toBe(200)
  expect(done).toBeLessThan(300)
  await Promise.all(flood)
  raw.socket.destroy()
})

/** Loaded into the process before the program: says how much memory is in use, garbage aside. */
const TELL_MEMORY = `
let told = 0
process.on('SIGUSR2', async () => {
  for (let i = 0; i < 5; i++) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  console.log('memory ' + (told += 1) + ' ' + JSON.stringify(process.memoryUsage()))
})
`

test('a thousand handshakes with certificates of clients leave nothing behind [M16]', async () => {
  const preload = join(fixture.folder, 'tell-memory.cjs')
  const configuration = join(fixture.folder, 'memory.yaml')
  await writeFile(preload, TELL_MEMORY)
  await writeFile(configuration, yaml('EC'))
  const measured = serve(configuration, {}, ['--expose-gc', '--require', preload])
  try {
    const target = readPorts(await measured.line('"ready: '))
    const { certificate, key } = await fixture.authority.issueClient({
      commonName: 'many',
      keyKind: 'EC',
    })
    const shake = async (count: number) => {
      const some = async () => {
        for (let i = 0; i < count / 8; i++) {
          expect(await statusOf({ cert: certificate, key }, '/none', target)).toBe(404)
        }
      }
      await Promise.all(Array.from({ length: 8 }, some))
    }
    const memory = async (time: number) => {
      measured.child.kill('SIGUSR2')
      const line = await measured.line(`memory ${time} `)
      return JSON.parse(line.slice(line.indexOf('{'))) as NodeJS.MemoryUsage
    }
    await shake(600)
    const before = await memory(1)
    await shake(1000)
    const after = await memory(2)
    // 512 octets a handshake of what JavaScript holds; of all the rest, what allocators keep is more.
    expect(after.heapUsed - before.heapUsed).toBeLessThan(512_000)
    expect(after.external - before.external).toBeLessThan(512_000)
    expect(after.rss - before.rss).toBeLessThan(24_000_000)
  } finally {
    measured.child.kill('SIGKILL')
    await measured.exit
  }
}, 90_000)

describe('RFC 9325 §7.5: a certificate that is replaced', () => {
  const reload = async (certificate: string, outcome: string) => {
    await writeFile(file, yaml(certificate))
    const from = running.lines.length
    running.child.kill('SIGHUP')
    const isSaid = () => running.lines.slice(from).some((line) => line.includes(outcome))
    await expect.poll(isSaid, { timeout: 20_000, interval: 10 }).toBe(true)
  }

  test('again and again, and by one that cannot be used: no handshake fails [M21, TLS-19]', async () => {
    let stop = false
    const load = Array.from({ length: 4 }, async () => {
      const statuses = new Set<number>()
      while (!stop) statuses.add(await statusOf())
      return [...statuses]
    })
    try {
      for (let i = 0; i < 5; i++) {
        await reload('RSA', 'configuration reloaded')
        expect(await cipherOf()).toMatch(/_RSA_/)
        await reload('broken', 'was not reloaded')
        await reload('other', 'was not reloaded')
        expect(await cipherOf()).toMatch(/_RSA_/)
        await reload('EC', 'configuration reloaded')
        expect(await cipherOf()).toMatch(/_ECDSA_/)
      }
    } finally {
      stop = true
    }
    expect(await Promise.all(load)).toEqual([[200], [200], [200], [200]])
  })

  /** The suite of a handshake of TLS 1.2, which says what key the certificate has. */
  async function cipherOf(): Promise<string> {
    const made = await probe(fixture, running, { maxVersion: 'TLSv1.2' })
    return typeof made === 'string' ? made : made.suite
  }
})

const isInstalled = spawnSync('openssl', ['version']).status === 0
const suffix = isInstalled ? '' : ' (skipped: openssl is not installed)'

test.skipIf(!isInstalled)(
  `RFC 8446 §4.6.3: keys that are updated two hundred times: the connection goes on, and others too${suffix} [M24]`,
  async () => {
    const to = ['-connect', `127.0.0.1:${running.port}`, '-servername', HOST]
    const client = spawn('openssl', ['s_client', '-tls1_3', ...to])
    try {
      let said = ''
      const hears = async (pattern: RegExp) => {
        while (!pattern.test(said)) await once(client, 'heard')
      }
      for (const output of [client.stdout, client.stderr]) {
        output.on('data', (chunk) => {
          said += chunk
          client.emit('heard')
        })
      }
      await hears(/Verify return code/)
      for (let i = 1; i <= 200; i++) {
        said = ''
        // Asks for an update of both directions.
        client.stdin.write('K\n')
        await hears(/KEYUPDATE/)
      }
      expect(await statusOf()).toBe(200)
      said = ''
      client.stdin.write(get('/open', ['Connection: close']))
      await hears(/HTTP\/1\.1 200/)
    } finally {
      client.kill('SIGKILL')
    }
    expect(await statusOf()).toBe(200)
  },
)
