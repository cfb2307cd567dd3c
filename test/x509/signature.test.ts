import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { isSignedBy, keyOf } from '../../src/x509/signature.ts'
import { carrying, selfSigned } from '../support/certificate-tree.ts'
import { element, explicit, integer, oid, sequence } from '../support/der-writing.ts'

const NULL = element(5)
const SIGNED = Buffer.from('what is signed')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const ed25519 = generateKeyPairSync('ed25519')
const small = generateKeyPairSync('rsa', { modulusLength: 1024 })

const SHA256 = sequence(oid('2.16.840.1.101.3.4.2.1'), NULL)
const pss = (hash: Buffer[], salt: Buffer[]) =>
  sequence(
    oid('1.2.840.113549.1.1.10'),
    sequence(
      ...hash.map((one) => explicit(0, one)),
      ...hash.map((one) => explicit(1, sequence(oid('1.2.840.113549.1.1.8'), one))),
      ...salt.map((one) => explicit(2, one)),
    ),
  )
const signPss = (saltLength: number) =>
  sign('sha256', SIGNED, {
    key: rsa.privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength,
  })

const ALGORITHM = {
  rsa: (n: number) => sequence(oid(`1.2.840.113549.1.1.${n}`), NULL),
  ecdsa: (n: number) => sequence(oid(`1.2.840.10045.4.3.${n}`)),
  ed25519: sequence(oid('1.3.101.112')),
}

describe('RFC 5280 §4.1.1.2: a signature by the algorithm that is named', () => {
  test.each<[string, KeyObject, Buffer, Buffer, boolean]>([
    [
      'RSA with SHA-256',
      rsa.publicKey,
      ALGORITHM.rsa(11),
      sign('sha256', SIGNED, rsa.privateKey),
      true,
    ],
    [
      'RSA with SHA-512',
      rsa.publicKey,
      ALGORITHM.rsa(13),
      sign('sha512', SIGNED, rsa.privateKey),
      true,
    ],
    [
      'RSA with another digest',
      rsa.publicKey,
      ALGORITHM.rsa(12),
      sign('sha256', SIGNED, rsa.privateKey),
      false,
    ],
    [
      'RSA with SHA-1',
      rsa.publicKey,
      ALGORITHM.rsa(5),
      sign('sha1', SIGNED, rsa.privateKey),
      false,
    ],
    ['RSA with MD5', rsa.publicKey, ALGORITHM.rsa(4), sign('md5', SIGNED, rsa.privateKey), false],
    [
      'ECDSA with SHA-256',
      p256.publicKey,
      ALGORITHM.ecdsa(2),
      sign('sha256', SIGNED, p256.privateKey),
      true,
    ],
    [
      'ECDSA with SHA-1',
      p256.publicKey,
      sequence(oid('1.2.840.10045.4.1')),
      sign('sha1', SIGNED, p256.privateKey),
      false,
    ],
    ['Ed25519', ed25519.publicKey, ALGORITHM.ed25519, sign(null, SIGNED, ed25519.privateKey), true],
    [
      'RSA said to be ECDSA',
      rsa.publicKey,
      ALGORITHM.ecdsa(2),
      sign('sha256', SIGNED, rsa.privateKey),
      false,
    ],
    [
      'ECDSA said to be Ed25519',
      p256.publicKey,
      ALGORITHM.ed25519,
      sign('sha256', SIGNED, p256.privateKey),
      false,
    ],
    [
      'of another key',
      p256.publicKey,
      ALGORITHM.ecdsa(2),
      sign('sha256', SIGNED, generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey),
      false,
    ],
    ['empty', rsa.publicKey, ALGORITHM.rsa(11), Buffer.alloc(0), false],
    ['no DER, for ECDSA', p256.publicKey, ALGORITHM.ecdsa(2), Buffer.alloc(70, 0xff), false],
    [
      'by a weak key',
      small.publicKey,
      ALGORITHM.rsa(11),
      sign('sha256', SIGNED, small.privateKey),
      false,
    ],
    [
      'by no algorithm',
      rsa.publicKey,
      Buffer.from([1, 2]),
      sign('sha256', SIGNED, rsa.privateKey),
      false,
    ],
  ])('%s', (_, key, algorithm, signature, expected) => {
    expect(isSignedBy(key, algorithm, SIGNED, signature)).toBe(expected)
  })
})

describe('RFC 4055 §5, RFC 5758 §3.2: parameters are NULL or none', () => {
  const signature = sign('sha256', SIGNED, rsa.privateKey)
  test.each<[string, Buffer[], boolean]>([
    ['NULL', [NULL], true],
    ['none', [], true],
    ['something else', [element(4)], false],
    ['NULL with content', [element(5, Buffer.alloc(1))], false],
    ['more than NULL', [NULL, NULL], false],
  ])('%s', (_, parameters, expected) => {
    const algorithm = sequence(oid('1.2.840.113549.1.1.11'), ...parameters)
    expect(isSignedBy(rsa.publicKey, algorithm, SIGNED, signature)).toBe(expected)
  })
})

describe('RFC 4055 §3.1: RSA-PSS says digest and salt', () => {
  test.each<[string, Buffer, number, boolean]>([
    ['SHA-256 and 32 octets', pss([SHA256], [integer('20')]), 32, true],
    ['another salt than it says', pss([SHA256], [integer('20')]), 20, false],
    ['no salt, which is 20', pss([SHA256], []), 20, true],
    ['nothing, which is SHA-1', pss([], []), 20, false],
    ['SHA-1', pss([sequence(oid('1.3.14.3.2.26'), NULL)], [integer('14')]), 20, false],
    ['a salt of millions', pss([SHA256], [integer('7fffffffff')]), 32, false],
    ['a salt below zero', pss([SHA256], [integer('ff')]), 32, false],
  ])('%s', (_, algorithm, saltLength, expected) => {
    expect(isSignedBy(rsa.publicKey, algorithm, SIGNED, signPss(saltLength))).toBe(expected)
  })
})

test('a certificate whose key OpenSSL cannot use has none', () => {
  const facts = parseCertificate(Buffer.alloc(0)) ?? { der: Buffer.from('30003000', 'hex') }
  expect(keyOf(facts as Parameters<typeof keyOf>[0])).toBeUndefined()
})

test('the key of a certificate is not that of another that it carries as PEM', async () => {
  const other = await selfSigned('other')
  const carrier = await selfSigned('carrier', { extensions: [carrying(other.pem)] })
  expect(keyOf(parseCertificate(other.der)!)).toBeDefined()
  expect(keyOf(parseCertificate(carrier.der)!)).toBeUndefined()
})
