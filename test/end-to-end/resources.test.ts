/**
 * What a process has only so much of: file descriptors, memory, somebody who reads its log, and itself.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sumOf } from '../support/exposition.ts'
import { type FaultyUpstream, OK, startFaultyUpstream } from '../support/faulty-upstream.ts'
import { type Fixture, HOST, startFixture } from '../support/fixture.ts'
import { readPorts } from '../support/gateway-process.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket, type RawSocket } from '../support/raw-socket.ts'

const BIN = join(import.meta.dirname, '../../src/bin.mjs')
const PRLIMIT = ['/usr/bin/prlimit', '/bin/prlimit'].find(existsSync)

let fixture: Fixture
let upstream: FaultyUpstream
let file: string
const started: ChildProcess[] = []

beforeAll(async () => {
  upstream = await startFaultyUpstream()
  fixture = await startFixture()
  file = join(fixture.folder, 'resources.yaml')
})
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
afterAll(async () => {
  await fixture.close()
  await upstream.close()
})

function yaml({ url = upstream.url, port = 0, path = '/open/**', timeouts = '' } = {}): string {
  return `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:${port}
  public_url: https://${HOST}
  certificate: server.crt
  key: server.key
upstreams:
  core: { url: "${url}", pool: { connections: 128 }${timeouts} }
routes:
  - { id: open, match: "${path}", public: true, upstream: core, limits: { body: 1GiB } }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 10s }
limits: { requests_per_connection: 1000000, request: 5m }
`
}

interface Started {
  readonly child: ChildProcess
  readonly port: number
  readonly admin: string
}

/** @param nodeArgs Go before the program; a wrapper may stand before all of it. */
async function start(
  config = yaml(),
  nodeArgs: readonly string[] = [],
  wrapper: readonly string[] = [],
): Promise<Started> {
  await writeFile(file, config)
  const { FAPI_GATEWAY_CONFIG: _, NODE_OPTIONS: __, ...env } = process.env
  const [command = '', ...args] = [
    ...wrapper,
    process.execPath,
    ...nodeArgs,
    BIN,
    'serve',
    '--config',
    file,
  ]
  const child = spawn(command, args, { env })
  started.push(child)
  let said = ''
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    said += chunk
    const line = said.split('\n').find((one) => one.includes('"ready: ') && one.endsWith('}'))
    if (line !== undefined) return { child, ...readPorts(line) }
  }
  throw new Error(`it did not start: ${said} ${await text(child.stderr)}`)
}

async function statusOf(raw: RawSocket, target = '/open'): Promise<number> {
  raw.write(get(target))
  return (await raw.response()).status
}

async function served({ port }: Started): Promise<number> {
  const raw = await openSocket(fixture, { port })
  const status = await statusOf(raw)
  raw.socket.destroy()
  return status
}

const descriptors = ({ pid }: ChildProcess) => readdirSync(`/proc/${pid}/fd`).length

/** Bytes of memory that are in use, and the most that ever were. */
function memoryOf({ pid }: ChildProcess): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (name: string) => 1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1])
  return { now: of('VmRSS'), peak: of('VmHWM') }
}

describe.skipIf(process.platform !== 'linux')('a process (needs Linux)', () => {
  test.skipIf(PRLIMIT === undefined)(
    'with 128 file descriptors, and 300 connections made: it lives, and serves again when they are gone [O07]',
    { timeout: 60_000 },
    async () => {
      const running = await start(yaml(), [], [PRLIMIT ?? '', '--nofile=128:128'])
      const first = await openSocket(fixture, running)
      const made = await Promise.allSettled(
        Array.from({ length: 300 }, () =>
          Promise.race([
            openSocket(fixture, running),
            new Promise<never>((_, reject) => setTimeout(reject, 3000)),
          ]),
        ),
      )
      const open = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      expect(open.length).toBeGreaterThan(10)
      expect(open.length).toBeLessThan(300)
      for (const raw of [first, ...open]) raw.socket.destroy()
      await expect
        .poll(() => served(running).catch(String), { timeout: 20_000, interval: 200 })
        .toBe(200)
      expect(running.child.exitCode).toBeNull()
    },
  )

  test('whose log nobody reads, or can read: it goes on serving [O08]', {
    timeout: 60_000,
  }, async () => {
    const silent = await start()
    // Many times what a pipe holds, and never read.
    silent.child.stdout?.pause()
    const raw = await openSocket(fixture, silent)
    for (let i = 0; i < 80; i++) {
      raw.write(get('/open').repeat(50))
      for (let j = 0; j < 50; j++) expect((await raw.response()).status).toBe(200)
    }
    const metrics = await (await fetch(`${silent.admin}/metrics`)).text()
    expect(sumOf(metrics, 'fapigw_log_lines_dropped_total')).toBeGreaterThan(0)
    raw.socket.destroy()

    const closed = await start()
    closed.child.stdout?.destroy()
    closed.child.stderr?.destroy()
    const other = await openSocket(fixture, closed)
    for (let i = 0; i < 50; i++) expect(await statusOf(other)).toBe(200)
    other.socket.destroy()
    expect(closed.child.exitCode).toBeNull()
  })

  test('reloads a hundred times under load: no request fails, and nothing is left over [O05]', {
    timeout: 120_000,
  }, async () => {
    const running = await start()
    const raw = await openSocket(fixture, running)
    const reloads = async () =>
      sumOf(await (await fetch(`${running.admin}/metrics`)).text(), 'fapigw_config_reloads_total', {
        result: 'ok',
      }) ?? 0
    const reload = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const before = await reloads()
        await writeFile(file, yaml({ path: i % 2 === 0 ? '/open/*' : '/open/**' }))
        running.child.kill('SIGHUP')
        while ((await reloads()) === before) expect(await statusOf(raw, '/open/a')).toBe(200)
      }
    }
    await reload(20)
    const [memory, files] = [memoryOf(running.child).now, descriptors(running.child)]
    await reload(80)
    expect(descriptors(running.child)).toBeLessThanOrEqual(files + 2)
    expect(memoryOf(running.child).now - memory).toBeLessThan(64 * 1024 * 1024)
    raw.socket.destroy()
  })

  test('that is told to stop amid a hundred requests, with a hundred idle connections, fails none [O01]', {
    timeout: 60_000,
  }, async () => {
    const running = await start()
    const waiting: (() => void)[] = []
    const connections = () =>
      Promise.all(Array.from({ length: 100 }, () => openSocket(fixture, running)))
    const idle = await connections()
    for (const raw of idle) expect(await statusOf(raw)).toBe(200)
    upstream.answer = ({ socket }) => void waiting.push(() => void socket.write(OK))
    const busy = await connections()
    for (const raw of busy) raw.write(get('/open'))
    await expect.poll(() => waiting.length, { timeout: 20_000 }).toBe(100)
    running.child.kill('SIGTERM')
    for (const raw of idle) expect(await raw.rest()).toEqual([])
    upstream.answer = ({ socket }) => void socket.write(OK)
    for (const answer of waiting) answer()
    for (const raw of busy) {
      const [answer, ...others] = await raw.rest()
      expect(answer).toMatchObject({ status: 200, complete: true })
      expect(answer?.lines('connection')).toEqual(['close'])
      expect(others).toEqual([])
    }
    if (running.child.exitCode === null) await once(running.child, 'exit')
    expect(running.child.exitCode).toBe(0)
  })

  test('that is killed amid its work can be started again at once, where it was [O03]', async () => {
    const first = await start()
    const raw = await openSocket(fixture, first)
    expect(await statusOf(raw)).toBe(200)
    upstream.answer = () => {}
    const arrival = upstream.nextRequest()
    raw.write(get('/open'))
    await arrival
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    expect((await raw.rest()).filter(({ complete }) => complete)).toEqual([])
    upstream.answer = ({ socket }) => void socket.write(OK)
    expect(await served(await start(yaml({ port: first.port })))).toBe(200)
  })

  test.each([
    ['an error that nobody catches', 'throw new Error("planted")'],
    ['a promise that is refused to nobody', 'Promise.reject(new Error("planted"))'],
  ])('with %s says so and ends with another code than 0 [O13]', async (_, fault) => {
    const hook = `process.on('SIGUSR2', () => { ${fault} })`
    const running = await start(yaml(), [
      '--import',
      `data:text/javascript,${encodeURIComponent(hook)}`,
    ])
    expect(await served(running)).toBe(200)
    const said = text(running.child.stderr!)
    running.child.kill('SIGUSR2')
    const [code] = await once(running.child, 'exit')
    expect(code).toBeGreaterThan(0)
    expect(await said).toContain('planted')
  })

  test('that was stopped for two seconds goes on where it was, and blames no upstream for that', async () => {
    const running = await start(yaml({ timeouts: ', timeouts: { response_headers: 1s }' }))
    const raw = await openSocket(fixture, running)
    expect(await statusOf(raw)).toBe(200)
    upstream.answer = () => {}
    const arrival = upstream.nextRequest()
    raw.write(get('/open'))
    const { socket } = await arrival
    running.child.kill('SIGSTOP')
    socket.write(OK)
    upstream.answer = ({ socket }) => void socket.write(OK)
    await new Promise((resolve) => setTimeout(resolve, 2000))
    running.child.kill('SIGCONT')
    expect((await raw.response()).status).toBe(200)
    expect(await served(running)).toBe(200)
    expect((await fetch(`${running.admin}/readyz`)).status).toBe(200)
    raw.socket.destroy()
  })
})

describe.skipIf(process.platform !== 'linux')('a heap of 64 MiB (needs Linux)', () => {
  const CHUNK = Buffer.alloc(65_536, 'a')
  const SIZE = 256 * 1024 * 1024
  let server: Server
  let url: string

  beforeAll(async () => {
    server = createServer(async (_, response) => {
      response.writeHead(200, { 'content-length': SIZE })
      for (let sent = 0; sent < SIZE; sent += CHUNK.length) {
        if (!response.write(CHUNK)) await once(response, 'drain')
      }
      response.end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => void server.close())

  test('is enough for content of 256 MiB: none of it is kept [U13, U20]', {
    timeout: 120_000,
  }, async () => {
    const { child, port } = await start(yaml({ url }), ['--max-old-space-size=64'])
    const idle = memoryOf(child).now
    const sent = request({
      host: '127.0.0.1',
      port,
      servername: HOST,
      ca: fixture.authority.certificate,
      headers: { host: HOST },
      path: '/open',
      agent: false,
    })
    sent.end()
    const [answer] = await once(sent, 'response')
    let size = 0
    for await (const chunk of answer) size += chunk.length
    expect(size).toBe(SIZE)
    expect(memoryOf(child).peak - idle).toBeLessThan(96 * 1024 * 1024)
  })
})
