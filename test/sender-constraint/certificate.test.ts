import { describe, expect, test } from 'vitest'
import {
  type ClientCertificate,
  checkCertificate,
  checkPresence,
} from '../../src/sender-constraint/certificate.ts'
import { CERTIFICATE } from '../support/checked-request.ts'

const { notBefore, notAfter } = CERTIFICATE

describe('checkCertificate', () => {
  test.each([
    ['from its first second', notBefore],
    ['in between', (notBefore + notAfter) / 2],
    ['to its last second', notAfter],
  ])('RFC 9325 §7.5, M06: a certificate is believed %s', (_title, now) => {
    expect(checkCertificate(CERTIFICATE, now)).toBeUndefined()
  })

  test.each([
    ['before its first', notBefore - 0.001, 'tls_client_cert_not_yet_valid'],
    ['after its last second', notAfter + 0.001, 'tls_client_cert_expired'],
    ['long after', notAfter + 1e9, 'tls_client_cert_expired'],
  ])('RFC 9325 §7.5, M06: and not %s, on whatever connection', (_title, now, reason) => {
    expect(checkCertificate(CERTIFICATE, now)).toMatchObject({ error: 'invalid_token', reason })
  })

  test.each(['CERT_REVOKED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'INVALID_PURPOSE', ''])(
    'RFC 8705 §2.1, M03: where a chain is asked for, a certificate without one is refused (%s)',
    (chainError) => {
      expect(checkCertificate({ ...CERTIFICATE, chainError }, notBefore)).toMatchObject({
        error: 'invalid_token',
        reason: 'tls_client_cert_untrusted',
        detail: { error: chainError },
      })
    },
  )

  test('RFC 8705 §2.2, M03: where none is asked for, a self-signed certificate will do', () => {
    const selfSigned = {
      ...CERTIFICATE,
      chainRequired: false,
      chainError: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    }
    expect(checkCertificate(selfSigned, notBefore)).toBeUndefined()
    expect(checkCertificate(selfSigned, notAfter + 1)).toMatchObject({
      reason: 'tls_client_cert_expired',
    })
  })

  test.each<[string, Partial<ClientCertificate>, string]>([
    [
      'RFC 8705 §7.5: larger than those that are read [M15, MTLS-12]',
      { isTooLarge: true },
      'tls_client_cert_too_large',
    ],
    [
      'FAPI 2.0 SP §5.4.1: with a weak key',
      { hasWeakKey: true, chainError: 'EE_KEY_TOO_SMALL' },
      'tls_client_cert_weak_key',
    ],
    [
      'FAPI 2.0 SP §5.4.1: with a weak key, whatever the chain',
      { hasWeakKey: true, chainRequired: false },
      'tls_client_cert_weak_key',
    ],
    [
      'RFC 5280 §4.2.1.12: for other purposes, as OpenSSL says too [MTLS-6, M03]',
      { isForClients: false, chainError: 'INVALID_PURPOSE' },
      'tls_client_cert_eku',
    ],
    [
      'RFC 5280 §4.2.1.12: for other purposes, whatever OpenSSL says [MTLS-6, M03]',
      { isForClients: false },
      'tls_client_cert_eku',
    ],
    [
      'of a foreign authority and for other purposes',
      { isForClients: false, chainError: 'UNABLE_TO_GET_ISSUER_CERT' },
      'tls_client_cert_untrusted',
    ],
    ['of an authority itself [MTLS-6, M03]', { isAuthority: true }, 'tls_client_cert_of_authority'],
  ])('a certificate is refused: %s', (_title, changed, reason) => {
    const failure = checkCertificate({ ...CERTIFICATE, ...changed }, notBefore)
    expect(failure).toMatchObject({ error: 'invalid_token', reason })
  })

  test('RFC 8705 §2.2: one that is only pinned may say of itself what it likes', () => {
    const pinned = { ...CERTIFICATE, chainRequired: false, isAuthority: true, isForClients: false }
    expect(checkCertificate(pinned, notBefore)).toBeUndefined()
  })
})

describe('checkPresence', () => {
  test('RFC 8705 §2: nothing is served without a certificate', () => {
    expect(checkPresence(undefined, notBefore)).toMatchObject({
      error: 'invalid_token',
      reason: 'client_cert_required',
    })
  })

  test('nor with one that is not to be believed', () => {
    expect(checkPresence(CERTIFICATE, notBefore)).toBeUndefined()
    expect(checkPresence(CERTIFICATE, notAfter + 1)).toMatchObject({
      reason: 'tls_client_cert_expired',
    })
    expect(checkPresence({ ...CERTIFICATE, chainError: 'a' }, notBefore)).toMatchObject({
      reason: 'tls_client_cert_untrusted',
    })
  })
})
