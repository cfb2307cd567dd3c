import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FaultyUpstream, OK, startFaultyUpstream } from '../support/faulty-upstream.ts'
import { type Fixture, startFixture } from '../support/fixture.ts'
import { type GatewayProcess, readPorts, serve } from '../support/gateway-process.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'

let fixture: Fixture
let upstream: FaultyUpstream
const started: GatewayProcess[] = []

beforeAll(async () => {
  upstream = await startFaultyUpstream()
  fixture = await startFixture()
})
beforeEach(() => {
  upstream.answer = ({ socket }) => void socket.write(OK)
})
afterEach(async () => {
  for (const { child, exit } of started.splice(0)) {
    if (child.exitCode === null) child.kill('SIGKILL')
    await exit
  }
})
afterAll(async () => {
  await fixture.close()
  await upstream.close()
})

function yaml({ port = 0, readyOffFor = '0s', drain = '20s' } = {}): string {
  return `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:${port}
  public_url: https://api.bank.example
  certificate: server.crt
  key: server.key
routes:
  - { id: open, match: /open/**, public: true, upstream: "${upstream.url}" }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: ${readyOffFor}, drain: ${drain} }
`
}

async function start(text: string, more: NodeJS.ProcessEnv = {}): Promise<GatewayProcess> {
  const file = join(fixture.folder, 'process.yaml')
  await writeFile(file, text)
  const running = serve(file, more)
  started.push(running)
  return running
}

async function startReady(text: string) {
  const running = await start(text)
  return { ...running, ...readPorts(await running.line('"ready: ')) }
}

/** Whether a port takes no connection any more. */
function refuses(port: number): Promise<boolean> {
  return openSocket(fixture, { port }).then(
    ({ socket }) => {
      socket.destroy()
      return false
    },
    () => true,
  )
}

test('RFC 9449 §11.1: it does not serve as one of several workers, which would each remember their own [R12]', async () => {
  // What Node tells a worker that it is one by.
  const { exit, lines } = await start(yaml(), { NODE_UNIQUE_ID: '1' })
  expect(await exit).toBe(1)
  expect(lines).toEqual([expect.stringContaining('run one process')])
})

test('it says where it is when it is ready, and is', async () => {
  const { port, admin, line } = await startReady(yaml())
  const { msg, profile } = JSON.parse(await line('"ready: '))
  expect(msg).toBe(`ready: https://127.0.0.1:${port}, admin ${admin}`)
  expect(profile).toBe('fapi2-security')
  expect((await fetch(`${admin}/readyz`)).status).toBe(200)
  const raw = await openSocket(fixture, { port })
  raw.write(get('/open'))
  expect((await raw.response()).status).toBe(200)
  raw.socket.destroy()
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s: what is under way is answered and told it was the last, and the process ends with 0 [OPS-9, O01]',
  async (signal) => {
    const { child, port, admin, exit } = await startReady(yaml({ readyOffFor: '1s' }))
    const waiting: (() => void)[] = []
    upstream.answer = ({ socket }) => void waiting.push(() => void socket.write(OK))
    const idle = await openSocket(fixture, { port })
    idle.write(get('/none'))
    expect((await idle.response()).lines('connection')).toEqual(['keep-alive'])
    const sockets = await Promise.all(
      Array.from({ length: 10 }, () => openSocket(fixture, { port })),
    )
    const before = upstream.requests.length
    for (const raw of sockets) raw.write(get('/open'))
    await expect.poll(() => upstream.requests.length, { timeout: 20_000 }).toBe(before + 10)

    child.kill(signal)
    await expect.poll(async () => (await fetch(`${admin}/readyz`)).status).toBe(503)
    // No new connection, and the idle one is gone, while ten requests are still under way.
    expect(await idle.rest()).toEqual([])
    await expect(openSocket(fixture, { port })).rejects.toThrow()
    for (const answer of waiting) answer()
    for (const raw of sockets) {
      const answer = await raw.response()
      expect(answer).toMatchObject({ status: 200, complete: true })
      expect(answer.lines('connection')).toEqual(['close'])
      expect(await raw.rest()).toEqual([])
    }
    expect(await exit).toBe(0)
  },
)

test('SIGTERM amid an answer: it comes to its end, and the connection with it [OPS-9, O01]', async () => {
  const { child, port, exit } = await startReady(yaml())
  let finish: () => void = () => {}
  upstream.answer = ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
    finish = () => void socket.write('world')
  }
  const raw = await openSocket(fixture, { port })
  const begun = once(raw.socket, 'data')
  raw.write(get('/open'))
  await begun
  child.kill('SIGTERM')
  await expect.poll(() => refuses(port)).toBe(true)
  finish()
  expect((await raw.rest()).map(({ body }) => String(body))).toEqual(['helloworld'])
  expect(await exit).toBe(0)
})

test('a second signal ends it at once [O02]', async () => {
  const { child, port, exit, line } = await startReady(yaml({ drain: '1h' }))
  upstream.answer = () => {}
  const arrival = upstream.nextRequest()
  const raw = await openSocket(fixture, { port })
  raw.write(get('/open'))
  await arrival
  child.kill('SIGTERM')
  await expect.poll(() => refuses(port)).toBe(true)
  expect(child.exitCode).toBeNull()
  child.kill('SIGTERM')
  expect(await exit).toBe(1)
  expect(await line('"ready: ')).toBeDefined()
  await raw.closed
})

test('what does not end in time is cut off, and the exit code says so [O02]', async () => {
  const { child, port, exit } = await startReady(yaml({ drain: '1s' }))
  upstream.answer = () => {}
  const arrival = upstream.nextRequest()
  const raw = await openSocket(fixture, { port })
  raw.write(get('/open'))
  await arrival
  child.kill('SIGTERM')
  expect(await raw.rest()).toEqual([])
  expect(await exit).toBe(1)
})

test.each([
  ['a key that is not known', (text: string) => text.replace('routes:', 'rutes:')],
  ['a certificate that is not there', (text: string) => text.replace('server.crt', 'none.crt')],
  ['no YAML', () => 'version: [1'],
  ['an empty file', () => ''],
])('a configuration with %s: exit code 78, and where it is [OPS-6, O22]', async (_, spoil) => {
  const { exit, lines } = await start(spoil(yaml()))
  expect(await exit).toBe(78)
  expect(lines.join('\n')).toMatch(/process\.yaml:\d+:\d+: error\[/)
})

test('a file that is not there: exit code 78', async () => {
  const running = serve(join(fixture.folder, 'none.yaml'))
  started.push(running)
  expect(await running.exit).toBe(78)
  expect(running.lines.join('\n')).toContain('none.yaml')
})

test('an address that is in use: exit code 1, and which', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const { exit, lines } = await start(yaml({ port }))
  expect(await exit).toBe(1)
  expect(lines.join('\n')).toContain(`address already in use 127.0.0.1:${port}`)
  taken.close()
})

test('RFC 9449 §11.1: a start says that used proofs are remembered by this process alone, where nonces are not', async () => {
  const dpop = 'dpop: { nonce: { secret: a-secret-of-thirty-two-characters } }\n'
  const running = await startReady(yaml() + dpop)
  expect(await running.line('shared-in-part')).toContain('warning')
  expect(running.lines.join('\n')).not.toContain('a-secret')
})
