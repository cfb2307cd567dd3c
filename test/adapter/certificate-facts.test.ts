import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { certificateFacts } from '../../src/adapter/certificate-facts.ts'
import { type Authority, createAuthority, generateKeys } from '../../src/demo/certificates.ts'
import { selfSigned, withoutEnd } from '../support/certificate-tree.ts'

let authority: Authority
beforeAll(async () => {
  authority = await createAuthority({ name: 'CA', keyKind: 'EC' })
})

async function factsOf(issuance: Partial<Parameters<Authority['issueClient']>[0]> = {}) {
  const issued = await authority.issueClient({ commonName: 'client', keyKind: 'EC', ...issuance })
  return certificateFacts(new X509Certificate(issued.certificate), true, undefined)
}

describe('the facts of a certificate', () => {
  test('are read when first asked for, and once', async () => {
    const known = await factsOf()
    expect(known.facts?.attributes.get('2.5.4.3')).toEqual(['client'])
    expect(known.facts).toBe(known.facts)
  })

  test('of an ordinary one', async () => {
    expect(await factsOf()).toMatchObject({
      isTooLarge: false,
      hasWeakKey: false,
      isAuthority: false,
      isForClients: true,
      isDemanded: false,
      revocation: undefined,
    })
  })

  test.each([
    [['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1'], true],
    [[], true],
    [['1.3.6.1.5.5.7.3.1'], false],
    // anyExtendedKeyUsage: OpenSSL does not take it for a client's either.
    [['2.5.29.37.0'], false],
  ])('RFC 5280 §4.2.1.12: with the purposes %j it is for clients: %s', async (usage, expected) => {
    expect((await factsOf({ extendedKeyUsage: usage })).isForClients).toBe(expected)
  })

  test('of one with an end that is no date: it has ended', async () => {
    const { certificate } = withoutEnd(await selfSigned('one'))
    const known = certificateFacts(certificate, false, undefined)
    expect(known.notBefore).toBe(Number.POSITIVE_INFINITY)
    expect(known.notAfter).toBe(Number.NEGATIVE_INFINITY)
  })

  test('of an authority', async () => {
    expect(await factsOf({ isAuthority: true })).toMatchObject({ isAuthority: true })
  })

  test('RFC 8705 §7.5: of one that is too large, which has none to read [M15]', async () => {
    const dnsNames = Array.from({ length: 1000 }, (_, i) => `${i}`.padStart(40, 'a'))
    const known = await factsOf({ dnsNames, keys: await generateKeys('EC') })
    expect(known).toMatchObject({ isTooLarge: true })
    expect(known.facts).toBeUndefined()
  })
})
