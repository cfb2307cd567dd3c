import { describe, expect, test } from 'vitest'
import { appendClientCert } from '../../src/gateway/client-cert-fields.ts'
import type { ClientCertificate } from '../../src/sender-constraint/certificate.ts'
import { CERTIFICATE, CONNECTION, createRequest } from '../support/checked-request.ts'
import { FORWARD } from '../support/exchange.ts'
import { createIssuer, NOW, THUMBPRINT } from '../support/issuer.ts'

const { claims } = createIssuer('as')
const BOTH = { ...FORWARD, clientCert: 'Client-Cert', clientCertChain: 'Client-Cert-Chain' }
const LEAF = `:${CERTIFICATE.der.toString('base64')}:`
const CHAIN = [Buffer.from('who issued it'), Buffer.from('who issued that one')]

/** What is told of a certificate; of one that a token is bound to, by its thumbprint. */
function told(
  certificate: ClientCertificate | undefined,
  {
    forward = BOTH,
    bound,
    stands = false,
  }: { forward?: typeof FORWARD; bound?: string; stands?: boolean } = {},
): string[] {
  const request = createRequest({ connection: { ...CONNECTION, certificate } })
  request.certificateStands = stands
  if (bound !== undefined) {
    request.token = {
      expiresAt: NOW + 300,
      subject: undefined,
      clientId: 'app',
      audiences: [],
      scopes: [],
      confirmation: { keyThumbprint: undefined, certificateThumbprint: bound },
      claims,
      algorithm: 'ES256',
    }
  }
  const headers: string[] = []
  appendClientCert(headers, forward, request)
  return headers
}

describe('RFC 9440 §2.2: the certificate as one byte sequence', () => {
  test('where the route says so, under the name that it says [CC-2, CC-4]', () => {
    expect(told(CERTIFICATE)).toEqual(['Client-Cert', LEAF])
    expect(told(CERTIFICATE, { forward: { ...BOTH, clientCert: 'X-Cert' } })).toEqual([
      'X-Cert',
      LEAF,
    ])
    expect(told(CERTIFICATE, { forward: FORWARD })).toEqual([])
  })

  test('and none of a client that has none [CC-1]', () => {
    expect(told(undefined)).toEqual([])
  })
})

describe('RFC 9440 §2.3: the chain as a list, without the certificate', () => {
  const chained = { ...CERTIFICATE, intermediates: CHAIN }
  const list = CHAIN.map((der) => `:${der.toString('base64')}:`).join(', ')

  test('where it is at hand [CC-3]', () => {
    expect(told(chained)).toEqual(['Client-Cert', LEAF, 'Client-Cert-Chain', list])
    const alone = { ...BOTH, clientCert: undefined }
    expect(told(chained, { forward: alone })).toEqual(['Client-Cert-Chain', list])
  })

  test('RFC 9440 §3.3: where it is not, none [CC-6]', () => {
    expect(told(CERTIFICATE)).not.toContain('Client-Cert-Chain')
  })
})

describe('RFC 9440 §4: nothing is told that is not so', () => {
  test.each<[string, Partial<ClientCertificate>]>([
    ['whose chain does not hold', { chainError: 'SELF_SIGNED_CERT_IN_CHAIN' }],
    ['that has ended', { notAfter: NOW - 1 }],
    ['that has not begun', { notBefore: NOW + 1 }],
  ])(
    'of a certificate %s (Cloudflare fills such fields all the same) [PF-51]',
    (_title, changed) => {
      expect(told({ ...CERTIFICATE, ...changed })).toEqual([])
      expect(told({ ...CERTIFICATE, ...changed }, { bound: THUMBPRINT })).toEqual([])
    },
  )

  test('RFC 9325 §7.5: of one that could be revoked, only where that was asked [PF-51]', () => {
    const revocable = { ...CERTIFICATE, revocation: 'lists' }
    expect(told(revocable)).toEqual([])
    expect(told(revocable, { bound: THUMBPRINT })).toEqual([])
    expect(told(revocable, { stands: true })).toEqual(['Client-Cert', LEAF])
  })

  test('of a certificate without a chain, unless the token is bound to it (CVE-2021-21378) [PF-52]', () => {
    const pinned = { ...CERTIFICATE, chainRequired: false }
    expect(told(pinned)).toEqual([])
    expect(told(pinned, { bound: 'A'.repeat(43) })).toEqual([])
    expect(told(pinned, { bound: THUMBPRINT })).toEqual(['Client-Cert', LEAF])
  })
})
