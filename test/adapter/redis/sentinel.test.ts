import { afterEach, expect, test } from 'vitest'
import { RedisConnection } from '../../../src/adapter/redis/connection.ts'
import { locateMaster } from '../../../src/adapter/redis/sentinel.ts'
import type { StoreAddress } from '../../../src/config/shared-store.ts'
import { bulk, type Script, startScriptedRedis } from '../../support/redis-store.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function sentinel(script: Script): Promise<StoreAddress> {
  const { port, close } = await startScriptedRedis(script)
  closing.push(close)
  return { host: '127.0.0.1', port }
}

const naming = (host: string, port: string) => (words: readonly string[]) =>
  words.join(' ') === 'SENTINEL GET-MASTER-ADDR-BY-NAME main'
    ? `*2\r\n${bulk(host)}${bulk(port)}`
    : '*-1\r\n'

const locate = (sentinels: readonly StoreAddress[], name = 'main', password?: string) =>
  locateMaster(name, sentinels, (address, timeoutMs) =>
    RedisConnection.open({
      address,
      user: { username: undefined, password },
      database: 0,
      tls: undefined,
      timeoutMs,
    }),
  )

test('what most sentinels say is taken, whichever of them was cut off [R04]', async () => {
  const [stale, well, too] = [
    await sentinel(naming('10.0.0.1', '6379')),
    await sentinel(naming('10.0.0.2', '6379')),
    await sentinel(naming('10.0.0.2', '6379')),
  ]
  const now = { host: '10.0.0.2', port: 6379 }
  expect(await locate([stale, well, too])).toEqual(now)
  expect(await locate([well, too, stale])).toEqual(now)
})

test('one that is away, silent, or says nonsense is passed over', async () => {
  const away = { host: '127.0.0.1', port: 1 }
  const silent = await sentinel(() => undefined)
  const odd = await sentinel(naming('10.0.0.1', 'x'))
  const none = await sentinel(naming('10.0.0.1', '70000'))
  const error = await sentinel(() => '-ERR no\r\n')
  const well = await sentinel(naming('10.0.0.2', '6380'))
  expect(await locate([away, silent, odd, none, error, well])).toEqual({
    host: '10.0.0.2',
    port: 6380,
  })
})

test('where none knows, it is said why', async () => {
  await expect(locate([{ host: '127.0.0.1', port: 1 }])).rejects.toThrow(
    'no sentinel answers: ECONNREFUSED',
  )
  const well = await sentinel(naming('10.0.0.2', '6380'))
  await expect(locate([well], 'other')).rejects.toThrow('no sentinel knows a master of the name')
})

test('they may ask for a password of their own', async () => {
  let isKnown = false
  const guarded = await sentinel((words) => {
    if (words[0] === 'AUTH') isKnown = words[1] === 's3cr3t'
    if (words[0] === 'AUTH') return isKnown ? '+OK\r\n' : '-WRONGPASS no\r\n'
    return isKnown ? naming('10.0.0.2', '6380')(words) : '-NOAUTH Authentication required.\r\n'
  })
  expect(await locate([guarded], 'main', 's3cr3t')).toMatchObject({ port: 6380 })
  await expect(locate([guarded], 'main', 'other')).rejects.toThrow(
    'AUTH was answered with WRONGPASS',
  )
})
