import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/failure/failure.ts'
import { byteSequence } from '../../src/http/byte-sequence.ts'
import {
  CLIENT_CERT_FORMATS,
  type ClientCertFormat,
  MAX_CLIENT_CERT,
  parseClientCert,
  takeClientCert,
} from '../../src/http/client-cert.ts'

/** Not certificates, but of their form: one SEQUENCE each. */
const sequence = (text: string) =>
  Buffer.concat([Buffer.from([0x30, text.length]), Buffer.from(text)])
const LEAF = sequence('a certificate')
const FIRST = sequence('who issued it')
const SECOND = sequence('who issued that one')

const base64 = (...der: Buffer[]) => Buffer.concat(der).toString('base64')
const pem = (...der: Buffer[]) =>
  der
    .map((one) => `-----BEGIN CERTIFICATE-----\n${base64(one)}\n-----END CERTIFICATE-----\n`)
    .join('')
const escaped = (...der: Buffer[]) => encodeURIComponent(pem(...der))

const read = (format: ClientCertFormat, certificate: string, chain = '') =>
  parseClientCert(format, { certificate, chain })

describe('RFC 9440 §2.2, §2.3, and what proxies did before: each spelling of one certificate', () => {
  test.each<[ClientCertFormat, string, string]>([
    ['rfc9440', byteSequence(LEAF), ''],
    ['envoy', `Hash=00ff;Cert="${escaped(LEAF)}"`, ''],
    ['envoy', `Chain="${escaped(LEAF)}"`, ''],
    ['nginx', escaped(LEAF), ''],
    ['haproxy', base64(LEAF), ''],
    ['aws', escaped(LEAF), ''],
    ['azure', base64(LEAF), ''],
    ['azure', escaped(LEAF), ''],
  ])('%s: %s [MTLS-11]', (format, certificate, chain) => {
    expect(read(format, certificate, chain)).toEqual({ leaf: LEAF, chain: [] })
  })

  test.each<[ClientCertFormat, string, string]>([
    ['rfc9440', byteSequence(LEAF), `${byteSequence(FIRST)}, ${byteSequence(SECOND)}`],
    ['envoy', `Cert="${escaped(LEAF)}";Chain="${escaped(LEAF, FIRST, SECOND)}"`, ''],
    ['envoy', `Chain="${escaped(LEAF, FIRST, SECOND)}"`, ''],
    ['nginx', escaped(LEAF), escaped(FIRST, SECOND)],
    ['haproxy', base64(LEAF), base64(FIRST, SECOND)],
    ['haproxy', base64(LEAF), base64(LEAF, FIRST, SECOND)],
    ['aws', escaped(LEAF, FIRST, SECOND), ''],
  ])('%s, with its chain [MTLS-11, CC-3]', (format, certificate, chain) => {
    expect(read(format, certificate, chain)).toEqual({ leaf: LEAF, chain: [FIRST, SECOND] })
  })
})

describe('RFC 9440 §2.2: what is not one certificate, to the last character, is none', () => {
  const trailing = Buffer.concat([LEAF, Buffer.from([0])])

  test.each<[string, ClientCertFormat, string, string?]>([
    ['bad base64', 'rfc9440', ':MAE*:'],
    ['no colons', 'rfc9440', base64(LEAF)],
    ['nothing in it', 'rfc9440', '::'],
    ['two', 'rfc9440', `${byteSequence(LEAF)}, ${byteSequence(FIRST)}`],
    ['two in one', 'rfc9440', byteSequence(Buffer.concat([LEAF, FIRST]))],
    ['trailing bytes', 'rfc9440', byteSequence(trailing)],
    ['a parameter', 'rfc9440', `${byteSequence(LEAF)};verified=?1`],
    ['a chain that is none', 'rfc9440', byteSequence(LEAF), byteSequence(FIRST).slice(1)],
    ['a chain with a hole', 'rfc9440', byteSequence(LEAF), `${byteSequence(FIRST)}, ::`],
    ['two elements', 'envoy', `Cert="${escaped(LEAF)}",Cert="${escaped(LEAF)}"`],
    ['a digest alone', 'envoy', 'Hash=00ff;Subject="CN=admin"'],
    ['two', 'envoy', `Cert="${escaped(LEAF, FIRST)}"`],
    ['a chain of another', 'envoy', `Cert="${escaped(LEAF)}";Chain="${escaped(FIRST)}"`],
    ['a chain that is none', 'envoy', `Cert="${escaped(LEAF)}";Chain="none"`],
    ['a certificate that is none', 'envoy', `Cert="none";Chain="${escaped(LEAF)}"`],
    ['plain PEM', 'nginx', pem(LEAF)],
    ['PEM with tabs, as nginx wrote it before', 'nginx', pem(LEAF).replaceAll('\n', '\n\t')],
    ['two', 'nginx', escaped(LEAF, FIRST)],
    ['base64', 'nginx', base64(LEAF)],
    ['text behind it', 'nginx', `${escaped(LEAF)}%0Aevil`],
    ['a field behind it', 'nginx', `${escaped(LEAF)}%0D%0AX-Subject%3A%20admin`],
    ['its verdict', 'nginx', 'SUCCESS'],
    ['trailing bytes', 'nginx', escaped(trailing)],
    ['a chain that is none', 'nginx', escaped(LEAF), 'none'],
    ['two', 'haproxy', base64(LEAF, FIRST)],
    ['trailing bytes', 'haproxy', base64(trailing)],
    ['in hexadecimal', 'haproxy', LEAF.toString('hex')],
    ['PEM', 'haproxy', escaped(LEAF)],
    ['a chain with something behind it', 'haproxy', base64(LEAF), base64(FIRST, Buffer.from([0]))],
    ['two', 'azure', escaped(LEAF, FIRST)],
    ['two', 'azure', base64(LEAF, FIRST)],
    ['a list', 'azure', `${base64(LEAF)},${base64(FIRST)}`],
    ['trailing bytes', 'azure', base64(trailing)],
    ['nothing certain', 'aws', 'none'],
    ['more than ten', 'aws', escaped(LEAF, ...Array.from({ length: 11 }, () => FIRST))],
  ])('%s (%s) [M18]', (_title, format, certificate, chain) => {
    expect(read(format, certificate, chain)).toBeUndefined()
  })

  test('whatever the text, in every format [M18]', () => {
    const pieces = fc.constantFrom(
      ...[escaped(LEAF), base64(LEAF), byteSequence(LEAF), 'Cert=', '"', ';', ',', ':', '%0A'],
    )
    const text = fc.array(fc.oneof(pieces, fc.string({ maxLength: 5 })), { maxLength: 5 })
    fc.assert(
      fc.property(fc.constantFrom(...CLIENT_CERT_FORMATS), text, (format, parts) => {
        const found = read(format, parts.join(''))
        expect(found === undefined || found.leaf.equals(LEAF)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('RFC 9440 §2: what a request brings', () => {
  const fields = {
    format: 'rfc9440',
    field: 'client-cert',
    chainField: 'client-cert-chain',
  } as const
  const reasonOf = (...raw: string[]) => {
    const taken = takeClientCert(raw, fields)
    return taken instanceof Failure ? `${taken.error} ${taken.reason}` : taken
  }

  test('nothing, which is no certificate', () => {
    expect(reasonOf('Host', 'a')).toBeUndefined()
    expect(reasonOf('Client-Cert', '', 'Client-Cert-Chain', '')).toBeUndefined()
  })

  test('one value of each', () => {
    expect(reasonOf('CLIENT-cert', 'a')).toEqual({ certificate: 'a', chain: '' })
    expect(reasonOf('Client-Cert', 'a', 'Client-Cert-Chain', 'b')).toEqual({
      certificate: 'a',
      chain: 'b',
    })
  })

  test.each([
    ['two of the certificate', ['Client-Cert', 'a', 'client-cert', 'a']],
    ['two, one of them empty', ['Client-Cert', '', 'client-cert', 'a']],
    ['two of the chain', ['Client-Cert', 'a', 'Client-Cert-Chain', 'b', 'Client-Cert-Chain', '']],
  ])('RFC 9440 §2.2: not %s [CC-2, M17, M18]', (_title, raw) => {
    expect(reasonOf(...raw)).toBe('bad_request client_cert_field_several')
  })

  test('RFC 9440 §2.3: not a chain alone', () => {
    expect(reasonOf('Client-Cert-Chain', 'b')).toBe('bad_request client_cert_chain_alone')
  })

  test('not more than can be meant, both together [M18]', () => {
    const half = 'a'.repeat(MAX_CLIENT_CERT / 2)
    expect(reasonOf('Client-Cert', half, 'Client-Cert-Chain', half)).toMatchObject({ chain: half })
    expect(reasonOf('Client-Cert', half, 'Client-Cert-Chain', `${half}a`)).toBe(
      'bad_request client_cert_field_too_long',
    )
  })

  test('and not from a field of almost that name', () => {
    expect(reasonOf('Client_Cert', 'a', 'X-Client-Cert', 'a', 'Client-Certs', 'a')).toBeUndefined()
  })
})
