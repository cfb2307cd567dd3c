import { describe, expect, test } from 'vitest'
import { parseCertificateLimits } from '../../src/x509/certificate-limits.ts'
import {
  CLIENT_AUTH,
  extension,
  type Make,
  root,
  rsa,
  SERVER_AUTH,
  selfSigned,
  USAGE,
  withoutEnd,
} from '../support/certificate-tree.ts'

const limitsOf = async (make: Make) =>
  parseCertificateLimits((await selfSigned('one', make)).certificate)

describe('RFC 5280 §4.2.1: what a certificate says of its use', () => {
  test('nothing: it is no CA, and its key is for anything', async () => {
    const notBefore = new Date('2026-01-01T00:00:00Z')
    const notAfter = new Date('2060-01-01T00:00:00Z')
    expect(await limitsOf({ notBefore, notAfter })).toEqual({
      notBefore: notBefore.getTime() / 1000,
      notAfter: notAfter.getTime() / 1000,
      isCa: false,
      pathLength: Number.POSITIVE_INFINITY,
      mayAuthenticateClients: true,
      maySignHandshakes: true,
      maySignCertificates: true,
      policies: {
        named: undefined,
        mapped: [],
        explicitAfter: Number.POSITIVE_INFINITY,
        notAnyAfter: Number.POSITIVE_INFINITY,
      },
      isSelfIssued: true,
      isUnderstood: true,
      hasStrongKey: true,
      hasStrongSignature: true,
    })
  })

  test('with an end that is no date it is never in force', async () => {
    const { certificate } = withoutEnd(await selfSigned('one'))
    expect(certificate.validTo).toBe('Bad time value')
    expect(parseCertificateLimits(certificate)).toMatchObject({
      notBefore: Number.POSITIVE_INFINITY,
      notAfter: Number.NEGATIVE_INFINITY,
    })
  })

  test('RFC 5280 §4.2.1.9: it is a CA, with so many below', async () => {
    expect(await limitsOf({ ca: null })).toMatchObject({
      isCa: true,
      pathLength: Number.POSITIVE_INFINITY,
    })
    expect(await limitsOf({ ca: 0 })).toMatchObject({ isCa: true, pathLength: 0 })
    expect(await limitsOf({ ca: 3 })).toMatchObject({ isCa: true, pathLength: 3 })
  })

  test.each([
    [USAGE.sign, true, false],
    [USAGE.agree, true, false],
    [USAGE.encipher, false, false],
    [USAGE.issue, false, true],
    [USAGE.sign | USAGE.issue, true, true],
  ])('RFC 5280 §4.2.1.3: usage %i', async (usage, maySignHandshakes, maySignCertificates) => {
    expect(await limitsOf({ usage })).toMatchObject({ maySignHandshakes, maySignCertificates })
  })

  test.each([
    [[CLIENT_AUTH], true],
    [[SERVER_AUTH, CLIENT_AUTH], true],
    [[SERVER_AUTH], false],
    [['2.5.29.37.0'], false],
  ])('RFC 5280 §4.2.1.12: purposes %j', async (purposes, mayAuthenticateClients) => {
    expect(await limitsOf({ purposes })).toMatchObject({ mayAuthenticateClients })
  })

  test('RFC 5280 §4.2.1.4, §4.2.1.5, §4.2.1.11, §4.2.1.14: its policies', async () => {
    const extensions = [
      extension('2.5.29.32', true, '3006300406022a03'),
      extension('2.5.29.33', true, '300a300806022a0306022a04'),
      extension('2.5.29.36', true, '3003800102'),
      extension('2.5.29.54', true, '020103'),
    ]
    expect(await limitsOf({ ca: null, extensions })).toMatchObject({
      isUnderstood: true,
      policies: { named: ['1.2.3'], mapped: ['1.2.3'], explicitAfter: 2, notAnyAfter: 3 },
    })
  })

  test.each([
    ['a path length below nothing', extension('2.5.29.19', true, '30060101ff0201ff')],
    ['policies that are none', extension('2.5.29.32', false, '3003020101')],
    ['a mapping to any policy', extension('2.5.29.33', true, '300c300a06022a030604551d2000')],
    ['constraints that are none', extension('2.5.29.36', true, '3003020101')],
    ['a number that is none', extension('2.5.29.54', true, '0500')],
  ])('RFC 5280 §4.2.1: a certificate with %s is none', async (_, odd) => {
    expect(await limitsOf({ extensions: [odd] })).toBeUndefined()
  })

  test('RFC 5280 §4.2: a certificate with an extension that comes twice is none', async () => {
    const twice = [extension('1.2.3.4', false, '0500'), extension('1.2.3.4', false, '0500')]
    expect(await limitsOf({ extensions: twice })).toBeUndefined()
  })

  test('an issuer of another name is another', async () => {
    const ca = await root('ca')
    const { certificate } = await ca.issue('one')
    expect(parseCertificateLimits(certificate)?.isSelfIssued).toBe(false)
  })
})

test.each([
  ['P-256', { key: { name: 'ECDSA', namedCurve: 'P-256' } }, true],
  ['P-521', { key: { name: 'ECDSA', namedCurve: 'P-521' } }, true],
  ['RSA 1024', { key: rsa(1024, 'SHA-256') }, false],
  ['RSA 2048', { key: rsa(2048, 'SHA-256') }, true],
  ['RSA-PSS 2048', { key: rsa(2048, 'SHA-256', 'RSA-PSS') }, true],
])('RFC 9325 §4.5: a key of kind %s', async (_title, make, hasStrongKey) => {
  expect(await limitsOf(make)).toMatchObject({ hasStrongKey })
})

test.each([
  ['ECDSA', 'SHA-1', { hash: 'SHA-1' }, false],
  ['ECDSA', 'SHA-384', { hash: 'SHA-384' }, true],
  ['RSA', 'SHA-1', { key: rsa(2048, 'SHA-1') }, false],
  ['RSA', 'SHA-512', { key: rsa(2048, 'SHA-512') }, true],
  ['RSA-PSS', 'SHA-1', { key: rsa(2048, 'SHA-1', 'RSA-PSS') }, false],
  ['RSA-PSS', 'SHA-256', { key: rsa(2048, 'SHA-256', 'RSA-PSS') }, true],
  ['RSA-PSS', 'SHA-384', { key: rsa(2048, 'SHA-384', 'RSA-PSS') }, true],
])('RFC 9325 §4.5: a signature by %s with %s', async (_kind, _hash, make, hasStrongSignature) => {
  expect(await limitsOf(make)).toMatchObject({ hasStrongSignature })
})
