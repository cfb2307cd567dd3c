import { webcrypto } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type ClientIssuance,
  type Credential,
  createAuthority,
} from '../../src/demo/certificates.ts'
import { askOnce, openHolder } from '../support/certificate-holder.ts'
import { oid, QC_STATEMENTS, sequence, utf8, writePsd2Statement } from '../support/der-writing.ts'
import { type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { extensionOf } from '../support/public-key-infrastructure.ts'

const MINUTE = 60_000
const ROLE = { PSP_AS: '0.4.0.19495.1.1', PSP_AI: '0.4.0.19495.1.3' }

let fixture: Fixture
let mint: Mint
let gateway: TestGateway
let pinning: TestGateway
const make = (issuance: Partial<ClientIssuance> = {}) =>
  fixture.authority.issueClient({
    commonName: 'client',
    keys: fixture.certificates.mtls.keys,
    ...issuance,
  })
/** A client that itself would not mind a weak key. */
const LENIENT = { ciphers: 'DEFAULT@SECLEVEL=0' }
const ask = (credential: Credential, path?: string) =>
  askOnce(fixture, gateway, mint, credential, LENIENT, path)

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  mint = createMint(signing, fixture.as.issuer)
  const text = (policy: string) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: ${policy}
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
defaults: { scopes: [accounts] }
routes:
  - { id: accounts, match: GET /accounts, upstream: $BANK }
  - { id: ai, match: GET /accounts/22289, upstream: $BANK, client_certificate: { psd2_roles: [PSP_AI], qc_types: [qwac] } }
  - id: participant
    match: GET /accounts/31820
    upstream: $BANK
    client_certificate:
      subject: { organizationIdentifier: "PSDGB-*", businessCategory: Private Organization }
      san: { uri: "urn:tpp:*" }
  - { id: own, match: GET /accounts/22289/balances, upstream: $BANK, client_certificate: { client_id: UID } }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`
  gateway = await fixture.gateway(text('{ ca: ca.pem }'))
  pinning = await fixture.gateway(text('{ verify: request }'))
})
afterAll(() => fixture.close())

describe('a certificate that is not to be believed, and why [MTLS-6, M03]', () => {
  const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE)
  test.each<[string, () => Promise<Credential>, string]>([
    ['is good', () => make(), '200'],
    [
      'has ended',
      () => make({ notBefore: ago(20), notAfter: ago(10) }),
      '401 tls_client_cert_expired',
    ],
    ['has not begun', () => make({ notBefore: ago(-10) }), '401 tls_client_cert_not_yet_valid'],
    [
      'is for servers',
      () => make({ extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] }),
      '401 tls_client_cert_eku',
    ],
    [
      'is an authority’s own',
      () => make({ isAuthority: true }),
      '401 tls_client_cert_of_authority',
    ],
    [
      'is of a foreign authority',
      async () => {
        const foreign = await createAuthority({ name: 'foreign' })
        return foreign.issueClient({ commonName: 'x', keys: fixture.certificates.mtls.keys })
      },
      '401 tls_client_cert_untrusted',
    ],
    [
      'lacks its intermediate',
      async () => {
        const intermediate = await fixture.authority.issueAuthority({ name: 'between' })
        return intermediate.issueClient({ commonName: 'x', keys: fixture.certificates.mtls.keys })
      },
      '401 tls_client_cert_untrusted',
    ],
    [
      'has a weak key',
      async () => make({ keys: await weakKeys() }),
      '401 tls_client_cert_weak_key',
    ],
  ])('%s', async (_, issue, expected) => {
    const before = fixture.reached.length
    expect(await ask(await issue())).toBe(expected)
    expect(fixture.reached.length - before).toBe(expected === '200' ? 1 : 0)
  })

  test('is not believed for being pinned, where its key is weak', async () => {
    const weak = await make({ keys: await weakKeys() })
    expect(await askOnce(fixture, pinning, mint, weak, LENIENT)).toBe(
      '401 tls_client_cert_weak_key',
    )
  })
})

function weakKeys(): Promise<webcrypto.CryptoKeyPair> {
  const publicExponent = new Uint8Array([1, 0, 1])
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 1024, publicExponent }
  return webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify'])
}

describe('ETSI TS 119 495 §5.1: roles of a payment service provider', () => {
  const qwac = sequence(oid('0.4.0.1862.1.6'), sequence(oid('0.4.0.1862.1.6.3')))
  const seal = sequence(oid('0.4.0.1862.1.6'), sequence(oid('0.4.0.1862.1.6.2')))
  const stating = (...statements: Buffer[]) => ({
    extensions: [extensionOf(QC_STATEMENTS, sequence(...statements))],
  })

  test.each<[string, () => Partial<ClientIssuance>, string]>([
    ['the role', () => stating(qwac, writePsd2Statement([ROLE.PSP_AI])), '200'],
    [
      'another role',
      () => stating(qwac, writePsd2Statement([ROLE.PSP_AS])),
      '401 certificate_role_missing',
    ],
    [
      'the letters of the role in every name',
      () => ({
        commonName: 'PSP_AI',
        organization: 'PSP_AI 0.4.0.19495.1.3',
        uris: ['urn:PSP_AI'],
        ...stating(
          qwac,
          sequence(oid('1.2.3'), utf8('PSP_AI')),
          writePsd2Statement([ROLE.PSP_AS], 'PSP_AI'),
        ),
      }),
      '401 certificate_role_missing',
    ],
    ['no statements', () => ({}), '401 certificate_role_missing'],
    [
      'the role, for a seal',
      () => stating(seal, writePsd2Statement([ROLE.PSP_AI])),
      '401 certificate_qc_type_mismatch',
    ],
  ])('%s', async (_, changed, expected) => {
    expect(await ask(await make(changed()), '/accounts/22289')).toBe(expected)
  })
})

describe('subject and alternative names', () => {
  const good = {
    organizationIdentifier: 'PSDGB-FCA-123456',
    attributes: [{ '2.5.4.15': ['Private Organization'] }],
    uris: ['urn:tpp:1'],
  }

  test.each<[string, Partial<ClientIssuance>, string]>([
    ['as the route asks', good, '200'],
    [
      'of another country',
      { ...good, organizationIdentifier: 'PSDDE-BAFIN-1' },
      '401 certificate_subject_mismatch',
    ],
    ['of another category', { ...good, attributes: [] }, '401 certificate_subject_mismatch'],
    ['with another name', { ...good, uris: ['urn:tpp'] }, '401 certificate_san_mismatch'],
  ])('%s', async (_, changed, expected) => {
    expect(await ask(await make(changed), '/accounts/31820')).toBe(expected)
  })

  test('of a certificate that anybody could have made are nothing', async () => {
    const credential = await make(good)
    const outcome = await askOnce(fixture, pinning, mint, credential, {}, '/accounts/31820')
    expect(outcome).toBe('401 certificate_not_vouched_for')
  })
})

test('FAPI 1.0 Advanced §8.10: a certificate is of the client that the token names [F1A-SHARE-1]', async () => {
  const shared = await make({ attributes: [{ '0.9.2342.19200300.100.1.1': ['app'] }] })
  const holder = await openHolder(fixture, gateway, mint, shared)
  expect(await holder.ask('/accounts/22289/balances', { client_id: 'app' })).toBe('200')
  expect(await holder.ask('/accounts/22289/balances', { client_id: 'app2' })).toBe(
    '401 certificate_client_id_mismatch',
  )
  expect(await holder.ask('/accounts', { client_id: 'app2' })).toBe('200')
  holder.close()
})

describe('M15: certificates made to be costly [M15, MTLS-12]', () => {
  test('a thousand names are read, and the next request is none the slower for it', async () => {
    const dnsNames = Array.from({ length: 1000 }, (_, i) => `host-${i}.tpp.example`)
    const great = await make({ dnsNames, uris: ['urn:tpp:1'] })
    expect(await ask(great)).toBe('200')
    expect(await ask(great, '/accounts/31820')).toBe('401 certificate_subject_mismatch')
  })

  test('one above 32 KiB is refused', async () => {
    const dnsNames = Array.from(
      { length: 1000 },
      (_, i) => `host-${i}.of.a.name.that.is.long.example`,
    )
    expect(await ask(await make({ dnsNames }))).toBe('401 tls_client_cert_too_large')
  })

  test('a chain of twenty is verified; more certificates than 100 KiB end the handshake', async () => {
    const { keys } = fixture.certificates.mtls
    let issuer = fixture.authority
    let chain = ''
    for (let length = 1; length <= 20; length++) {
      const next = await issuer.issueAuthority({ name: `authority ${length}`, keys })
      chain = `${next.certificate}${chain}`
      issuer = next
    }
    const leaf = await issuer.issueClient({ commonName: 'deep', keys })
    expect(await ask({ ...leaf, certificate: `${leaf.certificate}${chain}` })).toBe('200')
    const great = `${leaf.certificate}${chain}${fixture.authority.certificate.repeat(120)}`
    await expect(ask({ ...leaf, certificate: great })).rejects.toThrow()
    expect(await ask(await make())).toBe('200')
  })
})
