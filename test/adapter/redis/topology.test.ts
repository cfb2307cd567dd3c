import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { slotOf } from '../../../src/adapter/redis/slot.ts'
import type { StoreAddress } from '../../../src/config/shared-store.ts'
import { createAuthority } from '../../../src/demo/certificates.ts'
import { freePort } from '../../support/ports.ts'
import {
  REDIS_IS_INSTALLED,
  type RedisOptions,
  type RedisServer,
  startRedis,
  until,
} from '../../support/redis-server.ts'
import { type OpenStore, openStore, type StoreOptions } from '../../support/redis-store.ts'

const suffix = REDIS_IS_INSTALLED ? '' : ' (skipped: redis-server is not installed)'
const NOBODY = { username: undefined, password: undefined }

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function server(options: RedisOptions = {}): Promise<RedisServer> {
  const started = await startRedis(options)
  closing.push(started.stop)
  return started
}

async function open(port: number, options: StoreOptions = {}): Promise<OpenStore> {
  const opened = await openStore(port, options)
  closing.push(opened.close)
  return opened
}

const addressOf = ({ port }: { port: number }): StoreAddress => ({ host: '127.0.0.1', port })

describe.skipIf(!REDIS_IS_INSTALLED)(`TLS${suffix}`, () => {
  test('the server is verified, and the gateway shows a certificate of its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fapi-gateway-redis-tls-'))
    closing.push(() => rm(folder, { recursive: true, force: true }))
    const [authority, stranger] = [
      await createAuthority({ name: 'store CA', keyKind: 'EC' }),
      await createAuthority({ name: 'another CA', keyKind: 'EC' }),
    ]
    const own = await authority.issueServer({
      keyKind: 'EC',
      dnsNames: ['redis.internal'],
      addresses: ['127.0.0.1'],
    })
    const client = await authority.issueClient({ commonName: 'gateway', keyKind: 'EC' })
    await writeFile(join(folder, 'ca.pem'), authority.certificate)
    await writeFile(join(folder, 'server.crt'), own.certificate)
    await writeFile(join(folder, 'server.key'), own.key)
    const tls = {
      ca: authority.certificate,
      cert: client.certificate,
      key: client.key,
      serverName: undefined,
    }
    const { port } = await server({
      tls,
      directives: [
        `tls-cert-file ${folder}/server.crt`,
        `tls-key-file ${folder}/server.key`,
        `tls-ca-cert-file ${folder}/ca.pem`,
        'tls-auth-clients yes',
      ],
    })
    const good = await open(port, { config: { tls } })
    expect(await good.use('a')).toBe('first')
    expect(await good.use('a')).toBe('again')
    const named = await open(port, { config: { tls: { ...tls, serverName: 'redis.internal' } } })
    expect(await named.use('a')).toBe('again')

    for (const [wrong, cause] of [
      [{ ...tls, ca: stranger.certificate }, /UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET/],
      [{ ...tls, serverName: 'another.internal' }, /ERR_TLS_CERT_ALTNAME_INVALID/],
      [{ ...tls, cert: undefined, key: undefined }, /./],
      [undefined, /./],
    ] as const) {
      const refused = await open(port, { config: { tls: wrong } })
      expect(refused.use('b')).toBe('unavailable')
      expect(refused.store.readiness.name).toMatch(cause)
    }
    expect(await good.use('b')).toBe('first')
  })
})

describe.skipIf(!REDIS_IS_INSTALLED)(`sentinels${suffix}`, () => {
  test('name the master; when a replica takes its place, what was used before is not known [R06]', async () => {
    const master = await server()
    const replica = await server({ directives: [`replicaof 127.0.0.1 ${master.port}`] })
    const sentinels = await Promise.all(
      [1, 2, 3].map(() =>
        server({
          sentinel: true,
          directives: [
            `sentinel monitor main 127.0.0.1 ${master.port} 2`,
            'sentinel down-after-milliseconds main 500',
            'sentinel failover-timeout main 3000',
          ],
        }),
      ),
    )
    const topology = (name: string) => ({
      kind: 'sentinel' as const,
      master: name,
      sentinels: sentinels.map(addressOf),
      user: NOBODY,
    })
    const [one, other] = [
      await open(0, { config: { topology: topology('main') } }),
      await open(0, { config: { topology: topology('main') } }),
    ]
    expect(await one.use('a')).toBe('first')
    expect(await other.use('a')).toBe('again')
    const nobody = await open(0, { config: { topology: topology('nobody') } })
    expect(nobody.store.readiness.name).toContain('no sentinel knows a master of the name nobody')

    await until(
      async () =>
        /num-other-sentinels,2,/.test(
          String(await sentinels[0]!.call('SENTINEL', 'MASTER', 'main')),
        ),
      'the sentinels know each other',
    )
    await until(
      async () => /slave0:/.test(String(await master.call('INFO', 'replication'))),
      'the replica is there',
    )
    const { epoch } = one.store
    await master.kill()
    const lost = Math.floor(Date.now() / 1000)
    await until(() => !one.store.isUp, 'nothing is asked')
    expect(await one.use('b')).toBe('unavailable')
    await until(
      // A server that is promoted cuts its clients off.
      async () => String(await replica.call('ROLE').catch(() => '')).startsWith('master'),
      'the replica is promoted',
      60_000,
    )
    await until(async () => (await one.use('c')) === 'first', 'the new master is found')
    await until(async () => (await other.use('c')) === 'again', 'by the other, too')
    expect(one.store.epoch).not.toBe(epoch)
    expect(one.store.epoch).toBe(other.store.epoch)
    expect(one.store.since).toBeGreaterThanOrEqual(lost)
  }, 120_000)

  test('a master that was replaced while it is still there is left [R04]', async () => {
    const [old, next] = [await server(), await server()]
    const sentinel = await server({
      sentinel: true,
      directives: [`sentinel monitor main 127.0.0.1 ${old.port} 1`],
    })
    const opened = await open(0, {
      config: {
        topology: {
          kind: 'sentinel',
          master: 'main',
          sentinels: [addressOf(sentinel)],
          user: NOBODY,
        },
      },
    })
    expect(await opened.use('a')).toBe('first')
    await sentinel.call('SENTINEL', 'REMOVE', 'main')
    await sentinel.call('SENTINEL', 'MONITOR', 'main', '127.0.0.1', String(next.port), '1')
    await until(async () => {
      await opened.use(`${Math.random()}`)
      return Number(await next.call('DBSIZE')) > 3
    }, 'it goes to the other')
    await sentinel.stop()
    // Who was found stays, though nobody can be asked any more.
    expect(await opened.use('b')).toBe('first')
  })
})

describe.skipIf(!REDIS_IS_INSTALLED)(`a cluster${suffix}`, () => {
  async function cluster(): Promise<RedisServer[]> {
    const nodes = await Promise.all(
      [1, 2, 3].map(async () => {
        const port = await freePort()
        const directives = [
          'cluster-enabled yes',
          'cluster-node-timeout 1000',
          `cluster-port ${await freePort()}`,
        ]
        return server({ port, directives })
      }),
    )
    const ranges = [
      [0, 5460],
      [5461, 10_922],
      [10_923, 16_383],
    ] as const
    for (const [i, node] of nodes.entries()) {
      const [from, to] = ranges[i]!
      await node.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
      await node.call('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))
    }
    for (const node of nodes.slice(1)) {
      const bus = /cluster-port\s(\d+)|@(\d+)/.exec(
        String(await nodes[0]!.call('CLUSTER', 'NODES')),
      )
      const port = bus?.[1] ?? bus?.[2] ?? ''
      await node.call('CLUSTER', 'MEET', '127.0.0.1', String(nodes[0]!.port), port)
    }
    for (const node of nodes) {
      await until(
        async () => /cluster_state:ok/.test(String(await node.call('CLUSTER', 'INFO'))),
        'the cluster is formed',
        30_000,
      )
      await until(
        async () => String(await node.call('CLUSTER', 'NODES')).split('connected').length === 4,
        'each knows each',
        30_000,
      )
    }
    return nodes
  }
  const keys = (count: number, prefix = '') =>
    Array.from({ length: count }, (_, i) => `${prefix}${i}`)
  const useAll = async ({ use }: OpenStore, some: string[]) =>
    new Set(await Promise.all(some.map((key) => use(key))))

  test('has each key where it belongs; a node that is lost or emptied is noticed [R02, R05]', async () => {
    const nodes = await cluster()
    const config = {
      topology: {
        kind: 'cluster' as const,
        seeds: [{ host: '127.0.0.1', port: 1 }, addressOf(nodes[1]!)],
      },
    }
    const [one, other] = [await open(0, { config }), await open(0, { config })]
    expect(one.store.readiness).toEqual({ name: 'store redis', ready: true })
    expect(one.store.epoch).toBe(other.store.epoch)
    expect(await useAll(one, keys(200))).toEqual(new Set(['first']))
    expect(await useAll(other, keys(200))).toEqual(new Set(['again']))
    for (const node of nodes) expect(Number(await node.call('DBSIZE'))).toBeGreaterThan(40)

    const { epoch } = one.store
    await nodes[2]!.call('FLUSHALL')
    const lost = Math.floor(Date.now() / 1000)
    await until(() => one.store.epoch !== epoch && other.store.epoch !== epoch, 'both notice')
    expect(one.store.epoch).toBe(other.store.epoch)
    expect(one.store.since).toBeGreaterThanOrEqual(lost)

    // A slot goes elsewhere: its keys are not asked for where they were, nor believed to be new.
    const [from, to] = [nodes[0]!, nodes[1]!]
    const [fromId, toId] = [await from.call('CLUSTER', 'MYID'), await to.call('CLUSTER', 'MYID')]
    const key = keys(1000, 'moves').find((one) => slotOf(`fgw:jti:${one}`) <= 5460)!
    const slot = String(slotOf(`fgw:jti:${key}`))
    await to.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(fromId))
    await from.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(toId))
    expect(await one.use(key)).toBe('unavailable')
    for (const node of [to, from]) await node.call('CLUSTER', 'SETSLOT', slot, 'NODE', String(toId))
    await until(async () => (await one.use(key)) === 'first', 'it is found')
    await until(async () => (await other.use(key)) === 'again', 'by the other, too')

    await nodes[0]!.kill()
    await until(() => !one.store.isUp, 'the node is missed')
    expect(await useAll(one, keys(50, 'down'))).toContain('unavailable')
    await nodes[0]!.restart()
    await until(
      async () => (await useAll(one, keys(20, `${Math.random()}`))).size === 1 && one.store.isUp,
      'all nodes are there',
    )

    // Its slots are given to another, without what was in them.
    const { since } = one.store
    await until(() => Date.now() / 1000 > since, 'another second')
    for (const node of nodes.slice(0, 2)) {
      await node.call('CONFIG', 'SET', 'cluster-require-full-coverage', 'no')
    }
    await nodes[2]!.kill()
    const missing = Array.from({ length: 16_383 - 10_922 }, (_, i) => String(10_923 + i))
    for (const node of nodes.slice(0, 2)) await node.call('CLUSTER', 'DELSLOTS', ...missing)
    await to.call('CLUSTER', 'ADDSLOTS', ...missing)
    await until(() => one.store.since > since, 'what was there is not known any more')
  }, 120_000)
})
