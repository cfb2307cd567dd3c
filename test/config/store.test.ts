import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWorkspace, gateway, type Workspace } from './workspace.ts'

let workspace: Workspace
beforeAll(async () => {
  workspace = await createWorkspace()
})
afterAll(() => workspace.remove())

const SECRET = 'a-secret-of-thirty-two-characters'
const SHARED = `{ replay: { store: redis }, nonce: { secret: "\${env:SECRET}" } }`
const ISSUER = (cache: string, more = '') =>
  `\n  bank: { issuer: https://as.bank.example, audience: a, introspection: { auth: { method: client_secret_basic, client_id: g, client_secret: "\${env:SECRET}" }, cache: ${cache} }${more} }`

const load = (change: Record<string, string>) =>
  workspace.load(gateway(change), { env: { SECRET } })

/** With `stores.redis`, which used proofs are kept in. */
const loadStore = (redis: string) => load({ stores: `{ redis: ${redis} }`, dpop: SHARED })

describe('stores.redis', () => {
  test('is one server', async () => {
    const { configuration, text } = await loadStore(
      '{ url: "rediss://redis.internal:6380/2", username: gateway, password: "${env:SECRET}", key_prefix: "fgw:", timeout: 50ms, ca: tls/client-ca.pem }',
    )
    expect(text).toBe('')
    expect(configuration?.stores.redis).toMatchObject({
      topology: { kind: 'single', address: { host: 'redis.internal', port: 6380 } },
      user: { username: 'gateway', password: SECRET },
      database: 2,
      tls: { ca: expect.stringContaining('BEGIN CERTIFICATE'), serverName: undefined },
      keyPrefix: 'fgw:',
      timeout: 0.05,
      maxInFlight: 1000,
      waitForReplicas: 0,
      encryptionKeys: [],
    })
    expect(configuration?.dpop).toMatchObject({ replayStore: 'redis', nonceSecrets: [SECRET] })
  })

  test('is the master that sentinels name', async () => {
    const { configuration, text } = await loadStore(
      '{ sentinel: { master: main, urls: ["rediss://s1", "rediss://[::1]:26380"], password: "${env:SECRET}" } }',
    )
    expect(text).toBe('')
    expect(configuration?.stores.redis?.topology).toEqual({
      kind: 'sentinel',
      master: 'main',
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: '::1', port: 26_380 },
      ],
      user: { username: undefined, password: SECRET },
    })
  })

  test('is a cluster', async () => {
    const { configuration, text } = await loadStore('{ cluster: ["redis://127.0.0.1:7000"] }')
    expect(text).toBe('')
    expect(configuration?.stores.redis).toMatchObject({
      topology: { kind: 'cluster', seeds: [{ host: '127.0.0.1', port: 7000 }] },
      tls: undefined,
    })
  })

  test.each<[string, string, string, string]>([
    ['nowhere', '{}', 'missing-key', 'one of url, sentinel and cluster'],
    [
      'in two places',
      '{ url: "rediss://a", cluster: ["rediss://b"] }',
      'duplicate-key',
      'stores.redis.cluster: there is url already',
    ],
    ['no URL', '{ url: redis.internal:6379 }', 'invalid-value', 'such as rediss://'],
    ['of another scheme', '{ url: "https://a" }', 'invalid-value', 'such as rediss://'],
    ['of a port that is none', '{ url: "rediss://a:65536" }', 'invalid-value', 'such as'],
    [
      'with a user in its URL',
      '{ url: "rediss://me:hunter22@a" }',
      'invalid-value',
      'username and password are settings of their own',
    ],
    [
      'a cluster with databases',
      '{ cluster: ["rediss://a/1"] }',
      'invalid-value',
      'only one server alone has other databases',
    ],
    [
      'without TLS',
      '{ url: "redis://redis.internal" }',
      'plaintext-store',
      'rediss://, or allow_plaintext: true',
    ],
    [
      'half without TLS',
      '{ cluster: ["rediss://a", "redis://127.0.0.1"] }',
      'invalid-value',
      'all of them alike',
    ],
    [
      'without TLS, and with a CA',
      '{ url: "redis://127.0.0.1", ca: tls/client-ca.pem }',
      'invalid-value',
      'without effect',
    ],
    [
      'a certificate without a key',
      '{ url: "rediss://a", cert: tls/server.crt }',
      'missing-key',
      'go together',
    ],
    [
      'a user without a password',
      '{ url: "rediss://a", username: me }',
      'missing-key',
      'user and password go together',
    ],
    [
      'a prefix with the braces of a hash tag',
      '{ url: "rediss://a", key_prefix: "{x}" }',
      'invalid-value',
      'such as fgw:',
    ],
    ['misspelt', '{ sentinal: {} }', 'unknown-key', 'did you mean "sentinel"?'],
    [
      'a short key',
      '{ url: "rediss://a", encryption_key: [short] }',
      'invalid-value',
      'wants 32 characters or more',
    ],
  ])('%s: is refused, and what is meant is said', async (_, redis, id, words) => {
    const { configuration, diagnostics, text } = await loadStore(redis)
    expect(diagnostics.map((one) => one.id)).toContain(id)
    expect(text).toContain(words)
    expect(text).not.toContain('hunter22')
    expect(configuration).toBeUndefined()
  })

  test('without TLS to another machine, where that is meant', async () => {
    const { text } = await loadStore('{ url: "redis://redis.internal", allow_plaintext: true }')
    expect(text).toBe('')
  })

  test('a password that stands in the file is not shown', async () => {
    for (const redis of [
      '{ url: "rediss://a", password: hunter22, key_prefix: "{" }',
      '{ url: "rediss://a", encryption_key: [hunter22, "hunter22"], key_prefix: "{" }',
      '{ url: "rediss://a", password: { hunter22: 1 } }',
    ]) {
      const { text, diagnostics } = await loadStore(redis)
      expect(diagnostics).not.toEqual([])
      expect(text).not.toContain('hunter22')
    }
  })
})

const REDIS = '{ redis: { url: "rediss://a" } }'

describe('what instances share fits together', () => {
  test.each<[string, Record<string, string>, string[]]>([
    ['nothing is shared', {}, []],
    ['used proofs and nonces are', { stores: REDIS, dpop: SHARED }, []],
    ['there is no store', { dpop: SHARED }, ['error unknown-reference']],
    ['the store is not used', { stores: REDIS }, ['warning unused-store']],
    [
      'used proofs are, and nonces are not',
      { stores: REDIS, dpop: '{ replay: { store: redis } }' },
      ['warning shared-in-part'],
    ],
    [
      'used proofs are, and there are no nonces',
      { stores: REDIS, dpop: '{ replay: { store: redis }, nonce: { mode: off } }' },
      [],
    ],
    [
      'nonces are, and used proofs are not',
      { dpop: `{ nonce: { secret: ${SECRET} } }` },
      ['warning shared-in-part'],
    ],
    [
      'memory is bounded that is not used',
      {
        stores: REDIS,
        dpop: SHARED.replace('store: redis', 'store: redis, max_entries: 1000'),
      },
      ['error invalid-value'],
    ],
    [
      'a proof that cannot be remembered would pass',
      { stores: REDIS, dpop: SHARED.replace('redis', 'redis, on_unavailable: allow') },
      ['error invalid-value'],
    ],
    [
      'answers of an issuer are',
      {
        stores: `{ redis: { url: "rediss://a", encryption_key: "\${env:SECRET}" } }`,
        issuers: ISSUER('{ shared: true }'),
      },
      [],
    ],
    [
      'answers are, in the clear',
      { stores: REDIS, issuers: ISSUER('{ shared: true }') },
      ['error unknown-reference'],
    ],
    [
      'answers are, without a store',
      { issuers: ISSUER('{ shared: true }') },
      ['error unknown-reference'],
    ],
  ])('%s', async (_, change, expected) => {
    const { diagnostics } = await load(change)
    expect(diagnostics.map(({ severity, id }) => `${severity} ${id}`)).toEqual(expected)
  })

  test('a list of secrets is one in use, and those that are accepted beside it', async () => {
    const secrets = `[ "\${env:SECRET}", another-secret-of-thirty-two-chars ]`
    const { configuration } = await load({
      stores: `{ redis: { url: "rediss://a", encryption_key: ${secrets} } }`,
      dpop: `{ replay: { store: redis }, nonce: { secret: ${secrets} } }`,
    })
    const both = [SECRET, 'another-secret-of-thirty-two-chars']
    expect(configuration?.dpop.nonceSecrets).toEqual(both)
    expect(configuration?.stores.redis?.encryptionKeys).toEqual(both)
  })

  test('the warning says what it is about', async () => {
    const { text } = await load({ dpop: `{ nonce: { secret: ${SECRET} } }` })
    expect(text).toContain('each catches only the replays that it sees itself')
    expect(text).not.toContain(SECRET)
  })
})

test('what docs/how-to/shared-store.md has one write is taken without a word', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/how-to/shared-store.md'), 'utf8')
  const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  expect(blocks).toHaveLength(2)
  const [server = '', others = ''] = blocks
  const url = server.split('\n').find((line) => line.includes(' url:'))!
  const pages = [
    server,
    ...others
      .trimEnd()
      .split('\n')
      .map((line) => server.replace(url, line)),
  ]
  const ca = readFileSync(join(workspace.folder, 'tls/client-ca.pem'), 'utf8')
  for (const yaml of pages) {
    const { text } = await workspace.load(`${gateway()}\n${yaml}`, {
      env: { SENTINEL: SECRET },
      readFile: (path) => {
        if (path.endsWith('internal-ca.pem')) return ca
        if (path.startsWith('/run/secrets/')) return SECRET
        return readFileSync(join(workspace.folder, path), 'utf8')
      },
    })
    expect(text).toBe('')
  }
})
