import { constants } from 'node:crypto'
import { getCiphers } from 'node:tls'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  asksForCertificates,
  contextOptions,
  Hosts,
  hasSeveralPolicies,
  isSameTrust,
  knowsCertificates,
  openSslName,
} from '../../src/adapter/tls-context.ts'
import { CIPHER_SUITES } from '../../src/check/transport.ts'
import type { ClientCertificatePolicy, ListenerConfig } from '../../src/config/configuration.ts'
import { type Credential, createAuthority } from '../../src/demo/certificates.ts'

const OFF: ClientCertificatePolicy = { mode: 'off', from: 'tls', ca: undefined }

let credential: Credential
let authorities: string

beforeAll(async () => {
  const authority = await createAuthority({ name: 'test CA', keyKind: 'EC' })
  authorities = authority.certificate
  credential = await authority.issueServer({ keyKind: 'EC' })
})

/** A listener with a certificate for each list of names. */
function listener(
  names: readonly (readonly string[])[],
  policies: readonly ClientCertificatePolicy[] = [],
  more: Partial<ListenerConfig> = {},
): ListenerConfig {
  return {
    id: 'public',
    host: '127.0.0.1',
    port: 0,
    publicUrls: ['x.c.example', 'example', 'x'].map((host) => ({
      prefix: `https://${host}`,
      host,
      port: 443,
    })),
    certificates: names.map((hosts, index) => ({
      name: hosts.join() || 'rest',
      cert: credential.certificate,
      key: credential.key,
      hosts,
      clientCertificate: policies[index] ?? OFF,
    })),
    clientCertificate: OFF,
    trustedProxies: [],
    clientAddress: undefined,
    minVersion: '1.2',
    alpn: ['http/1.1'],
    cipherSuites: CIPHER_SUITES,
    sessionTickets: true,
    hsts: undefined,
    ...more,
  }
}

describe('names of cipher suites', () => {
  test('every suite that can be configured is one that OpenSSL has', () => {
    const known = new Set(getCiphers())
    for (const suite of CIPHER_SUITES) expect(known).toContain(openSslName(suite).toLowerCase())
  })

  test.each([
    ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384'],
  ])('%s is %s', (suite, name) => {
    expect(openSslName(suite)).toBe(name)
  })
})

describe('options of a context', () => {
  const optionsOf = (config: ListenerConfig) => contextOptions(config, config.certificates[0]!)

  test.each([
    ['1.2', 'TLSv1.2'],
    ['1.3', 'TLSv1.3'],
  ])('RFC 9325 §3.1.1: from version %s', (minVersion, expected) => {
    const options = optionsOf(listener([[]], [], { minVersion }))
    expect(options).toMatchObject({ minVersion: expected, maxVersion: 'TLSv1.3' })
  })

  test('RFC 9325 §3.5, RFC 9325 §3.3: no renegotiation and no compression [TLS-4, TLS-10]', () => {
    const { secureOptions = 0 } = optionsOf(listener([[]]))
    expect(secureOptions & constants.SSL_OP_NO_RENEGOTIATION).not.toBe(0)
    expect(secureOptions & constants.SSL_OP_NO_COMPRESSION).not.toBe(0)
    expect(secureOptions & constants.SSL_OP_NO_TICKET).toBe(0)
  })

  test('RFC 9325 §3.4: no tickets where they are turned off [TLS-9]', () => {
    const { secureOptions = 0 } = optionsOf(listener([[]], [], { sessionTickets: false }))
    expect(secureOptions & constants.SSL_OP_NO_TICKET).not.toBe(0)
  })

  test('RFC 9325 §3.4: no tickets where hosts trust different authorities [M07, PF-17, TLS-9]', () => {
    const required: ClientCertificatePolicy = { mode: 'required', from: 'tls', ca: authorities }
    const { secureOptions = 0 } = optionsOf(listener([['a'], ['b']], [OFF, required]))
    expect(secureOptions & constants.SSL_OP_NO_TICKET).not.toBe(0)
  })

  test('the authorities are those of the host, or none', () => {
    expect(optionsOf(listener([[]]))).not.toHaveProperty('ca')
    const policy: ClientCertificatePolicy = { mode: 'optional', from: 'tls', ca: authorities }
    expect(optionsOf(listener([[]], [policy])).ca).toBe(authorities)
  })
})

test('a listener asks for certificates if one of its hosts does', () => {
  const request: ClientCertificatePolicy = { mode: 'request', from: 'tls', ca: undefined }
  expect(asksForCertificates(listener([['a'], ['b']], [OFF, OFF]))).toBe(false)
  expect(asksForCertificates(listener([['a'], ['b']], [OFF, request]))).toBe(true)
})

describe('where a proxy in front passes certificates on', () => {
  const from = { format: 'nginx', field: 'x-ssl-client-cert', chainField: undefined } as const
  let trusting: ListenerConfig

  beforeAll(() => {
    const forwarded: ClientCertificatePolicy = { mode: 'optional', from, ca: authorities }
    trusting = listener([[]], [forwarded], { trustedProxies: ['10.0.0.0/8'] })
  })

  test('the handshake asks for none, and they are known all the same [MTLS-11]', () => {
    expect(asksForCertificates(trusting)).toBe(false)
    expect(knowsCertificates(trusting)).toBe(true)
    expect(knowsCertificates(listener([[]]))).toBe(false)
    expect(contextOptions(trusting, trusting.certificates[0]!)).not.toHaveProperty('ca')
  })

  test.each<[string, () => Partial<ListenerConfig>]>([
    ['of other proxies', () => ({ trustedProxies: ['10.0.0.0/9'] })],
    ['of no proxies', () => ({ trustedProxies: [] })],
    ['of another field for addresses', () => ({ clientAddress: 'forwarded' })],
    ['of the handshake', () => ({ certificates: listener([[]], [OFF]).certificates })],
  ])('RFC 9325 §7.5: a connection is not believed by the rule %s', (_title, changed) => {
    expect(isSameTrust(trusting, { ...trusting })).toBe(true)
    expect(isSameTrust(trusting, { ...trusting, ...changed() })).toBe(false)
  })
})

describe('whether hosts of a listener ask for different certificates', () => {
  const revocation = { id: 'x', lists: ['clients.crl'], ocsp: undefined, refresh: 3600 }

  test.each<[string, ClientCertificatePolicy[], boolean]>([
    ['the same', [OFF, OFF], false],
    ['another mode', [OFF, { mode: 'request', from: 'tls', ca: undefined }], true],
    ['another authority', [OFF, { mode: 'off', from: 'tls', ca: 'x' }], true],
    ['revocation', [OFF, { ...OFF, revocation }], true],
  ])('%s', (_, policies, expected) => {
    expect(hasSeveralPolicies(listener([['a'], ['b']], policies))).toBe(expected)
  })
})

describe('the host for a name', () => {
  const found = (hosts: Hosts, name: string | undefined) => hosts.find(name)?.certificate.name

  test('RFC 6066 §3: the exact name goes before the wildcard, and that before the rest', () => {
    const hosts = new Hosts(listener([[], ['*.example'], ['a.example', 'b.example']]))
    expect(found(hosts, 'a.example')).toBe('a.example,b.example')
    expect(found(hosts, 'b.example')).toBe('a.example,b.example')
    expect(found(hosts, 'c.example')).toBe('*.example')
    expect(found(hosts, 'x.c.example')).toBe('rest')
    expect(found(hosts, 'example')).toBe('rest')
    expect(found(hosts, undefined)).toBe('rest')
  })

  test.each(['other', 'x.d.example', 'b.x', 'x.', '__proto__'])(
    'RFC 9325 §3.7: the certificate for the rest is for public URLs, and %s is in none',
    (name) => {
      expect(found(new Hosts(listener([['a.example'], []])), name)).toBeUndefined()
    },
  )

  test.each(['other', 'xa.example', 'a.example.', 'a.example.evil', '*.example', '__proto__'])(
    'RFC 9325 §3.7: %s is nobody without a certificate for the rest',
    (name) => {
      expect(found(new Hosts(listener([['a.example']])), name)).toBeUndefined()
    },
  )

  test('RFC 9525 §6.3: a wildcard is one whole label', () => {
    const hosts = new Hosts(listener([['*.example']]))
    expect(found(hosts, 'a.example')).toBe('*.example')
    for (const name of ['example', 'a.b.example', 'aexample']) {
      expect(found(hosts, name)).toBeUndefined()
    }
  })

  test('without a name it is the one for the rest, or the first', () => {
    expect(found(new Hosts(listener([['a'], []])), undefined)).toBe('rest')
    expect(found(new Hosts(listener([['a'], ['b']])), undefined)).toBe('a')
    expect(found(new Hosts(listener([['*.a']])), '')).toBe('*.a')
  })

  test('and nobody, where names decide about certificates of clients', () => {
    const required: ClientCertificatePolicy = { mode: 'required', from: 'tls', ca: authorities }
    const hosts = new Hosts(listener([['a'], []], [required]))
    expect(found(hosts, undefined)).toBeUndefined()
    expect(found(hosts, '')).toBeUndefined()
    expect(found(hosts, 'a')).toBe('a')
    expect(found(hosts, 'x')).toBe('rest')
  })
})
