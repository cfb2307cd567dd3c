import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Authority,
  type Credential,
  createAuthority,
  createSelfSigned,
} from '../../src/demo/certificates.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket, type RawSocket } from '../support/raw-socket.ts'

const MODES = {
  off: '{ verify: off }',
  request: '{ verify: request }',
  optional: '{ ca: ca.pem }',
  required: '{ verify: required, ca: ca.pem }',
} as const
type Mode = keyof typeof MODES

const MINUTE = 60_000
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

let fixture: Fixture
let mint: Mint
let other: Authority
const gateways: Partial<Record<Mode, TestGateway>> = {}
const holders: Record<string, Credential> = {}

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  mint = createMint(signing, fixture.as.issuer)
  other = await createAuthority({ name: 'other CA' })
  const { authority, certificates } = fixture
  const { keys } = certificates.mtls
  const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE)
  const commonName = 'holder'
  Object.assign(holders, {
    trusted: certificates.mtls,
    foreign: await other.issueClient({ commonName, keys }),
    'self-signed': await createSelfSigned({ commonName, keys }),
    'self-signed and expired': await createSelfSigned({
      commonName,
      keys,
      notBefore: ago(20),
      notAfter: ago(10),
    }),
    expired: await authority.issueClient({
      commonName,
      keys,
      notBefore: ago(20),
      notAfter: ago(10),
    }),
    early: await authority.issueClient({ commonName, keys, notBefore: ago(-10) }),
    'for servers': await authority.issueClient({
      commonName,
      keys,
      extendedKeyUsage: [SERVER_AUTH],
    }),
    'for anything': await authority.issueClient({ commonName, keys, extendedKeyUsage: [] }),
  })
  for (const mode of Object.keys(MODES) as Mode[]) {
    gateways[mode] = await fixture.gateway(`version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: ${MODES[mode]}
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
  - { id: open, match: /open, public: true, upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
  }
})
afterAll(() => fixture.close())

function credentialOptions(credential: Credential | undefined): ConnectionOptions {
  return credential === undefined ? {} : { cert: credential.certificate, key: credential.key }
}

/** Asks for accounts with a token that is bound to this thumbprint: the status, and why. */
async function ask(raw: RawSocket, gateway: TestGateway, thumbprint: string): Promise<string> {
  const token = await mint({ cnf: { 'x5t#S256': thumbprint } })
  raw.write(get('/accounts', [`Authorization: Bearer ${token}`]))
  const answer = await raw.response()
  const [id = ''] = answer.lines('x-fapi-interaction-id')
  const { reason } = await gateway.accessLine(id)
  return reason === undefined ? String(answer.status) : `${answer.status} ${reason}`
}

/** What a holder with a token bound to its own certificate gets; `closed` if that is no HTTP answer. */
async function outcomeOf(mode: Mode, holder: string, options = {}): Promise<string> {
  const gateway = gateways[mode]!
  const credential = holders[holder]
  try {
    const raw = await openSocket(fixture, gateway, { ...credentialOptions(credential), ...options })
    const bound = credential ?? fixture.certificates.mtls
    const outcome = await ask(raw, gateway, bound.thumbprint)
    raw.socket.destroy()
    return outcome
  } catch {
    return 'closed'
  }
}

describe.each(['TLSv1.3', 'TLSv1.2'] as const)('%s', (maxVersion) => {
  const options = { maxVersion }

  test.each<[Mode, string, string]>([
    ['off', 'trusted', '401 dpop_scheme_required'],
    ['off', 'none', '401 dpop_scheme_required'],
    ['request', 'trusted', '200'],
    ['request', 'foreign', '200'],
    ['request', 'self-signed', '200'],
    ['request', 'for servers', '200'],
    ['request', 'self-signed and expired', '401 tls_client_cert_expired'],
    ['request', 'early', '401 tls_client_cert_not_yet_valid'],
    ['request', 'none', '401 tls_client_cert_missing'],
    ['optional', 'trusted', '200'],
    ['optional', 'for anything', '200'],
    ['optional', 'foreign', '401 tls_client_cert_untrusted'],
    ['optional', 'self-signed', '401 tls_client_cert_untrusted'],
    ['optional', 'for servers', '401 tls_client_cert_eku'],
    ['optional', 'expired', '401 tls_client_cert_expired'],
    ['optional', 'early', '401 tls_client_cert_not_yet_valid'],
    ['optional', 'none', '401 tls_client_cert_missing'],
    ['required', 'trusted', '200'],
    ['required', 'for anything', '200'],
    ['required', 'foreign', 'closed'],
    ['required', 'self-signed', 'closed'],
    ['required', 'for servers', 'closed'],
    ['required', 'expired', 'closed'],
    ['required', 'early', 'closed'],
    ['required', 'none', 'closed'],
  ])('verify: %s, certificate: %s: %s', async (mode, holder, expected) => {
    const before = fixture.reached.length
    expect(await outcomeOf(mode, holder, options)).toBe(expected)
    expect(fixture.reached.length - before).toBe(expected === '200' ? 1 : 0)
  })
})

describe('RFC 8705 §3: the binding is to the certificate of the connection', () => {
  test('another one of the same key, subject and authority does not do [MTLS-1, MTLS-10, M02]', async () => {
    const { mtls } = fixture.certificates
    const twin = await fixture.authority.issueClient({ commonName: 'mtls', keys: mtls.keys })
    const gateway = gateways.optional!
    const raw = await openSocket(fixture, gateway, credentialOptions(twin))
    expect(await ask(raw, gateway, mtls.thumbprint)).toBe('401 cnf_x5t_mismatch')
    raw.socket.destroy()
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a session that is resumed with %s is that of its first handshake, whatever is shown then [M05]',
    async (maxVersion) => {
      const { mtls, stranger } = fixture.certificates
      const gateway = gateways.optional!
      const session = await sessionOf(gateway, mtls, maxVersion)
      const options = { ...credentialOptions(stranger), session, maxVersion }
      const raw = await openSocket(fixture, gateway, options)
      expect(raw.socket.isSessionReused()).toBe(true)
      expect(await ask(raw, gateway, mtls.thumbprint)).toBe('200')
      expect(await ask(raw, gateway, stranger.thumbprint)).toBe('401 cnf_x5t_mismatch')
      raw.socket.destroy()
    },
  )
})

test('a certificate that ends while its connection lives is refused from then on, resumed too [MTLS-9, M06]', async () => {
  const gateway = gateways.optional!
  const brief = await fixture.authority.issueClient({
    commonName: 'brief',
    keys: fixture.certificates.mtls.keys,
    notAfter: new Date(Date.now() + 5000),
  })
  const session = await sessionOf(gateway, brief, 'TLSv1.3')
  const raw = await openSocket(fixture, gateway, credentialOptions(brief))
  const refused = '401 tls_client_cert_expired'
  expect(await ask(raw, gateway, brief.thumbprint)).toBe('200')
  await expect
    .poll(() => ask(raw, gateway, brief.thumbprint), { timeout: 20_000, interval: 200 })
    .toBe(refused)
  raw.socket.destroy()

  const resumed = await openSocket(fixture, gateway, { session })
  expect(resumed.socket.isSessionReused()).toBe(true)
  expect(await ask(resumed, gateway, brief.thumbprint)).toBe(refused)
  resumed.socket.destroy()
})

describe('RFC 9325 §7.5: an authority that is no longer trusted', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'does not go on being trusted in sessions of %s that are resumed [TLS-19]',
    async (maxVersion) => {
      const text = (ca: string) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: { verify: required, ca: ${ca} }
routes:
  - { id: open, match: /accounts, public: true, upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`
      await writeFile(join(fixture.folder, 'other.pem'), other.certificate)
      const gateway = await fixture.gateway(text('ca.pem'))
      const next = await fixture.gateway(text('other.pem'))
      const { mtls } = fixture.certificates
      const statusOf = async (options: ConnectionOptions) => {
        const raw = await openSocket(fixture, gateway, { maxVersion, ...options })
        raw.write(get('/accounts', ['Connection: close']))
        return (await raw.rest()).map(({ status }) => status)
      }
      const session = await sessionOf(gateway, mtls, maxVersion)
      expect(await statusOf({ session })).toEqual([200])
      expect(await gateway.running.reload(next.configuration)).toBeUndefined()
      const refused = () => statusOf({ session, ...credentialOptions(mtls) })
      expect(await refused().catch(() => [])).toEqual([])
      expect(await statusOf(credentialOptions(holders['foreign']))).toEqual([200])
    },
  )
})

/** A session to resume, of a connection that was made with this certificate. */
async function sessionOf(
  { port }: TestGateway,
  credential: Credential,
  maxVersion: 'TLSv1.2' | 'TLSv1.3',
): Promise<Buffer> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: HOST,
    ca: fixture.authority.certificate,
    maxVersion,
    ...credentialOptions(credential),
  })
  const [session] = (await once(socket, 'session')) as [Buffer]
  socket.destroy()
  return session
}
