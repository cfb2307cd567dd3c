import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { expect, test } from 'vitest'
import { PendingHandshakes } from '../../src/adapter/pending-handshakes.ts'

async function listen(server: Server, address: string, port: number): Promise<number> {
  server.listen(port, address)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

// Other systems have but one address of loopback.
test.skipIf(process.platform !== 'linux')(
  'RFC 9325 §7.5: of two connections from one port to two addresses both are ended (needs Linux)',
  async () => {
    const pending = new PendingHandshakes()
    const servers = [createServer(), createServer()]
    let seen = 0
    for (const server of servers) {
      pending.watch(server)
      server.on('connection', (socket) => {
        socket.on('error', () => {})
        seen += 1
      })
    }
    const port = await listen(servers[0]!, '127.0.0.1', 0)
    await listen(servers[1]!, '127.0.0.2', port)
    const first = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.1' })
    await once(first, 'connect')
    const { localPort } = first
    const second = connect({
      host: '127.0.0.2',
      port,
      localAddress: '127.0.0.1',
      localPort: localPort!,
    })
    await once(second, 'connect')
    const ended = [first, second].map((client) => {
      client.on('error', () => {}).resume()
      return new Promise((resolve) => client.once('close', resolve))
    })
    await expect.poll(() => seen).toBe(2)
    pending.end()
    await Promise.all(ended)
    for (const server of servers) server.close()
  },
)
