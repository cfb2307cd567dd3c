import { AsnConvert } from '@peculiar/asn1-schema'
import { Certificate } from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { createSelfSigned } from '../../src/demo/certificates.ts'
import { type CertificateFacts, parseCertificate } from '../../src/x509/certificate.ts'
import { ATTRIBUTES } from '../../src/x509/name.ts'
import {
  boolean,
  element,
  explicit,
  extension,
  implicit,
  octets,
  oid,
  QC_STATEMENTS,
  sequence,
  signed,
  writePsd2Statement,
} from '../support/der-writing.ts'
import {
  createInfrastructure,
  derOf,
  extensionOf,
  factsOf,
  type Infrastructure,
} from '../support/public-key-infrastructure.ts'

const CRL_POINTS = '2.5.29.31'
const INFO_ACCESS = '1.3.6.1.5.5.7.1.1'

let pki: Infrastructure
let rich: { certificate: string; serialNumber: string }
let facts: CertificateFacts

beforeAll(async () => {
  pki = await createInfrastructure('facts CA')
  const point = (uri: string) => sequence(explicit(0, explicit(0, implicit(6, uri))))
  const access = (method: string, uri: string) =>
    sequence(oid(`1.3.6.1.5.5.7.48.${method}`), implicit(6, uri))
  rich = await pki.issuer.issueClient({
    keyKind: 'EC',
    commonName: 'Participant',
    organization: 'Bank',
    organizationIdentifier: 'PSDGB-FCA-123456',
    attributes: [
      { [ATTRIBUTES.OU]: ['one'] },
      { [ATTRIBUTES.OU]: ['two'] },
      { [ATTRIBUTES.UID]: ['67c57882-043b-4f27-9e61-1f7b0a2f6a5e'] },
      { [ATTRIBUTES.serialNumber]: ['43142666000197'] },
      { [ATTRIBUTES.businessCategory]: ['Private Organization'] },
    ],
    dnsNames: ['api.bank.example'],
    uris: ['urn:bank'],
    extensions: [
      extensionOf(CRL_POINTS, sequence(point('http://crl.example/1'), point('ldap://crl/2'))),
      extensionOf(
        INFO_ACCESS,
        sequence(access('1', 'http://ocsp.example'), access('2', 'http://ca.example/ca.crt')),
      ),
      extensionOf(QC_STATEMENTS, sequence(writePsd2Statement(['0.4.0.19495.1.3']))),
    ],
  })
  facts = factsOf(rich)
})

describe('what a certificate says', () => {
  test('RFC 5280 §4.1: numbers, names and times', () => {
    expect(facts.serialNumber).toBe(rich.serialNumber)
    expect(facts.issuer).toEqual(pki.authority.facts.subject)
    expect(facts.notAfter - facts.notBefore).toBeGreaterThan(86_400)
    // 04, and both coordinates of P-256.
    expect(facts.publicKey).toHaveLength(65)
  })

  test('RFC 5280 §4.1.2.6: attributes of its subject, by identifier', () => {
    expect(Object.fromEntries(facts.attributes)).toEqual({
      [ATTRIBUTES.O]: ['Bank'],
      [ATTRIBUTES.organizationIdentifier]: ['PSDGB-FCA-123456'],
      [ATTRIBUTES.OU]: ['one', 'two'],
      [ATTRIBUTES.UID]: ['67c57882-043b-4f27-9e61-1f7b0a2f6a5e'],
      [ATTRIBUTES.serialNumber]: ['43142666000197'],
      [ATTRIBUTES.businessCategory]: ['Private Organization'],
      [ATTRIBUTES.CN]: ['Participant'],
    })
  })

  test('RFC 5280 §4.2: purposes, names, lists, responders, roles', () => {
    expect(facts).toMatchObject({
      purposes: ['1.3.6.1.5.5.7.3.2'],
      isAuthority: false,
      signsLists: false,
      names: { dnsNames: ['api.bank.example'], uris: ['urn:bank'], emails: [] },
      listUris: ['http://crl.example/1', 'ldap://crl/2'],
      responders: ['http://ocsp.example'],
      qualified: { roles: ['PSP_AI'] },
    })
  })

  test('RFC 5280 §4.2.1.3, §4.2.1.9: of an authority', () => {
    expect(pki.authority.facts).toMatchObject({ isAuthority: true, signsLists: true })
  })

  test('RFC 5280 §4.2.1.12: without purposes it is for all of them', async () => {
    const plain = await createSelfSigned({
      commonName: 'plain',
      keyKind: 'EC',
      extendedKeyUsage: [],
    })
    expect(factsOf(plain)).toMatchObject({
      purposes: undefined,
      qualified: undefined,
      listUris: [],
    })
  })

  test('is what another reader reads', () => {
    for (const pem of [rich.certificate, pki.issuer.certificate]) {
      const other = AsnConvert.parse(derOf(pem), Certificate).tbsCertificate
      const own = factsOf({ certificate: pem })
      expect(own.serialNumber).toBe(Buffer.from(other.serialNumber).toString('hex'))
      expect(own.issuer).toEqual(Buffer.from(AsnConvert.serialize(other.issuer)))
      expect(own.subject).toEqual(Buffer.from(AsnConvert.serialize(other.subject)))
      expect(own.notAfter).toBe(other.validity.notAfter.getTime().getTime() / 1000)
      const { subjectPublicKey } = other.subjectPublicKeyInfo
      expect(own.publicKey).toEqual(Buffer.from(subjectPublicKey))
    }
  })
})

function readOtherwise(der: Buffer): Certificate['tbsCertificate'] | undefined {
  try {
    return AsnConvert.parse(der, Certificate).tbsCertificate
  } catch {
    return undefined
  }
}

/** The certificate with its extensions replaced; nobody verifies it here. */
function withExtensions(...extensions: readonly Buffer[]): Buffer {
  const { subject, issuer } = facts
  const name = (text: string) => element(0x17, Buffer.from(text))
  const tbs = sequence(
    explicit(0, element(2, Buffer.from([2]))),
    element(2, Buffer.from([1])),
    sequence(),
    issuer,
    sequence(name('260101000000Z'), name('270101000000Z')),
    subject,
    sequence(sequence(), element(3, Buffer.from([0, 4, 1]))),
    explicit(3, sequence(...extensions)),
  )
  return signed(tbs, pki.key)
}

describe('MTLS-12: a hostile certificate is read as none, and nothing is thrown [MTLS-12]', () => {
  const constraints = extension('2.5.29.19', sequence(boolean(true)))

  test('the one that the others are made from is good', () => {
    expect(parseCertificate(withExtensions(constraints))?.isAuthority).toBe(true)
  })

  test.each<[string, () => Buffer]>([
    ['empty', () => Buffer.alloc(0)],
    ['not DER', () => Buffer.from('-----BEGIN CERTIFICATE-----')],
    ['an extension twice', () => withExtensions(constraints, constraints)],
    [
      'an extension of a wrong type',
      () => withExtensions(extension('2.5.29.19', octets(Buffer.alloc(1)))),
    ],
    [
      'something behind the value of an extension',
      () =>
        withExtensions(
          extension('2.5.29.19', Buffer.concat([sequence(boolean(true)), sequence()])),
        ),
    ],
    [
      'more extensions than anybody has',
      () =>
        withExtensions(
          ...Array.from({ length: 65 }, (_, i) => extension(`1.3.6.1.4.1.99.${i}`, sequence())),
        ),
    ],
    [
      'a name with NUL',
      () => withExtensions(extension('2.5.29.17', sequence(implicit(2, 'a\0b')))),
    ],
    ['something behind it', () => Buffer.concat([withExtensions(constraints), Buffer.alloc(1)])],
    ['nothing but lengths', () => Buffer.alloc(32_768, 0x30)],
    ['indefinite lengths, deep', () => Buffer.from('3080'.repeat(16_000), 'hex')],
  ])('%s', (_, der) => {
    expect(parseCertificate(der())).toBeUndefined()
  })

  test('M15: larger than 32 KiB is not looked at; just below, with a thousand names, it is [M15]', () => {
    const names = (count: number, length: number) =>
      withExtensions(
        extension(
          '2.5.29.17',
          sequence(
            ...Array.from({ length: count }, (_, i) => implicit(2, `${i}`.padEnd(length, 'a'))),
          ),
        ),
      )
    const great = names(1000, 29)
    expect(great.length).toBeGreaterThan(31_000)
    expect(great.length).toBeLessThanOrEqual(32_768)
    expect(parseCertificate(great)?.names.dnsNames).toHaveLength(1000)
    const larger = names(1000, 31)
    expect(larger.length).toBeGreaterThan(32_768)
    expect(parseCertificate(larger)).toBeUndefined()
  })

  test('whatever octets are changed, cut, or put in', () => {
    const der = derOf(rich.certificate)
    const change = fc.record({
      at: fc.nat(der.length - 1),
      cut: fc.nat(20),
      by: fc.uint8Array({ maxLength: 20 }),
    })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const mutated = changes.reduce<Buffer>(
          (octets, { at, cut, by }) =>
            Buffer.concat([octets.subarray(0, at), Buffer.from(by), octets.subarray(at + cut)]),
          der,
        )
        const read = parseCertificate(mutated)
        if (read !== undefined) expect(read.der).toBe(mutated)
      }),
      { numRuns: 3000 },
    )
  })

  test('what it reads of changed octets, another reader reads likewise, if at all', () => {
    const der = derOf(rich.certificate)
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const mutated = Buffer.from(der)
        mutated[at] = mutated[at]! ^ by
        const own = parseCertificate(mutated)
        if (own === undefined) return
        const tbsCertificate = readOtherwise(mutated)
        if (tbsCertificate === undefined) return
        expect(own.serialNumber).toBe(Buffer.from(tbsCertificate.serialNumber).toString('hex'))
        const { issuer, subject, extensions } = tbsCertificate
        const cns = subject.flatMap((relative) =>
          relative.filter(({ type }) => type === ATTRIBUTES.CN).map(({ value }) => value),
        )
        // A type of text that it does not know, such as VisibleString, it leaves as octets.
        if (cns.every(({ anyValue }) => anyValue === undefined)) {
          expect(own.attributes.get(ATTRIBUTES.CN) ?? []).toEqual(cns.map(String))
        }
        expect(issuer.length).toBe(1)
        // It loses all of them where two octets are left in the key, which is not taken apart here.
        const isNamed = extensions?.some(({ extnID }) => extnID === '2.5.29.17') ?? true
        if (!isNamed) expect(own.names.dnsNames).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })
})
