import { execFileSync } from 'node:child_process'
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'

import {
  type Authority,
  certificateJwk,
  createAuthority,
  createSelfSigned,
  generateKeys,
  subjectDistinguishedName,
} from '../../src/demo/certificates.ts'

const DAY_MS = 86_400_000
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

let keys: Awaited<ReturnType<typeof generateKeys>>
let authority: Authority
let root: X509Certificate

beforeAll(async () => {
  keys = await generateKeys()
  authority = await createAuthority({ name: 'Demo CA', keys })
  root = new X509Certificate(authority.certificate)
})

describe('an authority', () => {
  test('RFC 5280 §4.2.1.9: is a CA, signed by itself', () => {
    expect(root.ca).toBe(true)
    expect(root.subject).toBe('CN=Demo CA')
    expect(root.verify(root.publicKey)).toBe(true)
  })

  test('RFC 5280 §4.1.2.2: gives every certificate another positive serial number', async () => {
    const issued = [
      await authority.issueServer({ keys }),
      await authority.issueServer({ keys }),
      await authority.issueClient({ commonName: 'tpp-1', keys }),
    ]
    const serials = issued.map(({ certificate }) => new X509Certificate(certificate).serialNumber)
    expect(new Set(serials).size).toBe(3)
    expect(serials.map((serial) => serial.toLowerCase())).toEqual(
      issued.map(({ serialNumber }) => serialNumber),
    )
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/)
  })
})

describe('a server certificate', () => {
  test('is of an RSA key, for the names of the loopback, for 90 days', async () => {
    const { certificate, key } = await authority.issueServer()
    const server = new X509Certificate(certificate)
    expect(server.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048)
    expect(server.checkPrivateKey(createPrivateKey(key))).toBe(true)
    expect(server.checkIssued(root)).toBe(true)
    expect(server.verify(root.publicKey)).toBe(true)
    expect(server.ca).toBe(false)
    expect(server.keyUsage).toEqual([SERVER_AUTH])
    expect(server.checkHost('localhost')).toBe('localhost')
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(server.checkIP('::1')).toBe('::1')
    const days = (server.validToDate.getTime() - server.validFromDate.getTime()) / DAY_MS
    expect(Math.round(days)).toBe(90)
  })

  test('carries the names it was asked for and no others', async () => {
    const { certificate } = await authority.issueServer({
      keys,
      dnsNames: ['api.bank.example'],
      addresses: [],
    })
    const server = new X509Certificate(certificate)
    expect(server.subjectAltName).toBe('DNS:api.bank.example')
    expect(server.subject).toBe('CN=api.bank.example')
  })
})

describe('a client certificate', () => {
  test('RFC 8705 §3.1: its thumbprint is the SHA-256 of the DER encoding, base64url', async () => {
    const { certificate, thumbprint } = await authority.issueClient({ commonName: 'tpp-1', keys })
    const { raw } = new X509Certificate(certificate)
    expect(thumbprint).toBe(createHash('sha256').update(raw).digest('base64url'))
  })

  test('RFC 4514 §2.1: its subject is written from the most specific name on', async () => {
    const { certificate } = await authority.issueClient({
      commonName: 'tpp-1',
      organization: 'Acme, Payments',
      organizationIdentifier: 'PSDGB-FCA-123456',
      keys,
    })
    expect(new X509Certificate(certificate).subject).toBe(
      'O=Acme\\, Payments\norganizationIdentifier=PSDGB-FCA-123456\nCN=tpp-1',
    )
    expect(subjectDistinguishedName(certificate)).toBe(
      'CN=tpp-1,2.5.4.97=PSDGB-FCA-123456,O=Acme\\, Payments',
    )
  })

  test('may be of an elliptic curve', async () => {
    const { certificate, key } = await authority.issueClient({
      commonName: 'tpp-1',
      keyKind: 'EC',
      uris: ['urn:example:tpp-1'],
    })
    const client = new X509Certificate(certificate)
    expect(client.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
    expect(client.checkPrivateKey(createPrivateKey(key))).toBe(true)
    expect(client.verify(root.publicKey)).toBe(true)
    expect(client.keyUsage).toEqual([CLIENT_AUTH])
    expect(client.subjectAltName).toBe('URI:urn:example:tpp-1')
  })

  test('may be expired, or for another purpose, or for none in particular', async () => {
    const subject = { commonName: 'tpp-1', keys }
    const notAfter = new Date('2024-02-01T00:00:00Z')
    const issue = async (change: object) =>
      new X509Certificate((await authority.issueClient({ ...subject, ...change })).certificate)

    const expired = await issue({ notBefore: new Date('2024-01-01T00:00:00Z'), notAfter })
    expect(expired.validToDate).toEqual(notAfter)
    expect((await issue({ extendedKeyUsage: [SERVER_AUTH] })).keyUsage).toEqual([SERVER_AUTH])
    expect((await issue({ extendedKeyUsage: [] })).keyUsage).toBeUndefined()
  })

  test('RFC 8705 §2.2: may vouch for itself, and be registered as a JWK', async () => {
    const { certificate } = await createSelfSigned({ commonName: 'tpp-2', keyKind: 'EC' })
    const self = new X509Certificate(certificate)
    expect(self.issuer).toBe(self.subject)
    expect(self.verify(self.publicKey)).toBe(true)
    expect(self.verify(root.publicKey)).toBe(false)
    expect(certificateJwk(certificate)).toMatchObject({
      kty: 'EC',
      crv: 'P-256',
      x5c: [self.raw.toString('base64')],
    })
  })
})

describe('OpenSSL', () => {
  const openssl = hasOpenssl()

  test.skipIf(!openssl)('finds the chains good, and the revoked client revoked', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
    const write = (name: string, text: string) => {
      const path = join(folder, name)
      writeFileSync(path, text)
      return path
    }
    try {
      const ca = write('ca.pem', authority.certificate)
      const server = await authority.issueServer({ keys })
      const good = await authority.issueClient({ commonName: 'tpp-1', keys })
      const bad = await authority.issueClient({ commonName: 'tpp-3', keys })
      const crl = write('crl.pem', await authority.issueRevocationList({ revoked: [bad] }))
      const verify = (purpose: string, { certificate }: { certificate: string }) =>
        execFileSync(
          'openssl',
          ['verify', '-x509_strict', '-CAfile', ca, '-crl_check', '-CRLfile', crl].concat(
            ['-purpose', purpose],
            write('leaf.pem', certificate),
          ),
          { encoding: 'utf8', stdio: 'pipe' },
        )

      expect(verify('sslserver', server)).toContain('OK')
      expect(verify('sslclient', good)).toContain('OK')
      expect(() => verify('sslserver', good)).toThrow(/unsuitable certificate purpose/)
      expect(() => verify('sslclient', bad)).toThrow(/certificate revoked/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
