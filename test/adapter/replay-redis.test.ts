import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Nonces } from '../../src/sender-constraint/dpop/nonce.ts'
import { sumOf } from '../support/exposition.ts'
import { REDIS_IS_INSTALLED, type RedisServer, startRedis, until } from '../support/redis-server.ts'
import { type OpenStore, openStore, type StoreOptions } from '../support/redis-store.ts'

const suffix = REDIS_IS_INSTALLED ? '' : ' (skipped: redis-server is not installed)'

describe.skipIf(!REDIS_IS_INSTALLED)(`used proofs in a real server${suffix}`, () => {
  let redis: RedisServer
  const servers: RedisServer[] = []
  const stores: OpenStore[] = []

  beforeAll(() => async () => {
    for (const server of servers) await server.stop()
  })
  const serverWith = async (...directives: string[]) => {
    const server = await startRedis({ directives })
    servers.push(server)
    return server
  }
  beforeEach(async () => {
    redis = servers[0] ?? (await serverWith())
  })
  afterEach(async () => {
    for (const { close } of stores.splice(0)) await close()
    await redis.call('FLUSHALL')
  })
  const open = async (options: StoreOptions = {}, port = redis.port) => {
    const opened = await openStore(port, options)
    stores.push(opened)
    return opened
  }
  const errors = async ({ metrics }: OpenStore, kind: string) =>
    sumOf(await metrics.expose(), 'fapigw_store_errors_total', { kind })

  test('RFC 9449 §8: a nonce is good with the store that remembers its proofs, and with no other of the same secret', async () => {
    const [one, same, other] = [
      await open(),
      await open(),
      await open({}, (await serverWith()).port),
    ]
    const now = Date.now() / 1000
    const noncesOf = ({ store }: OpenStore) =>
      new Nonces([Buffer.alloc(32, 1)], 60, () => store.epoch)
    const nonce = noncesOf(one).current(now)
    expect(noncesOf(same).acceptedUntil(nonce, now)).toBeDefined()
    expect(noncesOf(other).acceptedUntil(nonce, now)).toBeUndefined()
  })

  describe('RFC 9449 §11.1: a key', () => {
    test('is used once, and by another instance not again [DPOP-11.1-2]', async () => {
      const [one, other] = [await open(), await open()]
      expect(one.store.readiness).toEqual({ name: 'store redis', ready: true })
      expect(await one.use('a')).toBe('first')
      expect(await one.use('a')).toBe('again')
      expect(await other.use('a')).toBe('again')
      expect(await other.use('b')).toBe('first')
    })

    test('is the first for one of any number of uses at once, over all instances [D13]', async () => {
      const instances = await Promise.all(Array.from({ length: 4 }, () => open()))
      const uses = await Promise.all(
        Array.from({ length: 1000 }, (_, i) => instances[i % 4]!.use('a')),
      )
      const counts = Map.groupBy(uses, (use) => use)
      expect([...counts].map(([use, all]) => [use, all.length]).toSorted()).toEqual([
        ['again', 999],
        ['first', 1],
      ])
    })

    test('is forgotten after its end, and not before for an instance whose clock is behind [R10]', async () => {
      const now = () => Date.now() / 1000
      const [ahead, behind] = [
        await open({ now: () => now() + 5 }),
        await open({ now: () => now() - 5 }),
      ]
      // For the one it ends soon; the other accepts it for ten seconds more.
      const end = now() + 35
      expect(await ahead.replay.useOnce('a', end, now() + 5)).toBe('first')
      expect(await behind.replay.useOnce('a', end, now() - 5)).toBe('again')
      const left = Number(await redis.call('PTTL', 'fgw:jti:a'))
      expect(left).toBeGreaterThan(10_000)
      expect(left).toBeLessThanOrEqual(390_000)
    })

    test('RFC 9449 §11.1: is remembered for as long as an instance with another configuration may accept it [R10]', async () => {
      const { replay } = await open()
      const now = Date.now() / 1000
      expect(await replay.useOnce('b', now + 10, now)).toBe('first')
      expect(Number(await redis.call('PTTL', 'fgw:jti:b'))).toBeGreaterThan(360_000)
    })

    test('is not used where the clock is off by more than is provided for [R10]', async () => {
      let offset = 0
      const opened = await open({ now: () => Date.now() / 1000 + offset })
      expect(await opened.use('a')).toBe('first')
      // Set back by an hour: what has been forgotten by now would be accepted again.
      offset = -3600
      expect(await opened.use('b')).toBe('unavailable')
      await until(() => !opened.store.isUp, 'the inspection finds the clock')
      expect(opened.store.readiness.name).toBe('store redis: its clock is 3600s ahead of ours')
      offset = 0
      await until(async () => (await opened.use('c')) === 'first', 'the clock is right again')
      expect(await errors(opened, 'clock')).toBeGreaterThan(0)
    })

    test('is kept under a prefix and as a digest, and nothing else of the request is', async () => {
      const opened = await open({ config: { keyPrefix: 'bank-a:' } })
      const other = await open({ config: { keyPrefix: 'bank-b:' } })
      expect(await opened.use('digest')).toBe('first')
      expect(await other.use('digest')).toBe('first')
      const keys = (await redis.call('KEYS', '*')) as string[]
      expect(keys.filter((key) => key.includes('jti')).toSorted()).toEqual([
        'bank-a:jti:digest',
        'bank-b:jti:digest',
      ])
    })
  })

  describe('a store that lost what it held', () => {
    test('says so: what is asked then is not known, and then what came before is not [R11]', async () => {
      const [one, other] = [await open(), await open()]
      expect(one.store.epoch).toBe(other.store.epoch)
      const [epoch, { since }] = [one.store.epoch, one.store]
      expect(await one.use('a')).toBe('first')
      await redis.call('FLUSHALL')
      const lost = Date.now() / 1000
      const use = await one.use('a')
      // Unless the inspection was quicker, and proofs from before are not asked for any more.
      if (one.store.epoch === epoch) expect(use).toBe('unavailable')
      await until(() => one.store.epoch !== epoch && other.store.epoch !== epoch, 'both have heard')
      expect(one.store.epoch).toBe(other.store.epoch)
      expect(one.store.since).toBeGreaterThanOrEqual(Math.ceil(lost - 0.5))
      expect(one.store.since).toBeGreaterThanOrEqual(since)
      expect(other.store.since).toBe(one.store.since)
      await until(async () => (await other.use('b')) === 'first', 'it is used again')
      const samples = await one.metrics.expose()
      expect(sumOf(samples, 'fapigw_store_resets_total')).toBe(1)
      expect(one.lines.join()).toContain('what the store held may be lost')
    })

    test('was emptied while nobody asked: an instance that starts later knows from when on', async () => {
      await redis.call('FLUSHALL')
      const first = await open()
      const later = await open({ now: () => Date.now() / 1000 + 3 })
      expect(later.store.since - first.store.since).toBeGreaterThanOrEqual(2)
      expect(later.store.since - first.store.since).toBeLessThanOrEqual(4)
    })

    test('may have lost its last writes when it is started again, whatever it has on disk [R06]', async () => {
      const server = await serverWith('appendonly yes', 'appendfsync always')
      const opened = await open({}, server.port)
      const { epoch, since } = opened.store
      expect(await opened.use('a')).toBe('first')
      await server.restart()
      await until(async () => (await opened.use('b')) === 'first', 'it is used again')
      expect(opened.store.epoch).not.toBe(epoch)
      expect(opened.store.since).toBeGreaterThanOrEqual(since)
      // This time it had them.
      expect(await opened.use('a')).toBe('again')
    })
  })

  test('RFC 9449 §11.1: where proofs are accepted for another time, those from before are not known', async () => {
    const first = await open({ windows: '60s' })
    await first.close()
    // As if it had been left an hour ago.
    for (const key of (await redis.call('KEYS', 'fgw:[ew]*')) as string[]) {
      const [random, created] = String(await redis.call('GET', key)).split('.')
      await redis.call('SET', key, `${random}.${Number(created) - 3_600_000}`)
    }
    const now = Date.now() / 1000
    const same = await open({ windows: '60s' })
    expect(now - same.store.since).toBeGreaterThan(3590)
    const longer = await open({ windows: '300s' })
    expect(longer.store.since).toBeGreaterThanOrEqual(Math.floor(now))
    // Nonces are told apart by what was lost, and nothing was.
    expect(longer.store.epoch).toBe(same.store.epoch)

    same.store.useWindows('300s')
    expect(same.store.since).toBeGreaterThanOrEqual(Math.floor(now))
  })

  describe('a store that cannot be used', () => {
    test('is not there at start: nothing waits for it, and it is used when it is there [R01]', async () => {
      const server = await serverWith()
      await server.kill()
      const opened = await open({}, server.port)
      expect(opened.store.readiness).toEqual({
        name: 'store redis: ECONNREFUSED',
        ready: false,
        isPassing: false,
      })
      expect(opened.use('a')).toBe('unavailable')
      expect(sumOf(await opened.metrics.expose(), 'fapigw_store_up')).toBe(0)
      await server.restart()
      await until(async () => (await opened.use('a')) === 'first', 'it is there')
      const samples = await opened.metrics.expose()
      expect(sumOf(samples, 'fapigw_store_up', { store: 'redis' })).toBe(1)
    })

    test('is killed: at once nothing is asked, and soon after it is back it is used [R02]', async () => {
      const server = await serverWith()
      const opened = await open({}, server.port)
      expect(await opened.use('a')).toBe('first')
      const under = Array.from({ length: 50 }, (_, i) => opened.use(`under-${i}`))
      await server.kill()
      for (const use of await Promise.all(under)) expect(['first', 'unavailable']).toContain(use)
      await until(() => opened.use('b') === 'unavailable', 'it is not asked')
      expect(opened.store.readiness).toMatchObject({ ready: false, isPassing: true })
      await server.restart()
      await until(async () => (await opened.use('b')) === 'first', 'it is back')
      expect(await errors(opened, 'connection')).toBeGreaterThan(0)
    })

    test('is stopped: who asked is told in time, nobody asks after, and it is used again when it goes on [R03]', async () => {
      const server = await serverWith()
      const opened = await open({ config: { timeout: 0.05 } }, server.port)
      await until(async () => (await opened.use(`${Math.random()}`)) === 'first', 'it is used')
      process.kill(server.child.pid!, 'SIGSTOP')
      try {
        const asked = opened.use('a')
        expect(await asked).toBe('unavailable')
        // Not even asked: the verdict is there at once.
        expect(opened.use('a')).toBe('unavailable')
        expect(await errors(opened, 'timeout')).toBe(2)
        await until(() => !opened.store.isUp, 'the circuit is open')
      } finally {
        process.kill(server.child.pid!, 'SIGCONT')
      }
      await until(async () => (await opened.use('b')) !== 'unavailable', 'it goes on')
      // It was written after all, when nobody waited any more: its client needs another proof.
      await until(async () => (await opened.use('a')) === 'again', 'the late write')
    })

    test.each(['ALL', 'WRITE'])(
      'is paused by CLIENT PAUSE %s: not asked meanwhile, and used after it [R03]',
      async (mode) => {
        const opened = await open({ config: { timeout: 0.2 } })
        await until(async () => (await opened.use(`${Math.random()}`)) === 'first', 'it is used')
        await redis.call('CLIENT', 'PAUSE', '2000', mode)
        expect(await opened.use('a')).toBe('unavailable')
        expect(opened.use('a')).toBe('unavailable')
        await until(async () => (await opened.use('b')) === 'first', 'the pause is over')
      },
    )

    test('reads its data yet [R05]', async () => {
      const server = await serverWith(
        'appendonly yes',
        'key-load-delay 400',
        'loading-process-events-interval-bytes 1024',
        'enable-debug-command yes',
      )
      const opened = await open({}, server.port)
      expect(await opened.use('a')).toBe('first')
      for (let i = 0; i < 20; i++) await server.call('DEBUG', 'POPULATE', '1000', `k${i}`, '10')
      await server.call('BGREWRITEAOF')
      await until(
        async () => /aof_rewrite_in_progress:0/.test(String(await server.call('INFO'))),
        'the log is rewritten',
      )
      await server.restart()
      await until(() => /reads its data/.test(opened.store.readiness.name), 'it says so')
      expect(opened.use('b')).toBe('unavailable')
      await until(async () => (await opened.use('b')) === 'first', 'it is used', 30_000)
    })

    test('became a replica: no answer of it is believed [R05]', async () => {
      const [server, master] = [await serverWith(), redis]
      const opened = await open({}, server.port)
      expect(await opened.use('a')).toBe('first')
      await server.call('REPLICAOF', '127.0.0.1', String(master.port))
      expect(await opened.use('b')).toBe('unavailable')
      await until(() => /it is a replica/.test(opened.store.readiness.name), 'it says so')
      await server.call('REPLICAOF', 'NO', 'ONE')
      await until(async () => (await opened.use('c')) === 'first', 'it is the master')
    })

    test('is full: nothing is forgotten, and it is used when there is room [R07, D22]', async () => {
      const server = await serverWith('maxmemory-policy noeviction')
      const opened = await open({}, server.port)
      expect(await opened.use('a')).toBe('first')
      await server.call('CONFIG', 'SET', 'maxmemory', '1')
      await until(async () => (await opened.use('b')) === 'full', 'it is full')
      expect(await errors(opened, 'out_of_memory')).toBeGreaterThan(0)
      expect(opened.store.readiness).toMatchObject({
        name: 'store redis: SET was answered with OOM',
        isPassing: true,
      })
      expect(await opened.use('a')).toBe('full')
      await server.call('CONFIG', 'SET', 'maxmemory', '0')
      await until(async () => (await opened.use('b')) === 'first', 'there is room')
      expect(await opened.use('a')).toBe('again')
    })

    test('would forget what lives, to make room: it is not used as long [R07]', async () => {
      const server = await serverWith('maxmemory 100mb', 'maxmemory-policy allkeys-lru')
      const opened = await open({}, server.port)
      expect(opened.use('a')).toBe('unavailable')
      expect(opened.store.readiness.name).toBe(
        'store redis: maxmemory-policy is allkeys-lru: it has to be noeviction',
      )
      // What can be asked for again may be forgotten.
      expect((await open({ isMemory: false }, server.port)).store.isUp).toBe(true)
      await server.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      await until(async () => (await opened.use('a')) === 'first', 'it keeps what it has')

      await server.call('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl')
      await until(() => !opened.store.isUp, 'the inspection finds it')
    })

    test('threw keys away meanwhile: what it held is not known any more [R07]', async () => {
      const server = await serverWith('maxmemory-policy noeviction')
      const opened = await open({}, server.port)
      const { epoch } = opened.store
      const limit = Number(
        /used_memory:(\d+)/.exec(String(await server.call('INFO', 'memory')))?.[1],
      )
      await server.call('SET', 'large', 'x'.repeat(500_000), 'PX', '600000')
      await server.call('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru')
      await server.call('CONFIG', 'SET', 'maxmemory', String(limit + 100_000))
      await server.call('SET', 'other', 'x', 'PX', '600000').catch(() => {})
      expect(String(await server.call('INFO', 'stats'))).not.toContain('evicted_keys:0\r')
      await server.call('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction')
      await until(
        () => opened.store.isUp && opened.store.epoch !== epoch,
        'the inspection finds it',
      )
    })

    test('has too few replicas: not before they have it is a use believed [R06]', async () => {
      const opened = await open({ config: { waitForReplicas: 1, timeout: 2 } })
      expect(await opened.use('a')).toBe('unavailable')
      expect(await errors(opened, 'not_replicated')).toBe(1)
      const replica = await serverWith(`replicaof 127.0.0.1 ${redis.port}`)
      await until(async () => (await opened.use(`${Math.random()}`)) === 'first', 'it has it')
      expect(await replica.call('EXISTS', 'fgw:jti:a')).toBe(1)
      await replica.stop()
      await until(async () => (await opened.use('b')) === 'unavailable', 'it is gone')
    })

    test('is not held to be late for what keeps us busy ourselves', async () => {
      const opened = await open({ config: { timeout: 0.1 } })
      const busy = (milliseconds: number) => {
        const end = performance.now() + milliseconds
        while (performance.now() < end);
      }
      const before = opened.use('a')
      busy(300)
      expect(await before).toBe('first')
      const after = opened.use('b')
      // In the same turn, behind what sends it.
      setImmediate(() => busy(300))
      expect(await after).toBe('first')
    })

    test('takes no commands beyond so many that wait for an answer', async () => {
      const opened = await open({ config: { maxInFlight: 3 } })
      const uses = ['a', 'b', 'c', 'd'].map((key) => opened.use(key))
      expect(uses[3]).toBe('unavailable')
      expect(await Promise.all(uses)).toEqual(['first', 'first', 'first', 'unavailable'])
      expect(await opened.use('d')).toBe('first')
      expect(await errors(opened, 'busy')).toBe(1)
    })
  })

  test('a user of an access control list needs few rights, and what is missing is told [R05]', async () => {
    const rules = ['on', '>s3cr3t-pass', 'resetkeys', '~fgw:*', 'resetchannels', '-@all']
    const server = await serverWith()
    await server.call('ACL', 'SETUSER', 'gateway', ...rules, '+get', '+set', '+pexpire', '+info')
    const user = { username: 'gateway', password: 's3cr3t-pass' }
    const opened = await open({ config: { user } }, server.port)
    expect(await opened.use('a')).toBe('first')

    await server.call('ACL', 'SETUSER', 'gateway', '-info')
    await until(() => !opened.store.isUp, 'the inspection finds it')
    expect(opened.store.readiness.name).toBe('store redis: INFO was answered with NOPERM')
    await server.call('ACL', 'SETUSER', 'gateway', '+info')
    await until(async () => (await opened.use('b')) === 'first', 'it may again')

    const wrong = await open({ config: { user: { ...user, password: 'wr0ng-pass' } } }, server.port)
    expect(wrong.use('c')).toBe('unavailable')
    expect(wrong.store.readiness.name).toBe('store redis: AUTH was answered with WRONGPASS')
    const said = [...opened.lines, ...wrong.lines, await wrong.metrics.expose()].join()
    expect(said).not.toMatch(/s3cr3t|wr0ng/)
    expect(said).toContain('the store cannot be used')
  })

  test('a password alone is that of the default user, and another database is another store', async () => {
    const server = await startRedis({
      directives: ['requirepass s3cr3t-pass'],
      user: { username: undefined, password: 's3cr3t-pass' },
    })
    servers.push(server)
    const user = { username: undefined, password: 's3cr3t-pass' }
    const [zero, one] = [
      await open({ config: { user } }, server.port),
      await open({ config: { user, database: 1 } }, server.port),
    ]
    expect(await zero.use('a')).toBe('first')
    expect(await one.use('a')).toBe('first')
    expect(await one.use('a')).toBe('again')
    const nobody = await open({}, server.port)
    expect(nobody.store.readiness.name).toBe('store redis: INFO was answered with NOAUTH')
  })
})
