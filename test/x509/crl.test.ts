import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Credential } from '../../src/demo/certificates.ts'
import type { CertificateFacts } from '../../src/x509/certificate.ts'
import {
  covers,
  type ListFault,
  type RevocationList,
  splitRevocationLists,
  verifyRevocationList,
} from '../../src/x509/crl.ts'
import {
  boolean,
  element,
  enumerated,
  explicit,
  extension,
  generalizedTime,
  implicit,
  integer,
  type ListParts,
  oid,
  sequence,
  writeRevocationList,
} from '../support/der-writing.ts'
import {
  createInfrastructure,
  derOf,
  factsOf,
  type Infrastructure,
} from '../support/public-key-infrastructure.ts'

const NOW = Math.floor(Date.now() / 1000)
const SCOPE = '2.5.29.28'

let pki: Infrastructure
let other: Infrastructure
let client: Credential
let facts: CertificateFacts

beforeAll(async () => {
  pki = await createInfrastructure('list CA')
  other = await createInfrastructure('list CA')
  client = await pki.issuer.issueClient({ commonName: 'client', keyKind: 'EC' })
  facts = factsOf(client)
})

/** A good list, changed where told. */
function write(changed: Partial<ListParts> = {}): Buffer {
  return writeRevocationList({
    issuer: pki.authority.facts.subject,
    key: pki.key,
    thisUpdate: NOW - 60,
    nextUpdate: NOW + 3600,
    entries: [client.serialNumber, '0102'],
    ...changed,
  })
}

const verify = (der: Buffer) => verifyRevocationList(der, [pki.authority], NOW)

function read(changed: Partial<ListParts> = {}): RevocationList {
  const list = verify(write(changed))
  if (typeof list === 'string') throw new Error(list)
  return list
}

describe('RFC 5280 §5: a list [MTLS-8, TLS-16]', () => {
  test('names the revoked, until it ends', () => {
    const list = read()
    expect(list).toMatchObject({ thisUpdate: NOW - 60, nextUpdate: NOW + 3600 })
    expect(list.authority).toBe(pki.authority)
    expect([...list.revoked.keys()]).toEqual([client.serialNumber, '0102'])
    expect(covers(list, facts)).toBe(true)
  })

  test('of nobody is one', () => {
    expect(read({ entries: [] }).revoked.size).toBe(0)
  })

  test('is the one that the demo’s authority issues', async () => {
    const pem = await pki.issuer.issueRevocationList({ revoked: [client] })
    const [der] = splitRevocationLists(Buffer.from(pem))
    const list = verify(der!)
    expect(typeof list === 'string' ? list : list.revoked.has(facts.serialNumber)).toBe(true)
  })

  test('RFC 5280 §5.3.1: has reasons', () => {
    const entry = (serial: string, ...extensions: Buffer[]) =>
      sequence(integer(serial), generalizedTime(NOW), sequence(...extensions))
    const reason = extension('2.5.29.21', enumerated(1))
    const invalidity = extension('2.5.29.24', generalizedTime(NOW))
    const entries = [entry('01', reason), entry('02', invalidity, reason), '03']
    expect([...read({ entries }).revoked]).toEqual([
      ['01', 1],
      ['02', 0],
      ['03', 0],
    ])
  })

  test('RFC 7468 §6: stands in a file as it is, or in PEM with others', () => {
    const pem = (der: Buffer) =>
      `-----BEGIN X509 CRL-----\n${der.toString('base64')}\n-----END X509 CRL-----\n`
    const [one, two] = [write(), write({ entries: [] })]
    expect(splitRevocationLists(one)).toEqual([one])
    expect(splitRevocationLists(Buffer.from(`# lists\n${pem(one)}${pem(two)}`))).toEqual([one, two])
    expect(splitRevocationLists(Buffer.from('<html>'))).toEqual([])
    expect(splitRevocationLists(Buffer.alloc(0))).toEqual([])
  })
})

describe('RFC 5280 §6.3.3: a list that is not to be gone by', () => {
  const CRITICAL = true
  test.each<[string, ListFault, () => Partial<ListParts>]>([
    ['signed by another key of the same name', 'signature', () => ({ key: other.key })],
    ['RFC 5280 §6.3.3 (b): of another issuer', 'issuer_unknown', () => ({ issuer: facts.subject })],
    ['from the future', 'from_the_future', () => ({ thisUpdate: NOW + 301 })],
    ['that has ended', 'expired', () => ({ nextUpdate: NOW - 1 })],
    ['RFC 5280 §5.1.2.5: that never ends', 'without_next_update', () => ({ nextUpdate: null })],
    [
      'of changes alone',
      'delta',
      () => ({ extensions: [extension('2.5.29.27', integer('01'), CRITICAL)] }),
    ],
    [
      'RFC 5280 §5.2: with an extension that is critical, and not known',
      'unknown_critical_extension',
      () => ({ extensions: [extension('1.2.3', sequence(), CRITICAL)] }),
    ],
    [
      'RFC 5280 §5.3: with an entry that has one',
      'unknown_critical_extension',
      () => ({
        entries: [
          sequence(
            integer('01'),
            generalizedTime(NOW),
            sequence(extension('1.2.3', sequence(), CRITICAL)),
          ),
        ],
      }),
    ],
    [
      'RFC 5280 §5.3.3: with an entry about the certificate of somebody else',
      'indirect',
      () => ({
        entries: [
          sequence(
            integer('01'),
            generalizedTime(NOW),
            sequence(extension('2.5.29.29', sequence(), CRITICAL)),
          ),
        ],
      }),
    ],
    [
      'signed for others',
      'indirect',
      () => ({
        extensions: [extension(SCOPE, sequence(implicit(4, Buffer.from([0xff]))), CRITICAL)],
      }),
    ],
    [
      'of some reasons',
      'partial',
      () => ({
        extensions: [extension(SCOPE, sequence(implicit(3, Buffer.from([1, 0x40]))), CRITICAL)],
      }),
    ],
    [
      'of attribute certificates',
      'partial',
      () => ({
        extensions: [extension(SCOPE, sequence(implicit(5, Buffer.from([0xff]))), CRITICAL)],
      }),
    ],
    ['RFC 5280 §5.1.2.1: of another version', 'malformed', () => ({ version: '02' })],
    [
      'RFC 5280 §5.1.1.2: that says another algorithm inside',
      'malformed',
      () => ({ algorithm: sequence(oid('1.2.840.113549.1.1.13'), element(5)) }),
    ],
    ['with an entry that is none', 'malformed', () => ({ entries: [sequence(integer('01'))] })],
    [
      'with an entry that goes on',
      'malformed',
      () => ({ entries: [sequence(integer('01'), generalizedTime(NOW), sequence(), sequence())] }),
    ],
    [
      'with a scope that is none',
      'malformed',
      () => ({ extensions: [extension(SCOPE, boolean(true), CRITICAL)] }),
    ],
  ])('%s: %s', (_, fault, changed) => {
    expect(verify(write(changed()))).toBe(fault)
  })

  test('RFC 5280 §6.3.3 (f): of an authority whose key is not for lists', () => {
    const barred = { ...pki.authority, facts: { ...pki.authority.facts, signsLists: false } }
    expect(verifyRevocationList(write(), [barred], NOW)).toBe('issuer_unknown')
  })

  test('with one octet changed', () => {
    const der = write()
    const changed = Buffer.from(der)
    const at = der.indexOf(Buffer.from(client.serialNumber, 'hex'))
    changed[at] = changed[at]! ^ 1
    expect(verify(changed)).toBe('signature')
  })
})

describe('RFC 5280 §5.2.5: a list for a part of the certificates', () => {
  const scope = (...fields: Buffer[]) => ({
    extensions: [extension(SCOPE, sequence(...fields), true)],
  })
  const point = (uri: string) => explicit(0, explicit(0, implicit(6, uri)))
  const YES = Buffer.from([0xff])

  test('is for certificates that name one of its points', () => {
    const list = read(scope(point('http://crl.example/1')))
    expect(covers(list, facts)).toBe(false)
    expect(covers(list, { ...facts, listUris: ['http://crl.example/2'] })).toBe(false)
    expect(covers(list, { ...facts, listUris: ['x', 'http://crl.example/1'] })).toBe(true)
  })

  test('is for none by a point that is not a URI', () => {
    const list = read(scope(explicit(0, explicit(1, sequence()))))
    expect(covers(list, { ...facts, listUris: ['http://crl.example/1'] })).toBe(false)
  })

  test('is for users, or for authorities', () => {
    const authority = { ...facts, isAuthority: true }
    const users = read(scope(implicit(1, YES)))
    const authorities = read(scope(implicit(2, YES)))
    expect([covers(users, facts), covers(users, authority)]).toEqual([true, false])
    expect([covers(authorities, facts), covers(authorities, authority)]).toEqual([false, true])
    expect(verify(write(scope(implicit(1, YES), implicit(2, YES))))).toBe('partial')
  })
})

describe('MTLS-12: hostile octets [MTLS-12]', () => {
  test('never make it throw, nor pass', () => {
    const der = write()
    fc.assert(
      fc.property(
        fc.nat(der.length - 1),
        fc.nat(8),
        fc.uint8Array({ maxLength: 8 }),
        (at, cut, by) => {
          const mutated = Buffer.concat([
            der.subarray(0, at),
            Buffer.from(by),
            der.subarray(at + cut),
          ])
          if (mutated.equals(der)) return
          expect(typeof verify(mutated)).toBe('string')
        },
      ),
      { numRuns: 1500 },
    )
  })

  test('nor do those that are signed', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 3 }), (entries) => {
        const list = verify(write({ entries: entries.map((octets) => Buffer.from(octets)) }))
        if (typeof list !== 'string') expect(list.revoked.size).toBeLessThanOrEqual(entries.length)
      }),
      { numRuns: 300 },
    )
  })

  test('a list of a hundred thousand is read', () => {
    const entries = Array.from({ length: 100_000 }, () => `40${randomBytes(15).toString('hex')}`)
    const list = read({ entries })
    expect(list.revoked.size).toBe(100_000)
    expect(list.revoked.has(entries[99_999]!)).toBe(true)
  })
})

describe.skipIf(!hasOpenSsl())('what OpenSSL reads (needs openssl)', () => {
  test('is the same list', () => {
    const text = execFileSync('openssl', ['crl', '-inform', 'DER', '-noout', '-text'], {
      input: write(),
    }).toString()
    expect(text).toContain(`Serial Number: ${client.serialNumber.toUpperCase()}`)
    expect(derOf(pki.issuer.certificate).length).toBeGreaterThan(0)
  })
})

function hasOpenSsl(): boolean {
  try {
    execFileSync('openssl', ['version'])
    return true
  } catch {
    return false
  }
}
