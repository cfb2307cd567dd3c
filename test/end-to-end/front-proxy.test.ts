import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Authority,
  type Credential,
  createAuthority,
  createSelfSigned,
} from '../../src/demo/certificates.ts'
import { linesOf } from '../support/caller.ts'
import { CLIENT_AUTH, type Issued, root } from '../support/certificate-tree.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { get } from '../support/open-gateway.ts'
import { type Answer, openSocket, type RawSocket } from '../support/raw-socket.ts'

/** Where the proxy connects from, and where somebody else does. */
const PROXY = '127.0.0.1'
const STRANGER = '127.0.0.2'

const FORMATS = ['rfc9440', 'envoy', 'nginx', 'haproxy', 'aws', 'azure'] as const
type Format = (typeof FORMATS)[number]

const FIELDS: Readonly<Record<Format, string>> = {
  rfc9440: 'Client-Cert',
  envoy: 'X-Forwarded-Client-Cert',
  nginx: 'X-SSL-Client-Cert',
  haproxy: 'X-SSL-Client-Cert',
  aws: 'X-Amzn-Mtls-Clientcert',
  azure: 'X-ARR-ClientCert',
}

/** A certificate as each of them writes it. @param pem One, or several behind one another. */
const WRITE: Readonly<Record<Format, (pem: string) => string>> = {
  rfc9440: (pem) => `:${base64(pem)}:`,
  envoy: (pem) =>
    `By=spiffe://a;Hash=00ff;Subject="CN=\\"a\\", O=b";Cert="${encodeURIComponent(pem)}"`,
  nginx: encodeURIComponent,
  haproxy: (pem) => base64(pem),
  aws: (pem) => encodeURIComponent(pem).replace(/%2B|%3D|%2F/g, decodeURIComponent),
  azure: (pem) => base64(pem),
}

function base64(pem: string): string {
  return pem.replace(/-----[A-Z ]+-----|\s/g, '')
}

const MINUTE = 60_000

let fixture: Fixture
let mint: Mint
let other: Authority
let mtls: Credential
let stranger: Credential
const gateways = new Map<string, TestGateway>()
const sockets = new Map<string, RawSocket>()

function settings(policy: string, more = ''): string {
  return `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: ${policy}
  trusted_proxies: [127.0.0.1/32, 10.0.0.0/8]
  ${more}
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
  - { id: told, match: GET /told, scopes: [accounts], forward: { client_cert: true, client_cert_chain: X-Chain }, upstream: $BANK }
  - { id: open, match: GET /open/**, public: true, forward: { client_cert: true }, upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`
}

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  mint = createMint(signing, fixture.as.issuer)
  other = await createAuthority({ name: 'other CA' })
  ;({ mtls, stranger } = fixture.certificates)
  for (const format of FORMATS) {
    const policy = `{ from: ${format}, ca: ca.pem }`
    gateways.set(format, await fixture.gateway(settings(policy)))
  }
  const required = '{ from: rfc9440, verify: required, ca: ca.pem }'
  gateways.set('required', await fixture.gateway(settings(required)))
  gateways.set('request', await fixture.gateway(settings('{ from: rfc9440, verify: request }')))
  const renamed =
    '{ from: { format: nginx, field: X-Tls-Proof, chain_field: X-Proof-Chain }, ca: ca.pem }'
  gateways.set('renamed', await fixture.gateway(settings(renamed, 'client_address: forwarded')))
  gateways.set('tls', await fixture.gateway(settings('{ from: tls, ca: ca.pem }')))
})
afterAll(async () => {
  for (const { socket } of sockets.values()) socket.destroy()
  await fixture.close()
})

interface Asked {
  readonly gateway?: string
  readonly from?: string
  readonly path?: string
  /** Of the certificate that the token is bound to. */
  readonly bound?: string
  readonly token?: string | false
}

/** Sends a request with these field lines; on the connection of this side, which is kept. */
async function send(fields: readonly string[], asked: Asked = {}): Promise<Answer> {
  const { gateway = 'rfc9440', from = PROXY, path = '/accounts', bound = mtls.thumbprint } = asked
  const key = `${gateway} ${from}`
  let raw = sockets.get(key)
  if (raw === undefined || raw.socket.destroyed) {
    raw = await openSocket(fixture, gateways.get(gateway)!, { localAddress: from })
    sockets.set(key, raw)
  }
  const token = asked.token ?? (await mint({ cnf: { 'x5t#S256': bound } }))
  const credentials = token === false ? [] : [`Authorization: Bearer ${token}`]
  raw.write(get(path, [...credentials, ...fields]))
  const answer = await raw.response()
  if (answer.lines('connection').includes('close')) {
    await raw.closed
    sockets.delete(key)
  }
  return answer
}

/** The same: `forwarded`, or the status and why. What is refused did not reach the bank; what is not, did once. */
async function outcome(fields: readonly string[], asked: Asked = {}): Promise<string> {
  const before = fixture.reached.length
  const answer = await send(fields, asked)
  const [id = ''] = answer.lines('x-fapi-interaction-id')
  const { reason } = await gateways.get(asked.gateway ?? 'rfc9440')!.accessLine(id)
  const said = reason === undefined ? 'forwarded' : `${answer.status} ${reason}`
  expect(fixture.reached.length - before).toBe(reason === undefined ? 1 : 0)
  return said
}

/** What the bank saw of a request that passes. */
async function reached(fields: readonly string[], asked: Asked = {}): Promise<readonly string[]> {
  expect(await outcome(fields, asked)).toBe('forwarded')
  return fixture.reached.at(-1)!.rawHeaders
}

const line = ({ certificate }: Pick<Credential, 'certificate'>, format: Format = 'rfc9440') =>
  `${FIELDS[format]}: ${WRITE[format](certificate)}`

describe.each(FORMATS)('RFC 8705 §6.5: a certificate as %s passes it on', (format) => {
  const gateway = format

  test('proves a token that is bound to it, whoever else’s came on the connection before [MTLS-11]', async () => {
    expect(await outcome([line(mtls, format)], { gateway })).toBe('forwarded')
    const bound = stranger.thumbprint
    expect(await outcome([line(stranger, format)], { gateway, bound })).toBe('forwarded')
    expect(await outcome([line(mtls, format)], { gateway })).toBe('forwarded')
  })

  test('and no other token [MTLS-11]', async () => {
    expect(await outcome([line(stranger, format)], { gateway })).toBe('401 cnf_x5t_mismatch')
    expect(await outcome([], { gateway })).toBe('401 tls_client_cert_missing')
  })

  test('counts from nobody but the proxy, and goes on to nobody [MTLS-11, CC-1, BT-12, M17]', async () => {
    const from = STRANGER
    const asked = { gateway, from }
    expect(await outcome([line(mtls, format)], asked)).toBe('401 tls_client_cert_missing')
    const seen = await reached([line(mtls, format)], { ...asked, path: '/open', token: false })
    expect(linesOf(seen, FIELDS[format].toLowerCase())).toEqual([])
    expect(seen.join('\n')).not.toContain(base64(mtls.certificate).slice(0, 40))
  })

  test('is not passed on as the proxy wrote it either [CC-1, CC-4]', async () => {
    const seen = await reached([line(mtls, format)], { gateway })
    expect(seen.join('\n')).not.toMatch(/cert:|clientcert/i)
    expect(seen.join('\n')).not.toContain(base64(mtls.certificate).slice(0, 40))
  })

  test.each([
    ['two lines', () => [line(mtls, format), line(mtls, format)], 'several'],
    ['two lines, the first empty', () => [`${FIELDS[format]}:`, line(mtls, format)], 'several'],
    ['half of it', () => [line(mtls, format).slice(0, -40)], 'malformed'],
    [
      'something behind it',
      () => [`${line(mtls, format)},${WRITE[format](stranger.certificate)}`],
      'malformed',
    ],
    ['a word', () => [`${FIELDS[format]}: SUCCESS`], 'malformed'],
    ['base64 of nothing', () => [`${FIELDS[format]}: ${WRITE[format]('MAA=')}`], 'malformed'],
  ])('is refused where it is not one value: %s [M17, M18, CC-2]', async (_title, fields, fault) => {
    const expected = `400 client_cert_field_${fault}`
    expect(await outcome(fields(), { gateway })).toBe(expected)
    expect(await outcome(fields(), { gateway, path: '/open', token: false })).toBe(expected)
  })
})

describe('RFC 9440 §4: a proxy is believed that the client has the key, and nothing else', () => {
  const { now } = Date
  const ago = (minutes: number) => new Date(now() - minutes * MINUTE)

  test.each<[string, () => Promise<Credential>, string]>([
    ['of another CA', () => other.issueClient({ commonName: 'a', keys: mtls.keys }), 'untrusted'],
    ['self-signed', () => createSelfSigned({ commonName: 'a', keys: mtls.keys }), 'untrusted'],
    [
      'for servers',
      () =>
        fixture.authority.issueClient({
          commonName: 'a',
          keys: mtls.keys,
          extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'],
        }),
      'eku',
    ],
    [
      'that has ended',
      () =>
        fixture.authority.issueClient({
          commonName: 'a',
          keys: mtls.keys,
          notBefore: ago(20),
          notAfter: ago(10),
        }),
      'expired',
    ],
    [
      'that has not begun',
      () =>
        fixture.authority.issueClient({ commonName: 'a', keys: mtls.keys, notBefore: ago(-10) }),
      'not_yet_valid',
    ],
  ])(
    'a certificate %s is refused, and never passed on, whatever the proxy says (Cloudflare fills such fields all the same) [MTLS-11, PF-51]',
    async (_title, make, fault) => {
      const credential = await make()
      const bound = credential.thumbprint
      const verified = ['X-SSL-Client-Verify: SUCCESS', 'X-Client-Cert-Chain-Verified: true']
      const fields = [line(credential), ...verified]
      expect(await outcome(fields, { bound })).toBe(`401 tls_client_cert_${fault}`)
      expect(await outcome(fields, { bound })).toBe(`401 tls_client_cert_${fault}`)
      const seen = await reached(fields, { path: '/open', token: false })
      expect(linesOf(seen, 'client-cert')).toEqual([])
      expect(seen.join('\n')).not.toMatch(/SUCCESS|Verif/)
    },
  )

  test('a certificate that ends while the proxy’s connection lives is refused from then on [MTLS-11]', async () => {
    const brief = await fixture.authority.issueClient({
      commonName: 'brief',
      keys: mtls.keys,
      notAfter: new Date(now() + 4000),
    })
    const bound = brief.thumbprint
    expect(await outcome([line(brief)], { bound })).toBe('forwarded')
    const statusOf = async () => (await send([line(brief)], { bound })).status
    await expect.poll(statusOf, { timeout: 20_000, interval: 200 }).toBe(401)
    expect(await outcome([line(brief)], { bound })).toBe('401 tls_client_cert_expired')
  })

  test('with verify: request any is taken that the token pins, and none is passed on that nobody pins', async () => {
    const own = await createSelfSigned({ commonName: 'own', keys: mtls.keys })
    const asked = { gateway: 'request', bound: own.thumbprint, path: '/told' }
    const seen = await reached([line(own)], asked)
    expect(linesOf(seen, 'client-cert')).toEqual([`:${base64(own.certificate)}:`])
    expect(await outcome([line(mtls)], asked)).toBe('401 cnf_x5t_mismatch')
    const open = await reached([line(own)], { gateway: 'request', path: '/open', token: false })
    expect(linesOf(open, 'client-cert')).toEqual([])
  })

  test('with verify: required nothing is served without a good one [MTLS-11]', async () => {
    const gateway = 'required'
    const open = { gateway, path: '/open', token: false } as const
    const foreign = await other.issueClient({ commonName: 'a', keys: mtls.keys })
    expect(await outcome([line(mtls)], open)).toBe('forwarded')
    expect(await outcome([], open)).toBe('401 client_cert_required')
    expect(await outcome([line(foreign)], open)).toBe('401 tls_client_cert_untrusted')
    expect(await outcome([line(mtls)], { gateway })).toBe('forwarded')
    expect(await outcome([], { gateway })).toBe('401 client_cert_required')
    expect(await outcome([line(mtls)], { ...open, from: STRANGER })).toBe(
      '401 client_cert_required',
    )
    const { lines } = await send([], open)
    expect(lines('www-authenticate')).toEqual([`Bearer realm="${HOST}"`])
  })

  test('the proxy’s own certificate is not its client’s [MTLS-11]', async () => {
    const options = { cert: mtls.certificate, key: mtls.key }
    for (const localAddress of [PROXY, STRANGER]) {
      const raw = await openSocket(fixture, gateways.get('rfc9440')!, { ...options, localAddress })
      const token = await mint({ cnf: { 'x5t#S256': mtls.thumbprint } })
      raw.write(get('/accounts', [`Authorization: Bearer ${token}`, 'Connection: close']))
      expect((await raw.rest()).map(({ status }) => status)).toEqual([401])
    }
  })

  test('and where certificates come by the handshake, a trusted proxy’s field is none [CC-1, M17]', async () => {
    const asked = { gateway: 'tls' }
    for (const format of FORMATS) {
      expect(await outcome([line(mtls, format)], asked)).toBe('401 tls_client_cert_missing')
    }
  })
})

describe('RFC 9440 §2.3: intermediate CAs come beside the certificate', () => {
  let top: Issued
  let sub: Issued
  let leaf: Issued
  let policy: TestGateway

  beforeAll(async () => {
    top = await root('top')
    sub = await top.issueCa('sub')
    leaf = await sub.issue('client', { purposes: [CLIENT_AUTH] })
    await writeFile(join(fixture.folder, 'top.pem'), top.pem)
    policy = await fixture.gateway(settings('{ from: rfc9440, ca: top.pem }'))
    gateways.set('chain', policy)
  })

  const item = ({ der }: Issued) => `:${der.toString('base64')}:`
  const asked = async () => ({
    gateway: 'chain',
    bound: Buffer.from(await crypto.subtle.digest('SHA-256', leaf.der)).toString('base64url'),
  })

  test('and are verified, and passed on without the certificate itself [CC-3]', async () => {
    const fields = [`Client-Cert: ${item(leaf)}`, `Client-Cert-Chain: ${item(sub)}, ${item(top)}`]
    const seen = await reached(fields, { ...(await asked()), path: '/told' })
    expect(linesOf(seen, 'client-cert')).toEqual([item(leaf)])
    expect(linesOf(seen, 'x-chain')).toEqual([item(sub)])
    expect(linesOf(seen, 'client-cert-chain')).toEqual([])
  })

  test('without them it is the certificate of a stranger', async () => {
    const fields = [`Client-Cert: ${item(leaf)}`]
    expect(await outcome(fields, await asked())).toBe('401 tls_client_cert_untrusted')
  })

  test.each([
    ['alone', () => [`Client-Cert-Chain: ${item(sub)}`], 'client_cert_chain_alone'],
    [
      'on two lines',
      () => [
        `Client-Cert: ${item(leaf)}`,
        `Client-Cert-Chain: ${item(sub)}`,
        `Client-Cert-Chain: ${item(top)}`,
      ],
      'client_cert_field_several',
    ],
    [
      'that are none',
      () => [`Client-Cert: ${item(leaf)}`, 'Client-Cert-Chain: :MAA=:'],
      'client_cert_field_malformed',
    ],
  ])('%s they are refused [M18]', async (_title, fields, reason) => {
    expect(await outcome(fields(), await asked())).toBe(`400 ${reason}`)
  })
})

describe.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'RFC 9440 §2: the certificate of a handshake of %s, as the upstream is told of it',
  (maxVersion) => {
    let top: Issued
    let sub: Issued
    let leaf: Issued
    let token: string

    beforeAll(async () => {
      top = await root('top')
      sub = await top.issueCa('sub')
      leaf = await sub.issue('client', { purposes: [CLIENT_AUTH] })
      const digest = await crypto.subtle.digest('SHA-256', leaf.der)
      token = await mint({ cnf: { 'x5t#S256': Buffer.from(digest).toString('base64url') } })
    })

    /** Whether the session was resumed, the certificate, and its chain: of two connections. */
    async function toldTwice(authorities: string) {
      const name = `handshake-${maxVersion}-${authorities.length}.pem`
      await writeFile(join(fixture.folder, name), authorities)
      const gateway = await fixture.gateway(settings(`{ ca: ${name} }`))
      const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', leaf.keys.privateKey))
      const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`
      const own = { cert: leaf.pem + sub.pem, key, maxVersion }
      let session: Buffer | undefined
      const told = async () => {
        const raw = await openSocket(
          fixture,
          gateway,
          session === undefined ? own : { ...own, session },
        )
        raw.socket.on('session', (made) => {
          session = made
        })
        const isReused = raw.socket.isSessionReused()
        // Of TLS 1.2 it is part of the handshake, and there by now.
        if (maxVersion === 'TLSv1.2') session = raw.socket.getSession()
        raw.write(get('/told', [`Authorization: Bearer ${token}`, 'Connection: close']))
        expect(await raw.rest()).toHaveLength(1)
        const seen = fixture.reached.at(-1)!.rawHeaders
        return [isReused, linesOf(seen, 'client-cert'), linesOf(seen, 'x-chain')]
      }
      return [await told(), await told()]
    }

    const item = ({ der }: Issued) => `:${der.toString('base64')}:`

    test('its chain is that of the configured CAs [CC-2, CC-3]', async () => {
      const [first] = await toldTwice(top.pem + sub.pem)
      expect(first).toEqual([false, [item(leaf)], [item(sub)]])
    })

    test('RFC 9440 §3.3: and left out where a session is resumed that has lost it [CC-6]', async () => {
      const [first, resumed] = await toldTwice(top.pem)
      expect(first?.slice(0, 2)).toEqual([false, [item(leaf)]])
      expect(resumed).toEqual([true, [item(leaf)], []])
    })
  },
)

test('RFC 9325 §7.5: a proxy that is no longer trusted is not believed on the connection that it has', async () => {
  const policy = '{ from: rfc9440, ca: ca.pem }'
  const gateway = await fixture.gateway(settings(policy))
  const next = await fixture.gateway(settings(policy).replace('127.0.0.1/32, ', ''))
  const token = await mint({ cnf: { 'x5t#S256': mtls.thumbprint } })
  const request = get('/accounts', [`Authorization: Bearer ${token}`, line(mtls)])
  const raw = await openSocket(fixture, gateway)
  raw.write(request)
  expect((await raw.response()).status).toBe(200)
  // A response under way keeps the connection from being closed as idle.
  raw.write(request.slice(0, 40))
  expect(await gateway.running.reload(next.configuration)).toBeUndefined()
  raw.write(request.slice(40))
  expect((await raw.rest()).map(({ status }) => status)).not.toContain(200)
  const again = await openSocket(fixture, gateway)
  again.write(request)
  expect((await again.response()).status).toBe(401)
  again.socket.destroy()

  const former = await fixture.gateway(settings(policy))
  expect(await gateway.running.reload(former.configuration)).toBeUndefined()
  const trusted = await openSocket(fixture, gateway)
  trusted.write(request)
  expect((await trusted.response()).status).toBe(200)
  trusted.socket.destroy()
})

test('where another host of the listener asks for certificates, a proxy’s own is not its client’s [MTLS-11]', async () => {
  const gateway = await fixture.gateway(`version: 1
profile: fapi2-security
listeners:
  main:
    address: 127.0.0.1:0
    public_urls: [https://$HOST, https://localhost]
    tls:
      certificates:
        - { cert: server.crt, key: server.key, names: [$HOST], client_certificate: { from: rfc9440, verify: request } }
        - { cert: server.crt, key: server.key, names: [localhost], client_certificate: { ca: ca.pem } }
    trusted_proxies: [127.0.0.1]
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
  const token = await mint({ cnf: { 'x5t#S256': mtls.thumbprint } })
  const statusOf = async (localAddress: string, host: string, fields: string[] = []) => {
    const own = { cert: mtls.certificate, key: mtls.key, localAddress, servername: host }
    const raw = await openSocket(fixture, gateway, own)
    const request = get('/accounts', [`Authorization: Bearer ${token}`, ...fields])
    raw.write(request.replace(`Host: ${HOST}`, `Host: ${host}`))
    const { status } = await raw.response()
    raw.socket.destroy()
    return status
  }
  expect(await statusOf(PROXY, 'localhost')).toBe(200)
  expect(await statusOf(PROXY, 'localhost', [line(stranger)])).toBe(200)
  expect(await statusOf(PROXY, HOST)).toBe(401)
  expect(await statusOf(STRANGER, HOST)).toBe(401)
  expect(await statusOf(STRANGER, HOST, [line(mtls)])).toBe(401)
  expect(await statusOf(PROXY, HOST, [line(mtls)])).toBe(200)
})

describe('names of fields are those of the configuration', () => {
  test('and of nobody else, in whatever spelling (CVE-2026-39858, CVE-2025-64484) [CC-8, PF-9, PF-19]', async () => {
    const pem = encodeURIComponent(mtls.certificate)
    const asked = { gateway: 'renamed' }
    const seen = await reached([`X-Tls-Proof: ${pem}`], asked)
    expect(linesOf(seen, 'x-tls-proof')).toEqual([])
    for (const name of ['X_Tls_Proof', 'X.Tls.Proof', 'X-Tls_Proof']) {
      expect(await outcome([`${name}: ${pem}`], asked)).toBe('401 tls_client_cert_missing')
      const open = await reached([`${name}: ${pem}`], { ...asked, path: '/open', token: false })
      expect(open.join('\n')).not.toContain('BEGIN')
    }
  })

  test('a client cannot have them taken away (CVE-2024-45410, CVE-2025-48865) [PF-12, PF-13]', async () => {
    const asked = { gateway: 'renamed' }
    const pem = encodeURIComponent(mtls.certificate)
    const named = 'Connection: keep-alive, X-Tls-Proof, X-Forwarded-For, Client-Cert'
    expect(await outcome([`X-Tls-Proof: ${pem}`, named], asked)).toBe('forwarded')
    const seen = await reached([`X-Tls-Proof: ${pem}`, named], { ...asked, path: '/told' })
    expect(linesOf(seen, 'client-cert')).toEqual([`:${base64(mtls.certificate)}:`])
    expect(linesOf(seen, 'x-forwarded-for')).toEqual([PROXY])
  })
})

describe('RFC 9440 §2.4: what a client says of a certificate never reaches the bank', () => {
  const NAMES = [
    ...['Client-Cert', 'CLIENT-CERT', 'Client_Cert', 'Client.Cert', 'Client-Cert-Chain'],
    ...[
      'Client_Cert_Chain',
      'X-SSL-Cert',
      'X-SSL-Client-Cert',
      'X_SSL_CLIENT_CERT',
      'SSL_CLIENT_CERT',
    ],
    ...[
      'SSL_CLIENT_VERIFY',
      'SSL-Client-S-DN',
      'X-Client-Cert',
      'X-Client-Certificate',
      'X-ClientCert',
    ],
    ...['X-Forwarded-Client-Cert', 'X_Forwarded_Client_Cert', 'X-Forwarded-Tls-Client-Cert'],
    ...[
      'X-ARR-ClientCert',
      'X_ARR_ClientCert',
      'X-Amzn-Mtls-Clientcert',
      'X-Amzn-Mtls-Clientcert-Leaf',
    ],
    ...['X-Tls-Client-Cert', 'X-Tls-Cert', 'Cf-Client-Cert-Der-Base64', 'WL-Proxy-Client-Cert'],
  ]

  test.each(NAMES)(
    '%s, by the handshake’s certificate or by none [CC-1, CC-8, BT-12, M17]',
    async (name) => {
      for (const path of ['/open', '/open/x']) {
        const asked = { gateway: 'tls', path, token: false } as const
        for (const from of [PROXY, STRANGER]) {
          const seen = await reached([`${name}: evil`, `${name}: evil`], { ...asked, from })
          expect(seen.join('\n')).not.toContain('evil')
        }
      }
    },
  )

  test('beside a certificate, ours stands alone [CC-1, CC-2]', async () => {
    const options = { cert: mtls.certificate, key: mtls.key, localAddress: STRANGER }
    const raw = await openSocket(fixture, gateways.get('tls')!, options)
    const token = await mint({ cnf: { 'x5t#S256': mtls.thumbprint } })
    const spoofed = NAMES.map((name) => `${name}: evil`)
    raw.write(get('/told', [`Authorization: Bearer ${token}`, ...spoofed, 'Connection: close']))
    expect(await raw.rest()).toHaveLength(1)
    const seen = fixture.reached.at(-1)!.rawHeaders
    expect(linesOf(seen, 'client-cert')).toEqual([`:${base64(mtls.certificate)}:`])
    expect(seen.join('\n')).not.toContain('evil')
  })
})

test('CVE-2023-27487: what Envoy says to itself decides nothing, and goes no further [PF-52]', async () => {
  const inner = ['Original-Path: /open', 'External-Address: 10.0.0.7', 'Internal: true']
  const fields = inner.map((one) => `X-Envoy-${one}`)
  for (const from of [PROXY, STRANGER]) {
    const asked = { gateway: 'envoy', from }
    expect(await outcome(fields, asked)).toBe('401 tls_client_cert_missing')
    const seen = await reached(fields, { ...asked, path: '/open', token: false })
    expect(seen.join('\n')).not.toMatch(/envoy/i)
  }
})

describe('RFC 7239 §8: for whom a proxy asks', () => {
  const open = { path: '/open', token: false } as const
  const seenBy = async (fields: string[], asked: Asked = {}) => {
    const seen = await reached(fields, { ...open, ...asked })
    return [...linesOf(seen, 'x-forwarded-for'), ...linesOf(seen, 'forwarded')]
  }
  const told = (address: string, node = address) => [
    address,
    `for=${node};host="${HOST}";proto=https`,
  ]

  test.each([
    [['X-Forwarded-For: 192.0.2.1'], told('192.0.2.1')],
    [['X-Forwarded-For: 1.2.3.4, 192.0.2.1'], told('192.0.2.1')],
    [['X-Forwarded-For: 1.2.3.4, 192.0.2.1, 10.0.0.7'], told('192.0.2.1')],
    [['X-Forwarded-For: 1.2.3.4', 'x-forwarded-for: 192.0.2.1'], told('192.0.2.1')],
    [['X-Forwarded-For: 2001:db8::1'], told('2001:db8::1', '"[2001:db8::1]"')],
    [['X-Forwarded-For: evil";proto=http'], told(PROXY)],
    [['Forwarded: for=192.0.2.1', 'X-Real-IP: 192.0.2.1'], told(PROXY)],
    [[], told(PROXY)],
  ])('GHSA-7x63-xv5r-3p2x: of a trusted one: %j [HTTP-29, PF-20]', async (fields, expected) => {
    expect(await seenBy(fields)).toEqual(expected)
  })

  test('of one that writes Forwarded, by that field alone [HTTP-29]', async () => {
    const asked = { gateway: 'renamed' }
    const fields = ['Forwarded: for=1.2.3.4, for=192.0.2.1;by=10.0.0.7', 'X-Forwarded-For: 1.2.3.4']
    expect(await seenBy(fields, asked)).toEqual(told('192.0.2.1'))
  })

  test('of nobody else [HTTP-29, H20]', async () => {
    const fields = [
      'X-Forwarded-For: 192.0.2.1',
      'Forwarded: for=192.0.2.1',
      'X-Real-IP: 192.0.2.1',
    ]
    for (const gateway of ['rfc9440', 'renamed']) {
      expect(await seenBy(fields, { gateway, from: STRANGER })).toEqual(told(STRANGER))
    }
  })

  test('the log names the client and the proxy', async () => {
    const gateway = gateways.get('rfc9440')!
    const record = async (from: string) => {
      const answer = await send(['X-Forwarded-For: 1.2.3.4, 192.0.2.1'], { ...open, from })
      const { remote, proxy } = await gateway.accessLine(answer.lines('x-fapi-interaction-id')[0]!)
      return [remote, proxy]
    }
    expect(await record(PROXY)).toEqual(['192.0.2.1', PROXY])
    expect(await record(STRANGER)).toEqual([STRANGER, undefined])
  })
})

describe('RFC 9700 §4.13: no forwarded field decides anything', () => {
  const FORGED = [
    'Proto',
    'Host',
    'Port',
    'Prefix',
    'Uri',
    'Method',
    'Server',
    'Ssl',
    'User',
    'Scheme',
  ]
  const honest = async (asked: Asked) => ({
    bound: await outcome([line(mtls)], asked),
    unbound: await outcome([], { ...asked, token: await mint() }),
    none: await outcome([], { ...asked, token: false }),
    elsewhere: await outcome([], { ...asked, path: '/nowhere' }),
  })

  test.each([
    ['a stranger', STRANGER],
    ['a trusted proxy', PROXY],
  ])(
    'of %s, whatever is in it (GHSA-vhr5-ggp3-qq85, GHSA-6384-m2mw-rf54, CVE-2026-40575, CWE-763 of liboauth2) [H20, PF-3, PF-10, PF-18, PF-37]',
    async (_title, from) => {
      const expected = await honest({ from })
      const name = fc.constantFrom(
        ...FORGED.flatMap((one) => [`X-Forwarded-${one}`, `X_Forwarded_${one}`]),
        ...['X-Original-URL', 'X-Rewrite-URL', 'X-Envoy-Original-Path', 'X-HTTP-Method-Override'],
      )
      const value = fc.oneof(
        fc.constantFrom('http', 'evil.example', '/open', ',evil', ':evil', 'POST', '80', '"', ';'),
        fc.string({ maxLength: 20, unit: fc.constantFrom(...'abc:;,="/ .%\\0') }),
      )
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 6 }),
          async (forged) => {
            const fields = forged.map((pair) => pair.join(': '))
            const asked = { from }
            expect(await outcome([line(mtls), ...fields], asked)).toBe(expected.bound)
            expect(await outcome(fields, { ...asked, token: await mint() })).toBe(expected.unbound)
            expect(await outcome(fields, { ...asked, token: false })).toBe(expected.none)
            expect(await outcome(fields, { ...asked, path: '/nowhere' })).toBe(expected.elsewhere)
            const seen = await reached(fields, { ...asked, path: '/open', token: false })
            expect(linesOf(seen, 'x-forwarded-proto')).toEqual(['https'])
            expect(linesOf(seen, 'x-forwarded-host')).toEqual([HOST])
            expect(
              seen.filter((_, i) => i % 2 === 0 && /envoy|original|rewrite|_/i.test(seen[i]!)),
            ).toEqual([])
          },
        ),
        { numRuns: 25 },
      )
    },
  )
})
