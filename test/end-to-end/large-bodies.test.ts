/**
 * Content of any size passes through memory of one size.
 *
 * @module
 */

import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Listening, listen } from '../../src/demo/loopback.ts'
import { type Fixture, HOST, startFixture } from '../support/fixture.ts'
import { type GatewayProcess, readPorts, serve } from '../support/gateway-process.ts'
import { openHttp2 } from '../support/http2-client.ts'

const MIB = 1_048_576
const CHUNK = Buffer.alloc(65_536, 'a')
/** What everything has been made for that is made once; and what comes then. */
const [WARM, LARGE] = [48 * MIB, 128 * MIB]
/** As much more as it may take at its peak. */
const MOST = 32 * MIB

let fixture: Fixture
let upstream: Listening
let running: GatewayProcess & { readonly port: number }

beforeAll(async () => {
  const server = createServer(async (incoming, response) => {
    let size = 0
    for await (const chunk of incoming) size += chunk.length
    const wanted = Number(incoming.headers['x-wanted'] ?? 0)
    response.writeHead(200, { 'x-received': size, 'content-length': wanted })
    await pipeline(Readable.from(chunks(wanted)), response).catch(() => {})
  })
  upstream = await listen(server, 0)
  fixture = await startFixture()
  const file = join(fixture.folder, 'large.yaml')
  await writeFile(
    file,
    `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://${HOST}
  certificate: server.crt
  key: server.key
  alpn: [h2, http/1.1]
limits: { request: 10m }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
routes:
  - id: open
    match: /open
    public: true
    upstream: http://127.0.0.1:${upstream.port}
    limits: { body: 1GiB }
`,
  )
  const started = serve(file)
  running = { ...started, ...readPorts(await started.line('"ready: ')) }
})

afterAll(async () => {
  running.child.kill('SIGKILL')
  await running.exit
  await upstream.close()
  await fixture.close()
})

function* chunks(size: number): Generator<Buffer> {
  for (let left = size; left > 0; left -= CHUNK.length) yield CHUNK.subarray(0, left)
}

async function sizeOf(source: AsyncIterable<Buffer>): Promise<number> {
  let size = 0
  for await (const chunk of source) size += chunk.length
  return size
}

/** Sends and receives so many bytes; how many came through, up and down. */
type Exchange = (up: number, down: number) => Promise<[number, number]>

const byHttp1: Exchange = (up, down) =>
  new Promise((resolve, reject) => {
    const { authority } = fixture
    const to = {
      host: '127.0.0.1',
      port: running.port,
      servername: HOST,
      ca: authority.certificate,
    }
    const headers = { host: HOST, 'content-length': up, 'x-wanted': down }
    const sent = request({ ...to, agent: false, method: 'PUT', path: '/open', headers })
    sent.once('error', reject)
    sent.once('response', async (response) => {
      resolve([Number(response.headers['x-received']), await sizeOf(response)])
    })
    pipeline(Readable.from(chunks(up)), sent).catch(reject)
  })

const byHttp2: Exchange = async (up, down) => {
  const client = await openHttp2(fixture, running)
  const stream = client.begin({ ':method': 'PUT', 'x-wanted': String(down) }, false)
  let received = 0
  stream.on('response', (head) => {
    received = Number(head['x-received'])
  })
  const sending = pipeline(Readable.from(chunks(up)), stream, { end: true }).catch(() => {})
  const size = await sizeOf(stream)
  await sending
  client.close()
  return [received, size]
}

/** Most that the gateway ever had in memory. */
async function peak(): Promise<number> {
  const status = await readFile(`/proc/${running.child.pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

test.skipIf(process.platform !== 'linux').each<[string, Exchange]>([
  ['HTTP/1.1', byHttp1],
  ['HTTP/2', byHttp2],
])(
  'by %s content of any size, up and down, takes the same memory [U13, U14]',
  {
    timeout: 300_000,
  },
  async (_, exchange) => {
    expect(await exchange(WARM, 0)).toEqual([WARM, 0])
    expect(await exchange(0, WARM)).toEqual([0, WARM])
    const before = await peak()
    expect(await exchange(LARGE, 0)).toEqual([LARGE, 0])
    expect(await exchange(0, LARGE)).toEqual([0, LARGE])
    expect(((await peak()) - before) / MIB).toBeLessThan(MOST / MIB)
  },
)
