/**
 * Content that is larger than memory should be: what one side does not take, the other may not send.
 *
 * @module
 */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Writable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'

const CHUNK = Buffer.alloc(65_536, 'a')
const CHUNKS = 1024
const SIZE = CHUNK.length * CHUNKS
const MOST_HELD = 32 * 1024 * 1024

let server: Server
let fixture: Fixture
let gateway: TestGateway
let answer: (incoming: IncomingMessage, response: ServerResponse) => void

beforeAll(async () => {
  server = createServer((incoming, response) => answer(incoming, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  fixture = await startFixture()
  gateway = await fixture.gateway(`version: 1
profile: fapi2-security
listen: { address: 127.0.0.1:0, public_url: https://$HOST, certificate: server.crt, key: server.key }
routes:
  - id: open
    match: /open
    public: true
    upstream: http://127.0.0.1:${port}
    limits: { body: 1GiB }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
})

afterAll(async () => {
  await fixture.close()
  server.closeAllConnections()
  server.close()
})

beforeEach(() => {
  answer = (_, response) => void response.end()
})

function call(options: RequestOptions) {
  return request({
    host: '127.0.0.1',
    port: gateway.port,
    servername: HOST,
    ca: fixture.authority.certificate,
    headers: { host: HOST },
    path: '/open',
    agent: false,
    ...options,
  })
}

/** Writes until `SIZE` bytes are taken; the count of those that were. */
function fill(sink: Writable): { taken: number } {
  const state = { taken: 0 }
  const more = () => {
    while (state.taken < SIZE) {
      state.taken += CHUNK.length
      if (!sink.write(CHUNK)) {
        sink.once('drain', more)
        return
      }
    }
    sink.end()
  }
  more()
  return state
}

/** Waits until nothing has moved for a while: then all buffers in between are full. */
async function standstill(state: { taken: number }): Promise<void> {
  for (let still = 0, last = -1; still < 10; ) {
    still = state.taken === last ? still + 1 : 0
    last = state.taken
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

async function sizeOf(source: AsyncIterable<Buffer>): Promise<number> {
  let size = 0
  for await (const chunk of source) size += chunk.length
  return size
}

test('a client that does not read stops the upstream, and gets everything when it does [U13]', async () => {
  let state = { taken: 0 }
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': SIZE })
    state = fill(response)
  }
  const held = process.memoryUsage().arrayBuffers
  const sent = call({})
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  await standstill(state)
  expect(state.taken).toBeLessThan(SIZE)
  expect(process.memoryUsage().arrayBuffers - held).toBeLessThan(MOST_HELD)
  expect(await sizeOf(response)).toBe(SIZE)
})

test('an upstream that does not read stops the client, and gets everything when it does [U14]', async () => {
  let arrived: (incoming: IncomingMessage) => void = () => {}
  const arrival = new Promise<IncomingMessage>((resolve) => {
    arrived = resolve
  })
  let release: () => void = () => {}
  answer = (incoming, response) => {
    arrived(incoming)
    release = () => void sizeOf(incoming).then((size) => response.end(String(size)))
  }
  const held = process.memoryUsage().arrayBuffers
  const sent = call({ method: 'POST', headers: { host: HOST, 'content-length': SIZE } })
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  const state = fill(sent)
  await arrival
  await standstill(state)
  expect(state.taken).toBeLessThan(SIZE)
  expect(process.memoryUsage().arrayBuffers - held).toBeLessThan(MOST_HELD)
  release()
  const [response] = await answered
  expect(String(Buffer.concat(await Array.fromAsync(response)))).toBe(String(SIZE))
})

test('chunks of an upstream pass as they come, not when they are all there', async () => {
  let finish: () => void = () => {}
  answer = (_, response) => {
    response.write('first')
    finish = () => void response.end('second')
  }
  const sent = call({})
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const [first] = await once(response, 'data')
  expect(String(first)).toBe('first')
  finish()
  const [second] = await once(response, 'data')
  expect(String(second)).toBe('second')
})
