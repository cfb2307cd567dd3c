import { X509Certificate } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { readPresentedCertificate } from '../../src/x509/presented-certificate.ts'
import { carrying, type Issued, selfSigned } from '../support/certificate-tree.ts'

let honest: Issued

beforeAll(async () => {
  honest = await selfSigned('honest')
})

test('RFC 5280 §4.1: a certificate is read from its bytes', () => {
  const read = readPresentedCertificate(honest.certificate.raw)
  expect(read?.fingerprint256).toBe(honest.certificate.fingerprint256)
})

test.each([
  ['nothing', () => Buffer.alloc(0)],
  ['an empty sequence', () => Buffer.from('3000', 'hex')],
  ['half of it', () => honest.certificate.raw.subarray(0, 100)],
  ['something behind it', () => Buffer.concat([honest.certificate.raw, Buffer.from([0])])],
  ['another behind it', () => Buffer.concat([honest.certificate.raw, honest.certificate.raw])],
  ['PEM', () => Buffer.from(honest.certificate.toString())],
])('%s is none [M18]', (_title, bytes) => {
  expect(readPresentedCertificate(bytes())).toBeUndefined()
})

test('a certificate that carries another as PEM is not taken for the other [M18]', async () => {
  const extensions = [carrying(honest.pem)]
  const { der } = await selfSigned('evil', { extensions })
  // What OpenSSL makes of it, and why its word is not taken.
  expect(new X509Certificate(der).subject).toBe('CN=honest')
  expect(readPresentedCertificate(der)).toBeUndefined()
})
