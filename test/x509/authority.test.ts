import { beforeAll, describe, expect, test } from 'vitest'
import {
  type Authority,
  type Credential,
  createAuthority,
  createSelfSigned,
} from '../../src/demo/certificates.ts'
import { isSameAuthority, issuersOf, parseAuthorities } from '../../src/x509/authority.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { carrying, root } from '../support/certificate-tree.ts'
import { factsOf } from '../support/public-key-infrastructure.ts'

let former: Authority
let next: Authority
let client: Credential

beforeAll(async () => {
  former = await createAuthority({ name: 'one CA', keyKind: 'EC' })
  next = await createAuthority({ name: 'one CA', keyKind: 'EC' })
  client = await next.issueClient({ commonName: 'client', keyKind: 'EC' })
})

describe('who issued a certificate', () => {
  test('is of the name and of the key: an authority may have changed its key', () => {
    const authorities = parseAuthorities(`${former.certificate}\n${next.certificate}`)
    expect(authorities.map(({ name }) => name)).toEqual(['CN=one CA', 'CN=one CA'])
    expect(issuersOf(factsOf(client), authorities)).toEqual([authorities[1]])
    expect(isSameAuthority(authorities[0]!, authorities[1]!)).toBe(false)
  })

  test('is not one of the name alone', () => {
    expect(issuersOf(factsOf(client), parseAuthorities(former.certificate))).toEqual([])
  })

  test('is each of those with its name and key: an authority may have been renewed', async () => {
    const one = await root('root')
    const renewed = await root('root', { keys: one.keys })
    const authorities = parseAuthorities(`${one.pem}\n${renewed.pem}`)
    const issued = parseCertificate((await one.issue('client')).der)
    expect(issuersOf(issued!, authorities)).toEqual(authorities)
    expect(isSameAuthority(authorities[0]!, authorities[1]!)).toBe(true)
  })

  test('is said by its own signature, and not by that of a certificate that it carries as PEM', async () => {
    const honest = await root('root')
    const impostor = await root('root')
    const extensions = [carrying((await honest.issue('client')).pem)]
    const forged = parseCertificate((await impostor.issue('forged', { extensions })).der)
    expect(forged?.attributes.get('2.5.4.3')).toEqual(['forged'])
    expect(issuersOf(forged!, parseAuthorities(honest.pem))).toEqual([])
    expect(issuersOf(forged!, parseAuthorities(impostor.pem))).toEqual([])
  })

  test('RFC 5280 §4.2.1.9: is an authority', async () => {
    const { certificate } = await createSelfSigned({ commonName: 'no CA', keyKind: 'EC' })
    expect(parseAuthorities(certificate)).toEqual([])
  })

  test('is not read from what is no certificate', () => {
    const text = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'
    expect(parseAuthorities(`${text}\n${next.certificate}`)).toHaveLength(1)
  })
})
