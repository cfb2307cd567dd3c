import { expect, test, vi } from 'vitest'
import { RedisConnection } from '../../../src/adapter/redis/connection.ts'
import { RedisNode } from '../../../src/adapter/redis/node.ts'
import { until } from '../../support/redis-server.ts'
import { honest, startScriptedRedis } from '../../support/redis-store.ts'

test('a server that is inspected for days: nothing is left of an inspection', async () => {
  const server = await startScriptedRedis(honest(new Map()))
  const address = { host: '127.0.0.1', port: server.port }
  const user = { username: undefined, password: undefined }
  const now = () => Date.now() / 1000
  let connection: RedisConnection | undefined
  let inspections = 0
  const node = new RedisNode({
    locate: async () => address,
    async open(to, timeoutMs) {
      const options = { address: to, user, database: 0, tls: undefined, timeoutMs }
      connection = await RedisConnection.open(options)
      vi.spyOn(connection.lost, 'then')
      return connection
    },
    order: () => ({
      ...{ keyPrefix: 'fgw:', hashTag: '', isCluster: false, isMemory: true, windows: 'w', now },
    }),
    limits: { timeoutMs: 500, maxInFlight: 10, waitForReplicas: 0 },
    now,
    clock: () => performance.now() / 1000,
    changed() {
      inspections += 1
    },
  })
  await node.start()
  const waiting = () => vi.mocked(connection!.lost.then).mock.calls.length
  const atFirst = waiting()
  while (inspections < 50) {
    const done = inspections
    node.inspect()
    await until(() => inspections > done, 'it was inspected')
  }
  expect(waiting()).toBe(atFirst)
  expect(server.connections).toBe(1)
  expect(node.isUp).toBe(true)
  await node.close()
  await server.close()
})
