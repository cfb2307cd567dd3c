import { describe, expect, test } from 'vitest'
import { CIPHER_SUITES, transport } from '../../src/check/transport.ts'
import { CONNECTION, createCheckedRoute, createRequest } from '../support/checked-request.ts'

const strong = {
  min_version: '1.3' as const,
  cipher_suites: ['TLS_AES_256_GCM_SHA384' as const],
}

const ask = (connection: object, policy: Parameters<typeof transport.compile>[0] = strong) =>
  transport.compile(policy, createCheckedRoute())!(
    createRequest({ connection: { ...CONNECTION, ...connection } }),
  )

describe('transport', () => {
  test('RFC 9325 §3.1: a connection as strong as the route demands', () => {
    expect(ask({})).toBeUndefined()
    expect(
      ask({ protocol: 'TLSv1.2' }, { min_version: '1.2', cipher_suites: [...CIPHER_SUITES] }),
    ).toBeUndefined()
  })

  test.each([
    ['TLS 1.2', { protocol: 'TLSv1.2' }],
    ['TLS 1.1', { protocol: 'TLSv1.1' }],
    ['a version nobody knows', { protocol: 'unknown' }],
  ])('RFC 9110 §15.5.20: by %s, where 1.3 is demanded, it is refused', (_title, connection) => {
    expect(ask(connection)).toMatchObject({
      error: 'misdirected_request',
      reason: 'tls_version_too_low',
    })
  })

  test.each(['TLS_AES_128_GCM_SHA256', 'TLS_RSA_WITH_AES_128_CBC_SHA', ''])(
    'RFC 9325 §4: with the suite %s, where others are demanded, it is refused',
    (cipherSuite) => {
      expect(ask({ cipherSuite })).toMatchObject({
        error: 'misdirected_request',
        reason: 'tls_cipher_suite_not_accepted',
      })
    },
  )

  test('RFC 9325 §4: a public route demands as much', () => {
    const check = transport.compile(strong, createCheckedRoute({ isPublic: true }))!
    expect(
      check(createRequest({ connection: { ...CONNECTION, protocol: 'TLSv1.2' } })),
    ).toMatchObject({ reason: 'tls_version_too_low' })
  })
})
