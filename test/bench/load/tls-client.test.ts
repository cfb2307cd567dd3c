import type { ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAuthority } from '../../../src/demo/certificates.ts'
import { type Listening, listen } from '../../../src/demo/loopback.ts'
import { runConstantRate } from './constant-rate.ts'
import { Exhausted, requestText } from './load.ts'
import { runClosedLoop } from './tls-client.ts'

let server: Server
let listening: Listening
let answer: (response: ServerResponse) => void
let requests = 0
let connections = 0

beforeAll(async () => {
  const authority = await createAuthority({ name: 'load CA', keyKind: 'EC' })
  const { certificate: cert, key } = await authority.issueServer({ keyKind: 'EC' })
  server = createServer({ cert, key }, (_, response) => {
    requests += 1
    answer(response)
  })
  server.on('secureConnection', () => {
    connections += 1
  })
  listening = await listen(server, 0)
})

afterAll(() => listening.close())

const whole = (response: ServerResponse) => {
  response.setHeader('content-length', 900)
  response.end('x'.repeat(900))
}

const request = () => Buffer.from(requestText(listening.port, '/accounts/1', []))

/** So many requests, then none. */
function limited(count: number) {
  let left = count
  return () => (left-- > 0 ? request() : undefined)
}

describe('runClosedLoop', () => {
  test('counts what was answered, and stops in time', async () => {
    answer = whole
    const before = requests
    const { requests: counted } = await runClosedLoop(listening, { seconds: 0.2, next: request })
    expect(counted).toBe(requests - before)
    expect(counted).toBeGreaterThan(0)
  })

  test('reads answers whose head and content come in pieces', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': 4 })
      response.flushHeaders()
      setImmediate(() => {
        response.write('ab')
        setImmediate(() => response.end('cd'))
      })
    }
    const loop = { seconds: 0.1, next: request, connections: 2 }
    expect((await runClosedLoop(listening, loop)).requests).toBeGreaterThan(0)
  })

  test('opens another connection after so many requests', async () => {
    answer = whole
    const [asked, opened] = [requests, connections]
    const loop = { seconds: 0.2, next: request, connections: 2, perConnection: 1 }
    await runClosedLoop(listening, loop)
    // Each lane may have opened one that came too late to be used.
    const unused = connections - opened - (requests - asked)
    expect(unused).toBeGreaterThanOrEqual(0)
    expect(unused).toBeLessThanOrEqual(2)
  })

  test('does not count a run in which a request was refused', async () => {
    answer = (response) => response.writeHead(401, { 'content-length': 0 }).end()
    const loop = { seconds: 5, next: request, connections: 1 }
    await expect(runClosedLoop(listening, loop)).rejects.toThrow('HTTP/1.1 401')
  })

  test('does not count a run that ran out of requests', async () => {
    answer = whole
    const loop = { seconds: 60, next: limited(3), connections: 1 }
    await expect(runClosedLoop(listening, loop)).rejects.toThrow(Exhausted)
  })
})

describe('runConstantRate', () => {
  test('asks as often as it shall, and counts the latency from when a request was due', async () => {
    // One connection, and answers that take longer than the time between two requests: they queue up.
    answer = (response) => void setTimeout(() => whole(response), 20)
    const load = { rate: 100, seconds: 0.3, connections: 1, next: request }
    const { requests: counted, p50, p99 } = await runConstantRate(listening, load)
    expect(counted).toBe(30)
    // The last of them was due after 290 ms and answered after 600 ms at the earliest.
    expect(p99).toBeGreaterThan(250)
    expect(p50).toBeLessThan(p99)
  })
})
