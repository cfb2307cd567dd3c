import { describe, expect, test } from 'vitest'
import { checkCertificate, checkPresence } from '../../src/sender-constraint/certificate.ts'
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
