import { expect, test } from 'vitest'
import { slotOf } from '../../../src/adapter/redis/slot.ts'
import { until } from '../../support/redis-server.ts'
import { bulk, honest, openStore, startScriptedRedis } from '../../support/redis-store.ts'

test('a clock of the server that goes far away and comes back: what was stored before is not relied on [R10]', async () => {
  let ahead = 0
  const ends = new Map<string, number>()
  const stored = new Map<string, string>()
  const time = () => Date.now() / 1000 + ahead
  const server = await startScriptedRedis((words, socket) => {
    for (const [key, end] of ends) if (end <= time()) stored.delete(key)
    const [command, key = '', , ...options] = words
    const server_time_usec = String(Math.round(time() * 1e6))
    const answer = honest(stored, { server_time_usec })(words, socket)
    const px = options.indexOf('PX')
    if (command === 'SET' && answer === '+OK\r\n' && px !== -1) {
      ends.set(key, time() + Number(options[px + 1]) / 1000)
    }
    return answer
  })
  const opened = await openStore(server.port)
  const { epoch } = opened.store
  expect(await opened.use('a', 60)).toBe('first')
  expect(await opened.use('a', 60)).toBe('again')

  ahead = 3600
  await until(() => !opened.store.isUp, 'its clock is seen to be elsewhere')
  ahead = 0
  await until(() => opened.store.isUp, 'it is used again')
  // The key has ended: what is left to tell of it is that the nonces from before are not good.
  expect(opened.store.epoch).not.toBe(epoch)
  await opened.close()
  await server.close()
}, 60_000)

test('a master that joins a cluster and leaves it with its keys: nonces from before are not good [R06]', async () => {
  const [first, second] = [new Map<string, string>(), new Map<string, string>()]
  let hasJoined = false
  let ports: number[] = []
  const range = (from: number, to: number, port: number | undefined) =>
    `*3\r\n:${from}\r\n:${to}\r\n*2\r\n${bulk('127.0.0.1')}:${port}\r\n`
  const slots = () =>
    hasJoined
      ? `*2\r\n${range(0, 8191, ports[1])}${range(8192, 16383, ports[0])}`
      : `*1\r\n${range(0, 16383, ports[0])}`
  const master = (stored: Map<string, string>, run_id: string) =>
    startScriptedRedis((words, socket) =>
      words[0] === 'CLUSTER'
        ? slots()
        : honest(stored, { run_id, cluster_enabled: '1' })(words, socket),
    )
  const servers = [await master(first, 'A'), await master(second, 'B')]
  ports = servers.map(({ port }) => port)
  const seeds = [{ host: '127.0.0.1', port: ports[0]! }]
  const opened = await openStore(0, { config: { topology: { kind: 'cluster', seeds } } })
  const { store } = opened
  const alone = store.epoch
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`)
  for (const key of keys) expect(await opened.use(key)).toBe('first')

  hasJoined = true
  await until(() => store.epoch !== alone && store.isUp, 'the other has joined')
  for (const [key, value] of first) {
    if (!key.includes('jti') || slotOf(key) > 8191) continue
    second.set(key, value)
    first.delete(key)
  }
  const together = store.epoch
  hasJoined = false
  await until(() => store.epoch !== together && store.isUp, 'it has left')
  await until(() => store.epoch !== alone, 'what the first one held is not relied on')
  await opened.close()
  for (const server of servers) await server.close()
}, 60_000)
