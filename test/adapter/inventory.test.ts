import { X509Certificate } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { describe as describeInventory } from '../../src/adapter/inventory.ts'
import type { Configuration } from '../../src/config/configuration.ts'
import { type Authority, type Credential, createAuthority } from '../../src/demo/certificates.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { parseExposition, sumOf } from '../support/exposition.ts'

const DAY = 86_400_000

let server: Credential
let client: Credential
let authority: Authority
let other: Authority

beforeAll(async () => {
  const inDays = (days: number) => new Date(Date.now() + days * DAY)
  authority = await createAuthority({ name: 'one CA', keyKind: 'EC' })
  other = await createAuthority({ name: 'other CA', keyKind: 'EC' })
  server = await authority.issueServer({ keyKind: 'EC', notAfter: inDays(30) })
  client = await authority.issueClient({
    commonName: 'gateway',
    keyKind: 'EC',
    notAfter: inDays(20),
  })
})

const endOf = (pem: string) => Date.parse(new X509Certificate(pem).validTo) / 1000

/** What is read of a configuration here. */
function configuration(more: { ca?: string; cert?: string; hash?: string } = {}): Configuration {
  const { ca = authority.certificate + other.certificate, cert, hash = 'deadbeef' } = more
  const clientCertificate = { mode: 'optional', from: 'tls', ca }
  const chain = server.certificate + authority.certificate
  const certificates = [{ name: 'server.crt', cert: chain, key: '', hosts: [], clientCertificate }]
  return {
    hash,
    profile: 'fapi2-security',
    listeners: [{ id: 'main', certificates }],
    upstreams: [{ id: 'bank', tls: { cert } }],
    dpop: { replayStore: 'memory' },
  } as unknown as Configuration
}

async function certificatesOf(metrics: ReturnType<typeof createMetrics>) {
  return parseExposition(await metrics.expose())
    .filter(({ name }) => name === 'fapigw_tls_certificate_not_after_timestamp_seconds')
    .map(({ labels, value }) => [labels['role'], labels['name'], value])
}

test('the end of every certificate in use: server, each client CA, upstream client', async () => {
  const metrics = createMetrics()
  describeInventory(configuration({ cert: client.certificate + authority.certificate }), metrics)
  expect(await certificatesOf(metrics)).toEqual([
    ['server', 'server.crt', endOf(server.certificate)],
    ['client_ca', expect.stringContaining('one CA'), endOf(authority.certificate)],
    ['client_ca', expect.stringContaining('other CA'), endOf(other.certificate)],
    ['upstream_client', 'bank', endOf(client.certificate)],
  ])
})

test('what a reload has replaced is not told of any more', async () => {
  const metrics = createMetrics()
  describeInventory(configuration({ cert: client.certificate }), metrics)
  describeInventory(configuration({ ca: other.certificate, hash: 'cafecafe' }), metrics)
  expect((await certificatesOf(metrics)).map(([role]) => role)).toEqual(['server', 'client_ca'])
  const text = await metrics.expose()
  expect(sumOf(text, 'fapigw_config_info', { hash: 'deadbeef' })).toBeUndefined()
  expect(sumOf(text, 'fapigw_config_info', { hash: 'cafecafe' })).toBe(1)
})
