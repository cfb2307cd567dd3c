/**
 * Clients that ask for much and do not read it.
 *
 * @module
 */

import { expect, test } from 'vitest'
import { get, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'

test('RFC 9110 §15.5.9: a client that does not read is dropped after a silence, and its upstream let go [H30, HTTP-25]', async () => {
  const open = await startOpenGateway(
    'limits: { idle: 1s }\n',
    ', timeouts: { connect: 100ms, response_headers: 100ms, idle_body: 10m }',
  )
  const size = 64 * 1024 * 1024
  open.upstream.answer = ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    socket.write(Buffer.alloc(size))
  }
  const arrival = open.upstream.nextRequest()
  const raw = await openSocket(open.fixture, open.gateway)
  raw.socket.pause()
  raw.write(get('/open'))
  const { socket } = await arrival
  // However it ends: `once` would be rejected by a reset.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  raw.socket.resume()
  expect((await raw.rest()).map(({ complete }) => complete)).toEqual([false])
  await open.close()
})
