import { beforeAll, describe, expect, test } from 'vitest'
import { ForwardedCertificates } from '../../src/adapter/forwarded-certificates.ts'
import { Failure } from '../../src/failure/failure.ts'
import { CLIENT_AUTH, type Issued, root, selfSigned } from '../support/certificate-tree.ts'

const NOW = Math.floor(Date.now() / 1000)
const FIELDS = { format: 'rfc9440', field: 'client-cert', chainField: 'client-cert-chain' } as const
const CLIENT = { purposes: [CLIENT_AUTH] }

let top: Issued
let sub: Issued
let leaf: Issued

beforeAll(async () => {
  top = await root('top')
  sub = await top.issueCa('sub', { notAfter: new Date((NOW + 600) * 1000) })
  leaf = await sub.issue('client', CLIENT)
})

const optional = (ca = top.pem) =>
  new ForwardedCertificates({ mode: 'optional', from: FIELDS, ca }, FIELDS)
const item = ({ der }: Issued) => `:${der.toString('base64')}:`
const fields = (of: Issued, ...chain: Issued[]) => [
  ...['Client-Cert', item(of)],
  ...(chain.length === 0 ? [] : ['Client-Cert-Chain', chain.map(item).join()]),
]

describe('RFC 8705 §6.5: a certificate of a trusted proxy', () => {
  test('by its thumbprint and times, with what came between it and its CA', () => {
    expect(optional().read(fields(leaf, sub), NOW)).toMatchObject({
      thumbprint: Buffer.from(leaf.certificate.fingerprint256.replaceAll(':', ''), 'hex').toString(
        'base64url',
      ),
      chainRequired: true,
      chainError: undefined,
      der: leaf.der,
      intermediates: [sub.der],
    })
  })

  test('none, and none that can be read', () => {
    expect(optional().read(['Host', 'a'], NOW)).toBeUndefined()
    const reasons = [
      ['Client-Cert', 'a'],
      ['Client-Cert', item(leaf), 'Client-Cert-Chain', ':MAA=:'],
      ['Client-Cert', ':MAA=:'],
    ].map((raw) => (optional().read(raw, NOW) as Failure).reason)
    expect(new Set(reasons)).toEqual(new Set(['client_cert_field_malformed']))
    expect(optional().read([...fields(leaf), ...fields(leaf)], NOW)).toBeInstanceOf(Failure)
  })

  test('whose chain does not hold', async () => {
    const alone = await selfSigned('alone', CLIENT)
    expect(optional().read(fields(alone), NOW)).toMatchObject({
      chainRequired: true,
      chainError: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      intermediates: [],
    })
    const pinning = { mode: 'request', from: FIELDS, ca: undefined } as const
    expect(new ForwardedCertificates(pinning, FIELDS).read(fields(alone, sub), NOW)).toMatchObject({
      chainRequired: false,
      chainError: undefined,
      intermediates: [sub.der],
    })
  })
})

describe('what was verified is remembered', () => {
  test('for the same values, and for no others', async () => {
    const certificates = optional()
    const first = certificates.read(fields(leaf, sub), NOW)
    expect(certificates.read(fields(leaf, sub), NOW + 1)).toBe(first)
    expect(certificates.read(fields(leaf), NOW)).not.toBe(first)
    const other = await sub.issue('client', CLIENT)
    expect(certificates.read(fields(other, sub), NOW)).not.toBe(first)
    expect(certificates.read(fields(leaf, sub), NOW + 1)).toBe(first)
  })

  test('until a certificate of the chain ends', () => {
    const certificates = optional()
    const first = certificates.read(fields(leaf, sub), NOW)
    expect(certificates.read(fields(leaf, sub), NOW + 600)).toBe(first)
    expect(certificates.read(fields(leaf, sub), NOW + 601)).toMatchObject({
      chainError: 'CERT_HAS_EXPIRED',
    })
  })

  test('a chain that does not hold is asked again after a minute', async () => {
    const dates = { notBefore: new Date((NOW + 30) * 1000) }
    const later = await top.issueCa('later', dates)
    const client = await later.issue('client', CLIENT)
    const certificates = optional()
    const faultAt = (now: number) => certificates.read(fields(client, later), now)
    expect(faultAt(NOW)).toMatchObject({ chainError: 'CERT_NOT_YET_VALID' })
    expect(faultAt(NOW + 60)).toMatchObject({ chainError: 'CERT_NOT_YET_VALID' })
    expect(faultAt(NOW + 61)).toMatchObject({ chainError: undefined })
  })

  test('a value cannot pass for another by where it is cut', () => {
    const certificates = optional()
    const [, whole = ''] = fields(leaf)
    certificates.read(fields(leaf, sub), NOW)
    const cut = ['Client-Cert', `${whole}\n`, 'Client-Cert-Chain', item(sub)]
    expect(certificates.read(cut, NOW)).toBeInstanceOf(Failure)
  })
})
