import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type FaultyUpstream, startFaultyUpstream } from '../support/faulty-upstream.ts'
import { type Fixture, startFixture } from '../support/fixture.ts'
import { type GatewayProcess, readPorts, serve } from '../support/gateway-process.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'
import { type Stub, type StubAnswer, startStub } from '../support/stub.ts'

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const KEYS = { body: { keys: [publicKey.export({ format: 'jwk' })] } }

const BIN = join(import.meta.dirname, '../../src/bin.mjs')

let fixture: Fixture
let upstream: FaultyUpstream
/** In the place of an issuer; what it says is held back until a test says it. */
let stub: Stub
let file: string
let asked: Promise<void>
let answer: (said: StubAnswer) => void
const started: GatewayProcess[] = []

beforeAll(async () => {
  upstream = await startFaultyUpstream()
  fixture = await startFixture()
  stub = await startStub(fixture, () => ({ status: 503 }))
  file = join(fixture.folder, 'signals.yaml')
  const { certificate, key } = fixture.server
  // The chain behind it is cut off: that is seen by whoever loads it, not by who reads the first.
  const cut = `${certificate}\n-----BEGIN CERTIFICATE-----\nMIIB\n`
  await writeFile(join(fixture.folder, 'cut.crt'), cut)
  await writeFile(join(fixture.folder, 'cut.key'), key)
})
beforeEach(() => {
  const held = Promise.withResolvers<StubAnswer>()
  answer = held.resolve
  asked = new Promise((resolve) => {
    stub.answer = () => {
      resolve()
      return held.promise
    }
  })
})
afterEach(async () => {
  answer({ status: 503 })
  for (const { child, exit } of started.splice(0)) {
    if (child.exitCode === null) child.kill('SIGKILL')
    await exit
  }
})
afterAll(async () => {
  await fixture.close()
  await Promise.all([stub.close(), upstream.close()])
})

interface Parts {
  readonly path?: string
  readonly certificate?: string
  readonly listen?: number
  readonly admin?: number | undefined
  /** Names of issuers and upstreams besides. */
  readonly more?: readonly string[]
}

/** Its issuers are those that the stub does not answer for. */
function yaml({ path = '/old', certificate = 'server', listen = 0, more = [], ...rest }: Parts) {
  const admin = 'admin' in rest ? rest.admin : 0
  const issuers = more.map(
    (id) =>
      `  ${id}: { issuer: "${stub.origin}", audience: https://api.bank.example, ca: ca.pem, jwks_uri: "${stub.origin}/${id}", jwks: { timeout: 30s } }`,
  )
  const upstreams = more.map((id) => `  ${id}: { url: "http://127.0.0.1:1" }`)
  return `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:${listen}
  public_url: https://api.bank.example
  certificate: ${certificate}.crt
  key: ${certificate}.key
${more.length === 0 ? '' : `issuers:\n${issuers.join('\n')}\nupstreams:\n${upstreams.join('\n')}`}
routes:
  - { id: open, match: ${path}, public: true, upstream: "${upstream.url}" }
${admin === undefined ? '' : `admin: { address: 127.0.0.1:${admin} }`}
shutdown: { ready_off_for: 0s, drain: 2s }
`
}

async function start(parts: Parts = {}): Promise<GatewayProcess> {
  await writeFile(file, yaml(parts))
  const running = serve(file)
  started.push(running)
  return running
}

async function statusOf(port: number, path: string): Promise<number> {
  const raw = await openSocket(fixture, { port })
  raw.write(get(path))
  const { status } = await raw.response()
  raw.socket.destroy()
  return status
}

async function takePort(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

describe('SIGHUP', () => {
  test('twice at once, both without what was there: the process lives, and ends well', async () => {
    const running = await start({ more: ['dropped'] })
    await asked
    answer(KEYS)
    const { port } = readPorts(await running.line('"ready: '))

    const held = Promise.withResolvers<StubAnswer>()
    const arrived = new Promise<void>((resolve) => {
      stub.answer = () => {
        resolve()
        return held.promise
      }
    })
    await writeFile(file, yaml({ more: ['added'], path: '/between' }))
    running.child.kill('SIGHUP')
    await arrived
    await writeFile(file, yaml({ path: '/new' }))
    running.child.kill('SIGHUP')
    held.resolve(KEYS)
    const reloaded = () => running.lines.filter((line) => line.includes('configuration reloaded'))
    await expect.poll(() => reloaded().length, { timeout: 20_000 }).toBe(2)
    expect([await statusOf(port, '/new'), await statusOf(port, '/between')]).toEqual([200, 404])

    running.child.kill('SIGTERM')
    expect(await running.exit).toBe(0)
  })

  test('with a certificate that cannot be used: the old one serves, and the log says why', async () => {
    const running = await start()
    const { port } = readPorts(await running.line('"ready: '))
    await writeFile(file, yaml({ path: '/new', certificate: 'cut' }))
    running.child.kill('SIGHUP')
    const line = JSON.parse(await running.line('the configuration was not reloaded'))
    expect(String(line.obstacles)).toMatch(/PEM|bad end line/)
    expect([await statusOf(port, '/old'), await statusOf(port, '/new')]).toEqual([200, 404])

    await writeFile(file, yaml({ path: '/new' }))
    running.child.kill('SIGHUP')
    await running.line('configuration reloaded')
    expect(await statusOf(port, '/new')).toBe(200)
  })

  test('while issuers are asked at the start: the file is read again after that', async () => {
    const running = await start({ more: ['slow'] })
    await asked
    await writeFile(file, yaml({ more: ['slow'], path: '/new' }))
    running.child.kill('SIGHUP')
    answer(KEYS)
    await running.line('configuration reloaded')
    const { port } = readPorts(await running.line('"ready: '))
    expect([await statusOf(port, '/old'), await statusOf(port, '/new')]).toEqual([404, 200])
  })
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s while issuers are asked at the start: it ends with 0 as soon as they have answered',
  async (signal) => {
    const running = await start({ more: ['slow'] })
    await asked
    running.child.kill(signal)
    await running.line('stopping: ')
    answer(KEYS)
    expect(await running.exit).toBe(0)
    expect(running.lines.filter((line) => line.includes('"level":60'))).toEqual([])
  },
)

describe('a start that fails: exit code 1, and the log says why', () => {
  const taken: Server[] = []
  afterEach(() => {
    for (const server of taken.splice(0)) server.close()
  })

  test.each<[string, (port: number) => Parts]>([
    ['the address of the admin listener is in use', (port) => ({ admin: port })],
    ['that of a listener is, without an admin', (port) => ({ listen: port, admin: undefined })],
    ['that of a listener is, with an admin', (port) => ({ listen: port })],
  ])('%s', async (_title, parts) => {
    const { server, port } = await takePort()
    taken.push(server)
    const running = await start(parts(port))
    expect(await running.exit).toBe(1)
    const line = JSON.parse(await running.line('the gateway could not start'))
    expect(line.level).toBe('fatal')
    expect(line.cause).toMatch(`EADDRINUSE: address already in use 127.0.0.1:${port}`)
  })

  test('a certificate cannot be used', async () => {
    const running = await start({ certificate: 'cut' })
    expect(await running.exit).toBe(1)
    const line = JSON.parse(await running.line('the gateway could not start'))
    expect(line.cause).toMatch(/PEM|bad end line/)
  })
})

test('whoever reads no further than the beginning, such as head, is told nothing about it', async () => {
  const { FAPI_GATEWAY_CONFIG: _, NODE_OPTIONS: __, ...env } = process.env
  const child = spawn(process.execPath, [BIN, 'schema'], { env })
  child.stdout.destroy()
  const [said, [code, signal]] = await Promise.all([text(child.stderr), once(child, 'close')])
  expect([said, code, signal]).toEqual(['', 0, null])
})
