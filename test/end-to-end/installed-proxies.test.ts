import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Credential, createAuthority, createSelfSigned } from '../../src/demo/certificates.ts'
import { type Caller, createCaller, linesOf } from '../support/caller.ts'
import { CLIENT_AUTH, type Issued, root } from '../support/certificate-tree.ts'
import { type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import {
  type InstalledProxy,
  isInstalled,
  type ProxyName,
  recipe,
  startProxy,
} from '../support/installed-proxy.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'

const FROM: Readonly<Record<ProxyName, string>> = {
  nginx: 'nginx',
  haproxy: '{ format: haproxy, chain_field: X-SSL-Client-Chain }',
}
/** What makes it connect from an address that nobody trusts. */
const ELSEWHERE: Readonly<Record<ProxyName, (block: string) => string>> = {
  nginx: (block) => block.replace('proxy_ssl_verify on;', '$& proxy_bind 127.0.0.2;'),
  haproxy: (block) => block.replace(/sni .*/, '$& source 127.0.0.2'),
}

let fixture: Fixture
let mint: Mint
let top: Issued
let sub: Issued
let leaf: Issued

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  mint = createMint(signing, fixture.as.issuer)
  top = await root('top')
  sub = await top.issueCa('sub')
  leaf = await sub.issue('client', { purposes: [CLIENT_AUTH] })
  const { folder, server, authority } = fixture
  await writeFile(join(folder, 'cas.pem'), authority.certificate + top.pem)
  await writeFile(join(folder, 'client-ca.pem'), authority.certificate)
  await writeFile(join(folder, 'internal-ca.pem'), authority.certificate)
  await writeFile(join(folder, 'server.pem'), server.certificate + server.key)
})
afterAll(() => fixture.close())

describe.each(['nginx', 'haproxy'] as const)('the recipe for %s', (name) => {
  const title = isInstalled(name) ? '' : ` (skipped: ${name} is not installed)`

  describe.skipIf(!isInstalled(name))(`with a real one in front${title}`, () => {
    let gateway: TestGateway
    let proxy: InstalledProxy
    let untrusted: InstalledProxy
    const callers: Caller[] = []

    beforeAll(async () => {
      gateway = await fixture.gateway(`version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: { from: ${FROM[name]}, ca: cas.pem }
  trusted_proxies: [127.0.0.1]
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - id: accounts
    match: GET /accounts/**
    scopes: [accounts]
    forward: { client_cert: true, client_cert_chain: true }
    upstream: $BANK
shutdown: { ready_off_for: 0s, drain: 2s }
`)
      const { folder } = fixture
      proxy = await startProxy(name, folder, recipe(name), gateway.port)
      untrusted = await startProxy(name, folder, ELSEWHERE[name](recipe(name)), gateway.port)
    })
    afterAll(async () => {
      for (const caller of callers) caller.close()
      await proxy?.close()
      await untrusted?.close()
    })

    /** What comes of a request through the proxy. */
    async function ask(
      credential: Credential | undefined,
      bound: string,
      fields: readonly string[] = [],
      through = proxy,
    ) {
      const caller = createCaller(fixture, through, credential)
      callers.push(caller)
      const token = await mint({ cnf: { 'x5t#S256': bound } })
      const answer = await caller.send({ fields: ['Authorization', `Bearer ${token}`, ...fields] })
      const [id] = answer.lines('x-fapi-interaction-id')
      // Without one it is the proxy's own answer.
      const record = id === undefined ? { reason: 'of the proxy' } : await gateway.accessLine(id)
      return { status: answer.status, reason: record['reason'], record }
    }

    test('a token is proven by the certificate of its client, and by no other [MTLS-11]', async () => {
      const { mtls, stranger } = fixture.certificates
      expect(await ask(mtls, mtls.thumbprint)).toMatchObject({ status: 200 })
      const seen = fixture.reached.at(-1)!.rawHeaders
      expect(linesOf(seen, 'client-cert')).toEqual([
        `:${mtls.certificate.replace(/-----[A-Z ]+-----|\s/g, '')}:`,
      ])
      expect(seen.join('\n')).not.toMatch(/x-ssl-client/i)
      expect(await ask(stranger, mtls.thumbprint)).toMatchObject({ reason: 'cnf_x5t_mismatch' })
      expect(await ask(undefined, mtls.thumbprint)).toMatchObject({
        reason: 'tls_client_cert_missing',
      })
    })

    test('what a client says under that name is not what the proxy says [M17, CC-1]', async () => {
      const { mtls, stranger } = fixture.certificates
      const value =
        name === 'nginx'
          ? encodeURIComponent(mtls.certificate)
          : mtls.certificate.replace(/-----[A-Z ]+-----|\s/g, '')
      for (const field of ['X-SSL-Client-Cert', 'X_SSL_Client_Cert', 'Client-Cert']) {
        const forged = [field, value, field, value]
        expect(await ask(undefined, mtls.thumbprint, forged)).toMatchObject({
          status: 401,
          reason: 'tls_client_cert_missing',
        })
        expect(await ask(stranger, mtls.thumbprint, forged)).toMatchObject({
          reason: 'cnf_x5t_mismatch',
        })
      }
    })

    test('what the proxy lets pass is verified here [MTLS-11]', async () => {
      const { keys } = fixture.certificates.mtls
      const other = await createAuthority({ name: 'other CA' })
      const foreign = await other.issueClient({ commonName: 'a', keys })
      const own = await createSelfSigned({ commonName: 'a', keys })
      const ended = await fixture.authority.issueClient({
        commonName: 'a',
        keys,
        notBefore: new Date(Date.now() - 120_000),
        notAfter: new Date(Date.now() - 60_000),
      })
      const reasons = []
      for (const credential of [foreign, own, ended]) {
        reasons.push((await ask(credential, credential.thumbprint)).reason)
      }
      expect(reasons).toEqual([
        'tls_client_cert_untrusted',
        'tls_client_cert_untrusted',
        // optional_no_ca of nginx is about CAs alone.
        name === 'nginx' ? 'of the proxy' : 'tls_client_cert_expired',
      ])
    })

    test('from an address that is not trusted it says nothing [MTLS-11, HTTP-29]', async () => {
      const { mtls } = fixture.certificates
      const { reason, record } = await ask(mtls, mtls.thumbprint, [], untrusted)
      expect(reason).toBe('tls_client_cert_missing')
      expect(record).toMatchObject({ remote: '127.0.0.2' })
    })

    test('the address of the client is the one that the proxy saw', async () => {
      const { mtls } = fixture.certificates
      const { record } = await ask(mtls, mtls.thumbprint, ['X-Forwarded-For', '192.0.2.1'])
      // Both ends are on loopback here: the client's 127.0.0.1 is trusted, and what stands left of it is read.
      expect(record).toMatchObject({ remote: '192.0.2.1', proxy: '127.0.0.1' })
    })

    // nginx has no variable for them.
    if (name === 'nginx') return
    test('intermediate CAs come along [CC-3]', async () => {
      const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', leaf.keys.privateKey))
      const credential = {
        ...fixture.certificates.mtls,
        certificate: leaf.pem + sub.pem,
        key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`,
      }
      const digest = Buffer.from(await crypto.subtle.digest('SHA-256', leaf.der))
      expect(await ask(credential, digest.toString('base64url'))).toMatchObject({ status: 200 })
      const seen = fixture.reached.at(-1)!.rawHeaders
      expect(linesOf(seen, 'client-cert-chain')).toEqual([`:${sub.der.toString('base64')}:`])
    })
  })
})
