import { KeyObject } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Credential, createAuthority, generateKeys } from '../../src/demo/certificates.ts'
import { parseAuthorities } from '../../src/x509/authority.ts'
import { askOnce, type Holder, openHolder } from '../support/certificate-holder.ts'
import {
  GOOD,
  implicit,
  oid,
  revokedAt,
  sequence,
  UNKNOWN,
  writeAnswer,
} from '../support/der-writing.ts'
import { sumOf } from '../support/exposition.ts'
import { type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { createResponder, hasOpenSsl } from '../support/openssl-responder.ts'
import { type PlainServer, startPlainServer } from '../support/plain-server.ts'
import { extensionOf } from '../support/public-key-infrastructure.ts'

const REVOKED = '401 tls_client_cert_revoked'
const UNKNOWN_TO_IT = '401 tls_client_cert_unknown'
const UNAVAILABLE = '503 revocation_unavailable'

let fixture: Fixture
let mint: Mint
let server: PlainServer
let gateway: TestGateway
let authority: Awaited<ReturnType<typeof createAuthority>>
let key: KeyObject
/** It names the responder of the test, and another one before. */
let client: Credential
/** It names no responder. */
let plain: Credential
let responder: Credential
const holders: Holder[] = []

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  mint = createMint(signing, fixture.as.issuer)
  server = await startPlainServer(() => 404)
  const keys = await generateKeys()
  authority = await createAuthority({ name: 'clients CA', keys })
  key = KeyObject.from(keys.privateKey)
  await writeFile(join(fixture.folder, 'clients.pem'), authority.certificate)
  const access = (uri: string) => sequence(oid('1.3.6.1.5.5.7.48.1'), implicit(6, uri))
  const { keys: shared } = fixture.certificates.mtls
  const uris = ['http://169.254.169.254/latest', `${server.origin}/ocsp`].map(access)
  client = await authority.issueClient({
    commonName: 'client',
    keys: shared,
    extensions: [extensionOf('1.3.6.1.5.5.7.1.1', sequence(...uris))],
  })
  plain = await authority.issueClient({ commonName: 'plain', keys: shared })
  responder = await authority.issueClient({
    commonName: 'responder',
    keys: shared,
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.9'],
  })
})
afterEach(async () => {
  for (const holder of holders.splice(0)) holder.close()
  await gateway.close()
})
afterAll(async () => {
  await fixture.close()
  await server.close()
})

async function start(revocation: string, ca = 'clients.pem'): Promise<void> {
  gateway = await fixture.gateway(`version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: { ca: ${ca}, revocation: ${revocation} }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
}

const byHost = () => `{ ocsp: { hosts: ["${server.host}"] } }`
const byResponder = () => `{ ocsp: { responder: "${server.origin}/fixed" } }`
const ask = (credential: Credential) => askOnce(fixture, gateway, mint, credential)
const checks = async (result: string) =>
  sumOf(await gateway.metrics(), 'fapigw_revocation_checks_total', { method: 'ocsp', result })

/** A good answer of the authority about `client`, changed where told. */
function write(changed: Partial<Parameters<typeof writeAnswer>[0]> = {}): Buffer {
  const now = Math.floor(Date.now() / 1000)
  const [issuer] = parseAuthorities(authority.certificate)
  const { serialNumber } = client
  const times = { thisUpdate: now - 60, nextUpdate: now + 600 }
  return writeAnswer({ issuer: issuer!.facts, serialNumber, key, ...times, ...changed })
}

describe.skipIf(!hasOpenSsl())('the responder of OpenSSL (needs openssl) [MTLS-8, TLS-16]', () => {
  test('says good, revoked and unknown, as a delegate of the authority', async () => {
    const real = createResponder(fixture.folder, authority.certificate, responder)
    server.answer = ({ body }) => real.answer(body)
    real.know([client], [plain])
    await start(byResponder())
    const before = fixture.reached.length
    expect(await ask(client)).toBe('200')
    expect(await ask(plain)).toBe(REVOKED)
    const stranger = await authority.issueClient({
      commonName: 'stranger',
      keys: fixture.certificates.mtls.keys,
    })
    expect(await ask(stranger)).toBe(UNKNOWN_TO_IT)
    expect(fixture.reached.length - before).toBe(1)
    expect(server.requests.at(-1)).toMatchObject({ method: 'POST', path: '/fixed' })
  })
})

describe('an answer [MTLS-8]', () => {
  test('is remembered, for all connections, and asked for once', async () => {
    let finish = () => {}
    const asked = new Promise<void>((resolve) => {
      finish = resolve
    })
    server.answer = () => {
      finish()
      return write()
    }
    await start(byHost())
    const before = server.requests.length
    expect(await Promise.all([ask(client), ask(client), ask(client)])).toEqual([
      '200',
      '200',
      '200',
    ])
    await asked
    expect(await ask(client)).toBe('200')
    expect(server.requests.length - before).toBe(1)
    expect(await checks('cached')).toBeGreaterThanOrEqual(1)
  })

  test('that it is revoked is remembered too', async () => {
    server.answer = () => write({ status: revokedAt(1_700_000_000) })
    await start(byHost())
    const before = server.requests.length
    expect([await ask(client), await ask(client)]).toEqual([REVOKED, REVOKED])
    expect(server.requests.length - before).toBe(1)
  })

  test('ends when it says, on a connection that is kept alive too', async () => {
    const now = Math.floor(Date.now() / 1000)
    server.answer = () => write({ nextUpdate: now + 3 })
    await start(byHost())
    const kept = await openHolder(fixture, gateway, mint, client)
    holders.push(kept)
    expect(await kept.ask()).toBe('200')
    server.answer = () => write({ status: revokedAt(now) })
    await expect.poll(() => kept.ask(), { timeout: 20_000, interval: 200 }).toBe(REVOKED)
  })

  test.each<[string, () => Buffer | string | number]>([
    ['that has ended', () => write({ thisUpdate: 1_700_000_000, nextUpdate: 1_700_000_001 })],
    ['about another certificate', () => write({ serialNumber: plain.serialNumber })],
    ['of somebody else', () => write({ key: KeyObject.from(client.keys.privateKey) })],
    ['that is none', () => '<html>'],
    ['that is an error', () => 500],
    ['that is larger than any', () => Buffer.concat([write(), Buffer.alloc(70_000)])],
  ])('%s is none, and for some seconds nobody is asked again: 503', async (_, answer) => {
    server.answer = answer
    await start(byHost())
    const before = server.requests.length
    expect([await ask(client), await ask(client)]).toEqual([UNAVAILABLE, UNAVAILABLE])
    expect(server.requests.length - before).toBe(1)
    expect(await checks('unavailable')).toBe(1)
  })

  test('that does not come is waited for two seconds, and no longer: 503', async () => {
    server.answer = () => undefined
    await start(byHost())
    expect(await ask(client)).toBe(UNAVAILABLE)
  })

  test('of nobody: 503', async () => {
    const gone = await startPlainServer(() => 404)
    await gone.close()
    await start(`{ ocsp: { responder: "${gone.origin}" } }`)
    expect(await ask(client)).toBe(UNAVAILABLE)
  })
})

describe('RFC 5280 §6.1.3 (a)(3): an authority in between [MTLS-8]', () => {
  let between: Awaited<ReturnType<typeof authority.issueAuthority>>
  let below: Credential

  beforeAll(async () => {
    const uri = sequence(oid('1.3.6.1.5.5.7.48.1'), implicit(6, `${server.origin}/ocsp`))
    const extensions = [extensionOf('1.3.6.1.5.5.7.1.1', sequence(uri))]
    between = await authority.issueAuthority({ name: 'between', extensions })
    const { keys } = fixture.certificates.mtls
    const issued = await between.issueClient({ commonName: 'below', keys, extensions })
    below = { ...issued, certificate: `${issued.certificate}${between.certificate}` }
    const all = `${authority.certificate}${between.certificate}`
    await writeFile(join(fixture.folder, 'both.pem'), all)
  })

  /** What is said of it, and that its client is good. */
  const say = (status: Buffer | undefined) => {
    server.answer = ({ body }) => {
      if (!body.includes(Buffer.from(below.serialNumber, 'hex'))) {
        const { serialNumber } = between
        return status === undefined ? 500 : write({ serialNumber, status })
      }
      const [issuer] = parseAuthorities(between.certificate)
      const { serialNumber } = below
      const signing = KeyObject.from(between.keys.privateKey)
      return write({ issuer: issuer!.facts, serialNumber, key: signing })
    }
  }

  test.each<[string, Buffer | undefined, string]>([
    ['is asked about', GOOD, '200'],
    ['that was revoked takes with it what it issued', revokedAt(1_700_000_000), REVOKED],
    ['of which its responder knows nothing', UNKNOWN, UNKNOWN_TO_IT],
    ['of which nobody says anything', undefined, UNAVAILABLE],
  ])('%s', async (_, status, outcome) => {
    say(status)
    await start(byHost(), 'both.pem')
    const before = server.requests.length
    expect([await ask(below), await ask(below)]).toEqual([outcome, outcome])
    expect(server.requests.length - before).toBe(2)
  })
})

describe('whom to ask', () => {
  test('a certificate may say for hosts that are configured, and for no others', async () => {
    server.answer = () => write({ status: UNKNOWN })
    await start(byHost())
    const before = server.requests.length
    expect(await ask(client)).toBe(UNKNOWN_TO_IT)
    expect(server.requests.slice(before).map(({ path }) => path)).toEqual(['/ocsp'])
    await gateway.close()

    const [name] = server.host.split(':')
    await start(`{ ocsp: { hosts: [${name}, ocsp.bank.example] } }`)
    expect(await ask(client)).toBe(UNAVAILABLE)
    expect(await ask(plain)).toBe(UNAVAILABLE)
    expect(server.requests.length - before).toBe(1)
    expect(gateway.lines.join('')).toContain('names no responder that may be asked')
  })

  test('a certificate of no chain has nobody asked', async () => {
    await start(byResponder())
    const before = server.requests.length
    expect(await ask(fixture.certificates.mtls)).toBe('401 tls_client_cert_untrusted')
    expect(server.requests.length - before).toBe(0)
  })

  test('lists go before: a responder is asked where no list can say', async () => {
    const list = (revoked: Credential[], more = {}) =>
      authority
        .issueRevocationList({ revoked, ...more })
        .then((issued) => writeFile(join(fixture.folder, 'clients.crl'), issued))
    const both = `{ crl: [clients.crl], ocsp: { hosts: ["${server.host}"] } }`
    server.answer = () => write()
    const before = server.requests.length
    await list([client])
    await start(both)
    expect(await ask(client)).toBe(REVOKED)
    expect(server.requests.length - before).toBe(0)
    await gateway.close()

    const old = (minutes: number) => new Date(Date.now() - minutes * 60_000)
    await list([client], { thisUpdate: old(2), nextUpdate: old(1) })
    await start(both)
    expect(await ask(client)).toBe('200')
    expect(server.requests.length - before).toBe(1)
  })
})
