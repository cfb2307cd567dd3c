import { describe, expect, test } from 'vitest'
import { Front } from '../../src/adapter/front.ts'
import type { ClientCertificatePolicy } from '../../src/config/configuration.ts'
import { Failure } from '../../src/failure/failure.ts'
import { CERTIFICATE } from '../support/checked-request.ts'
import { NOW } from '../support/issuer.ts'

const FIELDS = { format: 'rfc9440', field: 'client-cert', chainField: undefined } as const
const BY_FIELD: ClientCertificatePolicy = { mode: 'request', from: FIELDS, ca: undefined }
const BY_TLS: ClientCertificatePolicy = { mode: 'request', from: 'tls', ca: undefined }

const server = (clientCertificate: ClientCertificatePolicy) => ({
  name: 'server.crt',
  cert: '',
  key: '',
  hosts: [],
  clientCertificate,
})
const front = new Front({
  trustedProxies: ['10.1.0.0/16', 'fd00::/8'],
  clientAddress: 'x-forwarded-for',
  certificates: [server(BY_FIELD), server(BY_TLS)],
})
const malformed = ['Client-Cert', 'none', 'X-Forwarded-For', '192.0.2.1']

describe('a connection of a trusted proxy', () => {
  test('is known by its address alone [MTLS-11]', () => {
    expect(front.proxyAt('10.1.2.3', BY_FIELD, undefined)).toBeDefined()
    expect(front.proxyAt('fd00::1', BY_FIELD, undefined)).toBeDefined()
    for (const address of ['10.2.0.1', '192.0.2.1', '::1', '']) {
      expect(front.proxyAt(address, BY_FIELD, undefined)).toBeUndefined()
      expect(front.trusts(address)).toBe(false)
    }
  })

  test('has the certificate of the field where the policy says so', () => {
    const proxy = front.proxyAt('10.1.2.3', BY_FIELD, undefined)
    expect(proxy?.certificateOf([], NOW)).toBeUndefined()
    expect(proxy?.certificateOf(malformed, NOW)).toBeInstanceOf(Failure)
  })

  test('and that of the handshake where it does not', () => {
    const proxy = front.proxyAt('10.1.2.3', BY_TLS, CERTIFICATE)
    expect(proxy?.certificateOf(malformed, NOW)).toBe(CERTIFICATE)
  })

  test('and the address that it says, unless that is not asked for [HTTP-29]', () => {
    expect(front.proxyAt('10.1.2.3', BY_TLS, undefined)?.addressOf(malformed)).toBe('192.0.2.1')
    const silent = new Front({
      trustedProxies: ['10.1.0.0/16'],
      clientAddress: undefined,
      certificates: [],
    })
    expect(silent.proxyAt('10.1.2.3', BY_TLS, undefined)?.addressOf(malformed)).toBe('10.1.2.3')
  })
})
