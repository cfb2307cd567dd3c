import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadFromDisk } from '../../src/adapter/files.ts'
import { buildParts, leftOver, obstacleTo, type Parts } from '../../src/adapter/parts.ts'
import type { Configuration } from '../../src/config/configuration.ts'
import { createAuthority } from '../../src/demo/certificates.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createServices } from '../support/checked-request.ts'

const YAML = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://api.bank.example
  certificate: server.crt
  key: server.key
  client_certificate: { verify: optional, ca: ca.pem }
issuers:
  kept: { issuer: https://kept.example, audience: https://api.bank.example }
  changed: { issuer: https://changed.example, audience: https://api.bank.example }
defaults: { scopes: [accounts] }
upstreams:
  near: { url: "http://127.0.0.1:1" }
  far: { url: "http://127.0.0.1:2" }
routes:
  - { id: near, match: GET /near, issuers: [kept], upstream: near }
  - { id: far, match: GET /far, issuers: [changed], upstream: far }
admin: { address: 127.0.0.1:0 }
dpop: { nonce: { rotate: 30s } }
limits: { url: 8KiB }
logging: { level: info }
`

let folder: string
let former: Parts
const metrics = createMetrics()
const outside = { metrics, logger: createLogger('silent'), now: () => 0, clock: () => 0 }

async function read(yaml: string): Promise<Configuration> {
  const file = join(folder, 'gateway.yaml')
  await writeFile(file, yaml)
  const { configuration, text } = loadFromDisk(file)
  if (configuration === undefined) throw new Error(text)
  return configuration
}

const build = (configuration: Configuration, before?: Parts) =>
  buildParts(configuration, before, createServices(), outside)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fapi-gateway-'))
  const authority = await createAuthority({ name: 'test CA' })
  const server = await authority.issueServer({ dnsNames: ['api.bank.example'] })
  await writeFile(join(folder, 'ca.pem'), authority.certificate)
  await writeFile(join(folder, 'server.crt'), server.certificate)
  await writeFile(join(folder, 'server.key'), server.key)
  former = build(await read(YAML))
})
afterAll(() => rm(folder, { recursive: true }))

describe('another configuration', () => {
  test('keeps what it says the same of, and has what it says otherwise made anew', async () => {
    const parts = build(
      await read(YAML.replace('changed.example,', 'other.example,').replace(':2"', ':3"')),
      former,
    )
    expect(parts.issuers.get('kept')).toBe(former.issuers.get('kept'))
    expect(parts.upstreams.get('near')).toBe(former.upstreams.get('near'))
    expect(parts.issuers.get('changed')).not.toBe(former.issuers.get('changed'))
    expect(parts.upstreams.get('far')).not.toBe(former.upstreams.get('far'))

    const [left, added] = [leftOver(former, parts), leftOver(parts, former)]
    expect(left.issuers).toEqual([former.issuers.get('changed')])
    expect(left.upstreams).toEqual([former.upstreams.get('far')])
    expect(added.issuers).toEqual([parts.issuers.get('changed')])
    expect(added.upstreams).toEqual([parts.upstreams.get('far')])
  })

  test('leaves nothing over that both use', async () => {
    const parts = build(await read(YAML.replace('[accounts]', '[payments]')), former)
    expect(leftOver(former, parts)).toEqual({ issuers: [], upstreams: [], revocations: [] })
    expect(leftOver(parts, former)).toEqual({ issuers: [], upstreams: [], revocations: [] })
    expect(parts.routes).not.toBe(former.routes)
  })

  test.each([
    ['127.0.0.1:0\n  public', '127.0.0.1:1\n  public', 'listener addresses changed'],
    ['verify: optional, ca: ca.pem', 'verify: off', 'asked for certificates changed'],
    ['key: server.key', 'key: server.key\n  alpn: [h2]', 'alpn changed'],
    ['admin: { address: 127.0.0.1:0 }', 'admin: { address: 127.0.0.1:1 }', 'admin changed'],
    ['rotate: 30s', 'rotate: 40s', 'dpop nonces or replay store changed'],
    ['dpop:', 'stores: { redis: { url: "redis://127.0.0.1" } }\ndpop:', 'replay store changed'],
    ['url: 8KiB', 'url: 4KiB', 'limits changed'],
    ['level: info', 'level: warn', 'logging changed'],
  ])('%s: %s cannot be taken over', async (before, after, obstacle) => {
    expect(obstacleTo(former.configuration, await read(YAML))).toBeUndefined()
    const next = await read(YAML.replace(before, after))
    expect(obstacleTo(former.configuration, next)).toMatch(`${obstacle}: restart needed`)
  })

  test.each([
    ['[accounts]', '[payments]'],
    ['verify: optional', 'verify: required'],
    ['changed.example,', 'other.example,'],
    ['"http://127.0.0.1:2"', '"http://127.0.0.1:3"'],
    ['/near', '/nearer'],
    ['rotate: 30s', 'rotate: 30s, secret: a-secret-of-thirty-two-characters'],
  ])('%s: %s can be', async (before, after) => {
    const next = await read(YAML.replace(before, after))
    expect(obstacleTo(former.configuration, next)).toBeUndefined()
  })
})
