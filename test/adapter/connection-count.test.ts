import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { expect, test } from 'vitest'
import { limitConnections } from '../../src/adapter/connection-count.ts'

/** What is asked of a connection, from an address that no test on loopback has. */
class Connection extends EventEmitter {
  readonly remoteAddress: string | undefined
  destroyed = false

  constructor(remoteAddress: string | undefined) {
    super()
    this.remoteAddress = remoteAddress
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
}

function createLimited(perAddress: number, isExempt: (address: string) => boolean = () => false) {
  const server = new EventEmitter()
  limitConnections(server as Server, perAddress, isExempt)
  return (address: string | undefined) => {
    const connection = new Connection(address)
    server.emit('connection', connection)
    return connection
  }
}

test('an address has as many connections as it may, and the next is ended', () => {
  const open = createLimited(2)
  const first = [open('192.0.2.1'), open('192.0.2.1')]
  expect(open('192.0.2.1').destroyed).toBe(true)
  expect(first.map(({ destroyed }) => destroyed)).toEqual([false, false])
})

test('another address has its own', () => {
  const open = createLimited(1)
  open('192.0.2.1')
  expect(open('192.0.2.2').destroyed).toBe(false)
  expect(open('2001:db8::1').destroyed).toBe(false)
  expect(open('192.0.2.2').destroyed).toBe(true)
})

test('a connection that is closed makes room for one; one that was refused makes none', () => {
  const open = createLimited(2)
  const [first] = [open('192.0.2.1'), open('192.0.2.1')]
  for (let i = 0; i < 5; i++) expect(open('192.0.2.1').destroyed).toBe(true)
  first.emit('close')
  expect(open('192.0.2.1').destroyed).toBe(false)
  expect(open('192.0.2.1').destroyed).toBe(true)
})

test('an address that was gone altogether begins anew', () => {
  const open = createLimited(1)
  for (let i = 0; i < 5; i++) {
    const connection = open('192.0.2.1')
    expect(connection.destroyed).toBe(false)
    connection.emit('close')
  }
})

test.each(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])('%s is not counted', (address) => {
  const open = createLimited(1)
  for (let i = 0; i < 5; i++) expect(open(address).destroyed).toBe(false)
})

test.each(['::127.0.0.1', '1127.0.0.1', '::10', undefined])(
  '%s looks like loopback and is counted',
  (address) => {
    const open = createLimited(1)
    expect(open(address).destroyed).toBe(false)
    expect(open(address).destroyed).toBe(true)
  },
)

test('a trusted proxy has as many as it needs, in either family’s clothes', () => {
  const open = createLimited(1, (address) => address === '192.0.2.9')
  for (const address of ['192.0.2.9', '::ffff:192.0.2.9', '192.0.2.9']) {
    expect(open(address).destroyed).toBe(false)
  }
  expect(open('192.0.2.90').destroyed).toBe(false)
  expect(open('192.0.2.90').destroyed).toBe(true)
})

test('connections that a balancer on this machine makes are all taken', async () => {
  const server = createServer()
  limitConnections(server, 1, () => false)
  server.on('connection', (socket) => socket.write('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sockets = Array.from({ length: 3 }, () => connect(port, '127.0.0.1'))
  for (const [data] of await Promise.all(sockets.map((socket) => once(socket, 'data')))) {
    expect(String(data)).toBe('hello')
  }
  for (const socket of sockets) socket.destroy()
  server.close()
})
