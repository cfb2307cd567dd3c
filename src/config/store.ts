/**
 * `stores`, compiled, and whether what shares them fits together.
 *
 * @module
 */

import type { Configuration, IssuerConfig, RouteConfig } from './configuration.ts'
import type { Path } from './document.ts'
import { isLoopback } from './endpoint.ts'
import { nameOf } from './reading.ts'
import type { FileInput } from './schema.ts'
import type { Sources } from './section.ts'
import type { RedisConfig, StoreAddress, StoreTopology } from './shared-store.ts'
import { type RedisInput, storesSchema } from './store-schema.ts'
import { readTls } from './upstream.ts'

const REDIS: Path = ['stores', 'redis']
const DEFAULT_PORTS = { server: 6379, sentinel: 26_379 } as const

interface StoreUrl extends StoreAddress {
  readonly isPlaintext: boolean
  readonly database: number
}

/** Undefined where there is none, or where something is wrong with it, which has been said. */
export function compileStores(sources: Sources): Configuration['stores'] {
  const input = sources.reader.read(storesSchema.prefault({}), ['stores'])?.redis
  return { redis: input === undefined ? undefined : compileRedis(input, sources) }
}

function compileRedis(input: RedisInput, sources: Sources): RedisConfig | undefined {
  const found = compileTopology(input, sources)
  if (found === undefined) return undefined
  const { topology, urls } = found
  const isPlaintext = urls.some((url) => url.isPlaintext)
  const tls = readTls(input, REDIS, isPlaintext, sources)
  const database = topology.kind === 'single' ? (urls[0]?.database ?? 0) : 0
  if (input.username !== undefined && input.password === undefined) {
    const message = `${nameOf(REDIS)} has no "password": user and password go together`
    sources.reader.diagnostics.error('missing-key', sources.reader.document.key(REDIS), message)
  }
  return {
    topology,
    user: { username: input.username, password: input.password },
    database,
    tls: isPlaintext ? undefined : tls,
    keyPrefix: input.key_prefix,
    timeout: input.timeout,
    maxInFlight: input.max_in_flight,
    waitForReplicas: input.wait_for_replicas,
    encryptionKeys: listOf(input.encryption_key),
  }
}

function compileTopology(input: RedisInput, sources: Sources) {
  const { document, diagnostics } = sources.reader
  const { url, sentinel, cluster } = input
  const kinds = (['url', 'sentinel', 'cluster'] as const).filter((it) => input[it] !== undefined)
  if (kinds.length === 0) {
    const message = `${nameOf(REDIS)} has no "url"`
    const note = 'one of url, sentinel and cluster'
    diagnostics.error('missing-key', document.key(REDIS), message, note)
    return undefined
  }
  const [first, second] = kinds
  if (second !== undefined) {
    const message = `${nameOf([...REDIS, second])}: there is ${first} already`
    const note = 'one of url, sentinel and cluster'
    diagnostics.error('duplicate-key', document.key([...REDIS, second]), message, note)
    return undefined
  }
  const written: readonly (readonly [string, Path])[] =
    url !== undefined
      ? [[url, [...REDIS, 'url']]]
      : sentinel !== undefined
        ? sentinel.urls.map((one, i) => [one, [...REDIS, 'sentinel', 'urls', i]])
        : (cluster ?? []).map((one, i) => [one, [...REDIS, 'cluster', i]])
  const port = sentinel === undefined ? DEFAULT_PORTS.server : DEFAULT_PORTS.sentinel
  const parsed = written.map(([text, path]) =>
    readUrl(text, path, port, input.allow_plaintext, url !== undefined, sources),
  )
  const urls = parsed.filter((one) => one !== undefined)
  if (urls.length < parsed.length) return undefined
  const mixed = urls.findIndex(({ isPlaintext }) => isPlaintext !== urls[0]!.isPlaintext)
  if (mixed > 0) {
    const path = written[mixed]![1]
    const message = `${nameOf(path)}: with TLS, or without it: all of them alike`
    diagnostics.error('invalid-value', document.at(path), message)
  }
  const addresses = urls.map(({ host, port }) => ({ host, port }))
  const topology: StoreTopology =
    sentinel !== undefined
      ? {
          kind: 'sentinel',
          master: sentinel.master,
          sentinels: addresses,
          user: { username: sentinel.username, password: sentinel.password },
        }
      : url !== undefined
        ? { kind: 'single', address: addresses[0]! }
        : { kind: 'cluster', seeds: addresses }
  return { topology, urls }
}

function readUrl(
  text: string,
  path: Path,
  defaultPort: number,
  allowsPlaintext: boolean,
  mayHaveDatabase: boolean,
  { reader }: Sources,
): StoreUrl | undefined {
  const { document, diagnostics } = reader
  const url = parseStoreUrl(text, defaultPort)
  if (url === undefined || (url.database > 0 && !mayHaveDatabase)) {
    const message = `${nameOf(path)}: wants a URL such as rediss://redis.internal:6380`
    // RFC 3986 §3.2.1: what stands before the @ ends up in logs.
    const hasUser = text.includes('@')
    const note = hasUser ? 'username and password are settings of their own' : undefined
    const database = url === undefined ? undefined : 'only one server alone has other databases'
    diagnostics.error('invalid-value', document.at(path), message, note ?? database)
    return undefined
  }
  if (url.isPlaintext && !isLoopback(url.host) && !allowsPlaintext) {
    const message = `${nameOf(path)}: redis:// is accepted for loopback addresses only`
    const note = 'rediss://, or allow_plaintext: true'
    diagnostics.error('plaintext-store', document.at(path), message, note)
  }
  return url
}

/** `redis://host:port/database`, or `rediss`; undefined if it is no such URL. */
function parseStoreUrl(text: string, defaultPort: number): StoreUrl | undefined {
  const [, scheme, host = '', port, database] =
    /^(rediss?):\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?(?:\/(\d{0,4}))?$/.exec(
      text,
    ) ?? []
  const number = port === undefined ? defaultPort : Number(port)
  if (scheme === undefined || number < 1 || number > 65_535) return undefined
  return {
    isPlaintext: scheme === 'redis',
    host: host.replace(/^\[|\]$/g, ''),
    port: number,
    database: Number(database ?? 0),
  }
}

/** One text, or several in a list, or none. */
export function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return typeof value === 'string' ? [value] : (value ?? [])
}

/** What uses the store, and whether everything that instances have to share is shared. */
export function checkStores(
  { redis }: Configuration['stores'],
  dpop: FileInput['dpop'],
  issuers: readonly IssuerConfig[],
  routes: readonly RouteConfig[],
  { reader }: Sources,
): void {
  const { document, diagnostics } = reader
  const isThere = document.has(REDIS)
  const replay = ['dpop', 'replay'] as const
  const isShared = dpop.replay.store === 'redis'
  const sharing = issuers.filter(({ introspection }) => introspection?.shared === true)

  if (isShared && !isThere) {
    const at = [...replay, 'store']
    const message = `${nameOf(at)}: there is no stores.redis`
    const note = 'add stores: { redis: { url: rediss://… } }'
    diagnostics.error('unknown-reference', document.at(at), message, note)
  }
  if (isShared && document.has([...replay, 'max_entries'])) {
    const at = [...replay, 'max_entries']
    const message = `${nameOf(at)}: without effect, since it is the memory of redis that bounds them`
    diagnostics.error('invalid-value', document.key(at), message)
  }
  for (const { id } of sharing) {
    const at = ['issuers', id, 'introspection', 'cache', 'shared']
    const missing = isThere ? 'stores.redis.encryption_key' : 'stores.redis'
    if (isThere && (redis === undefined || redis.encryptionKeys.length > 0)) continue
    const message = `${nameOf(at)}: there is no ${missing}`
    diagnostics.error('unknown-reference', document.at(at), message)
  }
  if (isThere && !isShared && sharing.length === 0) {
    const message = `${nameOf(REDIS)}: nothing is stored there`
    const note = 'dpop.replay.store: redis'
    diagnostics.warn('unused-store', document.key(REDIS), message, note)
  }
  const usesNonces = routes.some(
    ({ isPublic, policies }) => !isPublic && policies['dpop_freshness']?.['nonce'] !== 'off',
  )
  const secret = ['dpop', 'nonce', 'secret'] as const
  if (isShared && usesNonces && dpop.nonce.secret === undefined) {
    const message = `${nameOf([...replay, 'store'])}: instances share used proofs, and no nonces`
    const note = 'set dpop.nonce.secret, or each refuses the nonces of the others'
    diagnostics.warn('shared-in-part', document.at([...replay, 'store']), message, note)
  }
  if (!isShared && dpop.nonce.secret !== undefined) {
    const message = `${nameOf(secret)}: instances that share it accept one another's nonces, and each catches only the replays that it sees itself`
    const note = 'dpop.replay.store: redis'
    diagnostics.warn('shared-in-part', document.key(secret), message, note)
  }
}
