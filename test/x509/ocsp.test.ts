import { KeyObject } from 'node:crypto'
import { OCSPRequest } from '@peculiar/asn1-ocsp'
import { AsnConvert } from '@peculiar/asn1-schema'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Credential, createAuthority } from '../../src/demo/certificates.ts'
import type { CertificateFacts } from '../../src/x509/certificate.ts'
import { type AnswerFault, encodeRequest, verifyResponse } from '../../src/x509/ocsp.ts'
import {
  type AnswerParts,
  enumerated,
  extension,
  integer,
  revokedAt,
  sequence,
  UNKNOWN,
  writeAnswer,
} from '../support/der-writing.ts'
import {
  createInfrastructure,
  derOf,
  factsOf,
  type Infrastructure,
} from '../support/public-key-infrastructure.ts'

const NOW = Math.floor(Date.now() / 1000)
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'

let pki: Infrastructure
let client: Credential
let facts: CertificateFacts
const responders: Record<string, Credential> = {}

beforeAll(async () => {
  pki = await createInfrastructure('ocsp CA')
  client = await pki.issuer.issueClient({ commonName: 'client', keyKind: 'EC' })
  facts = factsOf(client)
  const impostor = await createAuthority({ name: 'ocsp CA' })
  const commonName = 'responder'
  const extendedKeyUsage = [OCSP_SIGNING]
  const keys = await pki.issuer.issueClient({ commonName }).then((one) => one.keys)
  const make = (more: object = {}) => ({ commonName, keys, extendedKeyUsage, ...more })
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  Object.assign(responders, {
    delegate: await pki.issuer.issueClient(make()),
    'a client': await pki.issuer.issueClient(make({ extendedKeyUsage: undefined })),
    'one for all purposes': await pki.issuer.issueClient(make({ extendedKeyUsage: [] })),
    'one that has ended': await pki.issuer.issueClient(
      make({ notBefore: ago(20), notAfter: ago(10) }),
    ),
    'one of another authority of the same name': await impostor.issueClient(make()),
  })
})

/** A good answer of the authority itself, changed where told. */
function write(changed: Partial<AnswerParts> = {}): Buffer {
  return writeAnswer({
    issuer: pki.authority.facts,
    serialNumber: facts.serialNumber,
    key: pki.key,
    thisUpdate: NOW - 60,
    nextUpdate: NOW + 3600,
    ...changed,
  })
}

const verify = (der: Buffer) => verifyResponse(der, facts, pki.authority, NOW)

const signedBy = (responder: string): Partial<AnswerParts> => {
  const { keys, certificate } = responders[responder]!
  return { key: KeyObject.from(keys.privateKey), signers: [derOf(certificate)] }
}

test('RFC 6960 §4.1.1: a request names the certificate as RFC 5019 §2.1.1 has it', () => {
  const { tbsRequest } = AsnConvert.parse(encodeRequest(facts, pki.authority), OCSPRequest)
  expect(tbsRequest.requestList).toHaveLength(1)
  const { reqCert } = tbsRequest.requestList[0]!
  expect(reqCert.hashAlgorithm.algorithm).toBe('1.3.14.3.2.26')
  expect(Buffer.from(reqCert.serialNumber).toString('hex')).toBe(facts.serialNumber)
  expect(reqCert.issuerNameHash.byteLength).toBe(20)
})

describe('RFC 6960 §2.2: an answer [MTLS-8]', () => {
  test('is good until it says', () => {
    expect(verify(write())).toEqual({
      status: 'good',
      thisUpdate: NOW - 60,
      until: NOW + 3600,
    })
  })

  test('is revoked', () => {
    expect(verify(write({ status: revokedAt(NOW - 100) }))).toMatchObject({ status: 'revoked' })
  })

  test('is unknown', () => {
    expect(verify(write({ status: UNKNOWN }))).toMatchObject({ status: 'unknown' })
  })

  test('is good for five minutes where it does not say', () => {
    const thisUpdate = NOW - 299
    expect(verify(write({ thisUpdate, nextUpdate: null }))).toMatchObject({ until: NOW + 1 })
    expect(verify(write({ thisUpdate: NOW - 301, nextUpdate: null }))).toBe('expired')
  })
})

describe('RFC 6960 §4.2.2.2: signed by the authority, or by whom it delegated', () => {
  test('the delegate', () => {
    expect(verify(write(signedBy('delegate')))).toMatchObject({ status: 'good' })
  })

  test.each([
    'a client',
    'one for all purposes',
    'one that has ended',
    'one of another authority of the same name',
  ])('%s is none', (responder) => {
    expect(verify(write(signedBy(responder)))).toBe('signature')
  })

  test('nor is the delegate without its certificate, or with that of another', () => {
    const { key } = signedBy('delegate')
    expect(verify(write({ key: key! }))).toBe('signature')
    expect(verify(write({ key: key!, signers: [derOf(client.certificate)] }))).toBe('signature')
  })

  test('nor are many tried', () => {
    const { key, signers = [] } = signedBy('delegate')
    const others = Array.from({ length: 4 }, () => derOf(client.certificate))
    expect(verify(write({ key: key!, signers: [...others, ...signers] }))).toBe('signature')
  })
})

describe('RFC 6960 §3.2: an answer that is not to be gone by', () => {
  test.each<[string, AnswerFault, () => Partial<AnswerParts>]>([
    ['about another certificate', 'other_certificate', () => ({ serialNumber: '0102' })],
    [
      'about one of another authority',
      'other_certificate',
      () => ({ issuer: { ...pki.authority.facts, publicKey: Buffer.alloc(5) } }),
    ],
    ['RFC 6960 §3.2 (5): that has ended', 'expired', () => ({ nextUpdate: NOW - 1 })],
    ['from the future', 'from_the_future', () => ({ thisUpdate: NOW + 301 })],
    ['said twice', 'malformed', () => ({ times: 2 })],
    ['none at all', 'other_certificate', () => ({ times: 0 })],
    [
      'with an extension that is critical, and not known',
      'unknown_critical_extension',
      () => ({ extensions: [extension('1.2.3', sequence(), true)] }),
    ],
    ['with a status that is none', 'malformed', () => ({ status: integer('00') })],
  ])('%s: %s', (_, fault, changed) => {
    expect(verify(write(changed()))).toBe(fault)
  })

  test.each([1, 2, 3, 5, 6])('RFC 6960 §2.3: error %d', (status) => {
    expect(verify(sequence(enumerated(status)))).toBe('not_successful')
  })

  test('one that is not DER', () => {
    expect(verify(Buffer.from('<html>'))).toBe('malformed')
  })
})

test('MTLS-12: hostile octets never make it throw, nor pass [MTLS-12]', () => {
  const der = write(signedBy('delegate'))
  const good = der.indexOf(derOf(responders['delegate']!.certificate))
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const mutated = Buffer.from(der)
      mutated[at] = mutated[at]! ^ by
      const answer = verify(mutated)
      // In the delegate's certificate there is much that nobody reads; its signature is verified all the same.
      if (at < good) expect(typeof answer).toBe('string')
    }),
    { numRuns: 1500 },
  )
})
