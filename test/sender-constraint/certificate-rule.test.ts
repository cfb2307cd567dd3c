import { describe, expect, test } from 'vitest'
import {
  attributeOid,
  type CertificateRules,
  compileCertificateRules,
} from '../../src/sender-constraint/certificate-rule.ts'
import type { CertificateFacts } from '../../src/x509/certificate.ts'
import { CERTIFICATE } from '../support/checked-request.ts'

const CLIENT = '67c57882-043b-4f27-9e61-1f7b0a2f6a5e'

const FACTS: CertificateFacts = {
  der: Buffer.alloc(0),
  serialNumber: '01',
  issuer: Buffer.alloc(0),
  subject: Buffer.alloc(0),
  attributes: new Map([
    ['2.5.4.3', ['Participant']],
    ['2.5.4.11', ['one', 'two']],
    ['2.5.4.97', ['PSDGB-FCA-123456']],
    ['0.9.2342.19200300.100.1.1', [CLIENT]],
  ]),
  notBefore: 0,
  notAfter: 0,
  publicKey: Buffer.alloc(0),
  names: { dnsNames: ['api.tpp.example'], uris: ['urn:tpp:1'], emails: ['a@tpp.example'] },
  purposes: undefined,
  isAuthority: false,
  signsLists: false,
  listUris: [],
  responders: [],
  qualified: { roles: ['PSP_AI', 'PSP_PI'], authority: undefined, types: ['qwac'] },
}

function reasonOf(
  rules: CertificateRules,
  changed: Partial<CertificateFacts> = {},
  clientId: string | undefined = CLIENT,
): string | undefined {
  const certificate = { ...CERTIFICATE, facts: { ...FACTS, ...changed } }
  return compileCertificateRules(rules)?.(certificate, clientId)?.reason
}

describe('the subject', () => {
  test.each<[Record<string, string>, string | undefined]>([
    [{ organizationIdentifier: 'PSDGB-*' }, undefined],
    [{ '2.5.4.97': 'PSDGB-FCA-123456' }, undefined],
    [{ OU: 'two', CN: 'Participant' }, undefined],
    [{ OU: 'three' }, 'certificate_subject_mismatch'],
    [{ CN: 'participant' }, 'certificate_subject_mismatch'],
    [{ OU: 'two', CN: 'Other' }, 'certificate_subject_mismatch'],
    [{ O: '*' }, 'certificate_subject_mismatch'],
  ])('%j: %s', (subject, reason) => {
    expect(reasonOf({ subject })).toBe(reason)
  })

  test('an attribute has a name, or is its identifier; what objects inherit is neither', () => {
    expect(attributeOid('UID')).toBe('0.9.2342.19200300.100.1.1')
    expect(attributeOid('2.5.4.4')).toBe('2.5.4.4')
    expect(attributeOid('constructor')).toBe('constructor')
  })
})

describe('alternative names', () => {
  test.each<[CertificateRules['san'], string | undefined]>([
    [{ dns: 'API.tpp.example' }, undefined],
    [{ dns: '*.tpp.example', uri: 'urn:tpp:*', email: '*@tpp.example' }, undefined],
    [{ dns: 'api.tpp.example.evil' }, 'certificate_san_mismatch'],
    [{ uri: 'URN:tpp:1' }, 'certificate_san_mismatch'],
    [{ dns: 'api.tpp.example', email: 'b@tpp.example' }, 'certificate_san_mismatch'],
  ])('RFC 4343 §2: %j: %s', (san, reason) => {
    expect(reasonOf({ san })).toBe(reason)
  })
})

describe('ETSI TS 119 495 §5.1: roles', () => {
  test('are needed all', () => {
    expect(reasonOf({ psd2_roles: ['PSP_AI', 'PSP_PI'] })).toBeUndefined()
    expect(reasonOf({ psd2_roles: ['PSP_AI', 'PSP_IC'] })).toBe('certificate_role_missing')
  })

  test('are none where there is no such statement, or one that cannot be read', () => {
    const attributes = new Map([['2.5.4.3', ['PSP_AI']]])
    const rules = { psd2_roles: ['PSP_AI'] }
    expect(reasonOf(rules, { qualified: undefined, attributes })).toBe('certificate_role_missing')
  })
})

test('ETSI EN 319 412-5 §4.2.3: the kind of certificate is one of those', () => {
  expect(reasonOf({ qc_types: ['qseal', 'qwac'] })).toBeUndefined()
  expect(reasonOf({ qc_types: ['qseal'] })).toBe('certificate_qc_type_mismatch')
  expect(reasonOf({ qc_types: ['qwac'] }, { qualified: undefined })).toBe(
    'certificate_qc_type_mismatch',
  )
})

describe('FAPI 1.0 Advanced §8.10: the certificate is that of the client alone [F1A-SHARE-1]', () => {
  const rules = { client_id: 'UID' }

  test('by the attribute that is its client_id', () => {
    expect(reasonOf(rules)).toBeUndefined()
  })

  test.each<[string, Partial<CertificateFacts>, string | undefined]>([
    ['of another client', {}, 'other'],
    ['and a token of no client', { attributes: new Map() }, undefined],
    [
      'with two such attributes',
      { attributes: new Map([['0.9.2342.19200300.100.1.1', [CLIENT, 'other']]]) },
      CLIENT,
    ],
    ['without the attribute', { attributes: new Map() }, CLIENT],
  ])('not one %s', (_, changed, clientId) => {
    const certificate = { ...CERTIFICATE, facts: { ...FACTS, ...changed } }
    const failure = compileCertificateRules(rules)?.(certificate, clientId)
    expect(failure).toMatchObject({ reason: 'certificate_client_id_mismatch' })
  })
})

test('a certificate that nobody vouches for satisfies no rule', () => {
  const certificate = { ...CERTIFICATE, chainRequired: false, facts: FACTS }
  const failure = compileCertificateRules({ subject: { CN: '*' } })?.(certificate, CLIENT)
  expect(failure).toMatchObject({ reason: 'certificate_not_vouched_for' })
})

test('MTLS-12: one that cannot be read satisfies none [MTLS-12]', () => {
  const failure = compileCertificateRules({ subject: { CN: '*' } })?.(CERTIFICATE, CLIENT)
  expect(failure).toMatchObject({ reason: 'certificate_unreadable' })
})

test('without rules there is nothing to ask', () => {
  expect(compileCertificateRules({ psd2_roles: [] })).toBeUndefined()
})
