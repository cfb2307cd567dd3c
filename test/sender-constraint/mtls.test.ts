import { describe, expect, test } from 'vitest'
import { checkCertificateBinding } from '../../src/sender-constraint/mtls.ts'
import { CERTIFICATE } from '../support/checked-request.ts'
import { NOW, OTHER_THUMBPRINT, THUMBPRINT } from '../support/issuer.ts'

const changed = (change: Partial<typeof CERTIFICATE>) => ({ ...CERTIFICATE, ...change })

describe('checkCertificateBinding', () => {
  test('RFC 8705 §3: a token with the certificate it is bound to', () => {
    expect(checkCertificateBinding(THUMBPRINT, CERTIFICATE, NOW)).toBeUndefined()
  })

  test.each([
    ['M01: without a certificate', undefined, 'tls_client_cert_missing'],
    ["M02: with another client's", changed({ thumbprint: OTHER_THUMBPRINT }), 'cnf_x5t_mismatch'],
    ['M06: with one that has ended', changed({ notAfter: NOW - 1 }), 'tls_client_cert_expired'],
    [
      'M03: with one that has not begun',
      changed({ notBefore: NOW + 1 }),
      'tls_client_cert_not_yet_valid',
    ],
    [
      'M03: with one of nobody we know',
      changed({ chainError: 'UNABLE_TO_GET_ISSUER_CERT' }),
      'tls_client_cert_untrusted',
    ],
  ])('RFC 8705 §3, %s it is refused', (_title, certificate, reason) => {
    expect(checkCertificateBinding(THUMBPRINT, certificate, NOW)).toMatchObject({
      error: 'invalid_token',
      reason,
    })
  })

  test('RFC 8705 §3: the log is told enough to tell certificates apart and no more', () => {
    const other = changed({ thumbprint: OTHER_THUMBPRINT })
    expect(checkCertificateBinding(THUMBPRINT, other, NOW)?.detail).toEqual({
      bound: '47DEQpj8',
      presented: 'n4bQgYhM',
    })
  })

  test('RFC 8705 §3.1: thumbprints that differ in the case of a letter are different [MTLS-2]', () => {
    expect(checkCertificateBinding(THUMBPRINT.toLowerCase(), CERTIFICATE, NOW)).toMatchObject({
      reason: 'cnf_x5t_mismatch',
    })
  })
})
