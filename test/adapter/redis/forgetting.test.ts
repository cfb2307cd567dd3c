/**
 * Servers that forget, and do not say so: what was stored there is not taken for new.
 *
 * @module
 */

import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../../support/redis-server.ts'
import {
  bulk,
  honest,
  openStore,
  type Script,
  type StoreOptions,
  startScriptedRedis,
} from '../../support/redis-store.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(script: Script) {
  const server = await startScriptedRedis(script)
  closing.push(server.close)
  return server
}

async function open(port: number, options?: StoreOptions) {
  const opened = await openStore(port, options)
  closing.push(opened.close)
  return opened
}

/** A server whose clock is ahead, by which keys end. */
function timed(stored: Map<string, string>, ahead: () => number): Script {
  const ends = new Map<string, number>()
  return (words, socket) => {
    const time = Date.now() / 1000 + ahead()
    for (const [key, end] of ends) if (end <= time) stored.delete(key)
    const server_time_usec = String(Math.round(time * 1e6))
    const answer = honest(stored, { server_time_usec })(words, socket)
    const [command, key = '', value] = words
    const px = command === 'PEXPIRE' ? value : words[words.indexOf('PX') + 1]
    const isTimed = command === 'PEXPIRE' || words.includes('PX')
    if (isTimed && (answer === '+OK\r\n' || answer === ':1\r\n')) {
      ends.set(key, time + Number(px) / 1000)
    }
    return answer
  }
}

const markerKeyOf = (stored: Map<string, string>) =>
  [...stored.keys()].find((key) => key.includes('epoch:'))!

test('RFC 9449 §11.1: a clock that jumps ahead: at once, and not with the next look, no key is new [R10]', async () => {
  let ahead = 0
  const server = await start(timed(new Map(), () => ahead))
  const opened = await open(server.port)
  expect([await opened.use('a'), await opened.use('a')]).toEqual(['first', 'again'])
  ahead = 450
  expect(await opened.use('a')).toBe('unavailable')
  ahead = 0
  await until(() => opened.store.isUp, 'it is used again')
})

test('RFC 9449 §11.1: a marker that comes back, after another stood in its place, is not believed [R06]', async () => {
  const stored = new Map<string, string>()
  const server = await start(honest(stored))
  const { store } = await open(server.port)
  const [epoch, key] = [store.epoch, markerKeyOf(stored)]
  const marker = stored.get(key)!
  stored.clear()
  await until(() => store.isUp && store.epoch !== epoch, 'another stands there')
  const second = store.epoch

  stored.clear()
  stored.set(key, marker)
  await until(() => store.isUp && store.epoch !== second, 'it was seen')
  expect(store.epoch).not.toBe(epoch)
  expect(stored.get(key)).not.toBe(marker)
})

test('RFC 9449 §11.1: what is suspected stays so where no marker can be left [R06]', async () => {
  let ahead = 0
  let looks = 0
  let isAlone = false
  const behave = timed(new Map(), () => ahead)
  const server = await start((words, socket) => {
    if (words[0] === 'INFO') looks += 1
    if (isAlone && words[0] === 'SET') return '-NOREPLICAS Not enough good replicas to write.\r\n'
    return behave(words, socket)
  })
  const { store } = await open(server.port)
  const { epoch } = store
  ahead = 3600
  await until(() => !store.isUp, 'its clock is seen to be elsewhere')
  isAlone = true
  ahead = 0
  const before = looks
  await until(() => looks >= before + 3 || store.isUp, 'it was looked at')
  expect(store.isUp).toBe(false)
  isAlone = false
  await until(() => store.isUp, 'it is used again')
  expect(store.epoch).not.toBe(epoch)
})

test('RFC 9449 §11.1: a server that is far away: what is not known is not taken to be from later [R11]', async () => {
  const stored = new Map<string, string>()
  const near = await start(honest(stored))
  const behave = honest(stored)
  // The way there takes all of the time.
  const far = await start((words, socket) => {
    if (words[0] !== 'INFO') return behave(words, socket)
    setTimeout(() => socket.writable && socket.write(behave(words, socket)!), 700)
    return undefined
  })
  await open(near.port)
  const leftAt = Number(stored.get(markerKeyOf(stored))!.split('.')[1]) / 1000
  const { store } = await open(far.port)
  expect(store.since).toBeGreaterThanOrEqual(leftAt)
})

test('RFC 9449 §11.1: a proof whose time is over while its issuer is asked is not noted any more [D15]', async () => {
  const server = await start(honest())
  const { replay } = await open(server.port)
  const now = Date.now() / 1000
  expect(await replay.useOnce('a', now + 60, now - 10)).toBe('first')
  expect(await replay.useOnce('b', now - 1, now - 10)).toBe('unavailable')
})

describe('nodes of a cluster', () => {
  const slotsOf = (port: number) =>
    `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n${bulk('127.0.0.1')}:${port}\r\n`
  const clusterOf = (ports: readonly number[]) => {
    const seeds = ports.map((port) => ({ host: '127.0.0.1', port }))
    return { config: { topology: { kind: 'cluster' as const, seeds } } }
  }

  test.each([0, 70_000, -1])(
    'with a port that is none, %i: it is not used, and the process lives',
    async (wrong) => {
      let named: number | undefined
      const behave = honest(new Map(), { cluster_enabled: '1' })
      const server = await start((words, socket) =>
        words[0] === 'CLUSTER' ? slotsOf(named ?? wrong) : behave(words, socket),
      )
      const { store } = await open(0, clusterOf([server.port]))
      expect(store.readiness.name).toContain('CLUSTER SLOTS has another form')
      named = server.port
      await until(() => store.isUp, 'it is used')
    },
  )

  test('are asked where slots are before one that does not answer has been given up', async () => {
    let isHeld = false
    const silent = await start((_, socket) => {
      isHeld = true
      socket.once('close', () => {
        isHeld = false
      })
      return undefined
    })
    const behave = honest(new Map(), { cluster_enabled: '1' })
    const seen: boolean[] = []
    const server = await start((words, socket) => {
      if (words[0] !== 'CLUSTER') return behave(words, socket)
      seen.push(isHeld)
      return slotsOf(server.port)
    })
    const { store } = await open(0, clusterOf([silent.port, server.port]))
    expect(store.isUp).toBe(true)
    expect(seen[0]).toBe(true)
  })
})
