import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Authority, type Credential, createAuthority } from '../../src/demo/certificates.ts'
import {
  askOnce,
  type Holder,
  openHolder,
  reload,
  sessionOf,
} from '../support/certificate-holder.ts'
import { sumOf } from '../support/exposition.ts'
import { type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { type PlainServer, startPlainServer } from '../support/plain-server.ts'

const REVOKED = '401 tls_client_cert_revoked'
const UNAVAILABLE = '503 revocation_unavailable'
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
const MINUTE = 60_000

let fixture: Fixture
let mint: Mint
let server: PlainServer
let gateway: TestGateway
let intermediate: Authority & Credential
/** Both of one key: making one takes a tenth of a second. */
let honest: Credential
let revoked: Credential
let below: Credential
const holders: Holder[] = []

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  mint = createMint(signing, fixture.as.issuer)
  server = await startPlainServer(() => 404)
  const { authority, certificates, folder } = fixture
  const { keys } = certificates.mtls
  honest = certificates.mtls
  revoked = await authority.issueClient({ commonName: 'revoked', keys })
  intermediate = await authority.issueAuthority({ name: 'intermediate' })
  const issued = await intermediate.issueClient({ commonName: 'below', keys })
  below = { ...issued, certificate: `${issued.certificate}${intermediate.certificate}` }
  await writeFile(join(folder, 'all.pem'), `${authority.certificate}${intermediate.certificate}`)
})
afterEach(async () => {
  for (const holder of holders.splice(0)) holder.close()
  await gateway.close()
})
afterAll(async () => {
  await fixture.close()
  await server.close()
})

const text = (revocation: string, more = '') => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: { ca: all.pem, revocation: ${revocation} }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
${more}`

type List = Parameters<Authority['issueRevocationList']>[0]

async function writeList(file: string, list: List, authority = fixture.authority): Promise<void> {
  const issued = await authority.issueRevocationList(list)
  await writeFile(join(fixture.folder, file), issued)
}

const ended = () => ({
  thisUpdate: new Date(Date.now() - 2 * MINUTE),
  nextUpdate: new Date(Date.now() - MINUTE),
})

async function hold(credential: Credential, options = {}): Promise<Holder> {
  const holder = await openHolder(fixture, gateway, mint, credential, options)
  holders.push(holder)
  return holder
}
const ask = (credential: Credential) => askOnce(fixture, gateway, mint, credential)

describe('a list in a file [MTLS-8, TLS-16, M04, RT-14]', () => {
  test('is in force from the start', async () => {
    await writeList('start.crl', { revoked: [revoked] })
    gateway = await fixture.gateway(text('{ crl: [start.crl] }'))
    const before = fixture.reached.length
    expect(await ask(honest)).toBe('200')
    expect(await ask(revoked)).toBe(REVOKED)
    expect(fixture.reached.length - before).toBe(1)
    const metrics = await gateway.metrics()
    const checks = (result: string) =>
      sumOf(metrics, 'fapigw_revocation_checks_total', { method: 'crl', result })
    expect([checks('good'), checks('revoked')]).toEqual([1, 1])
    expect(metrics).toContain('fapigw_crl_entries{ca="CN=test CA"} 1\n')
    expect(metrics).toMatch(/fapigw_crl_next_update_timestamp_seconds\{ca="CN=test CA"\} \d{10}/)
    expect(metrics).toMatch(/fapigw_crl_last_success_timestamp_seconds\{ca="CN=test CA"\} \d{10}/)
  })

  test('that was reloaded ends what is kept alive', async () => {
    await writeList('reloaded.crl', { revoked: [] })
    gateway = await fixture.gateway(text('{ crl: [reloaded.crl] }'))
    const [kept, other] = [await hold(revoked), await hold(honest)]
    expect(await kept.ask()).toBe('200')
    expect(await other.ask()).toBe('200')
    await writeList('reloaded.crl', { revoked: [revoked] })
    expect(await reload(fixture, gateway, text('{ crl: [reloaded.crl] }'))).toBeUndefined()
    expect(await kept.ask()).toBe(REVOKED)
    expect(await other.ask()).toBe('200')
  })

  test.each(VERSIONS)(
    'is read again while the gateway runs, and ends what is kept alive and what %s resumes [M05]',
    async (maxVersion) => {
      await writeList('read.crl', { revoked: [] })
      gateway = await fixture.gateway(text('{ crl: [read.crl], refresh: 1s }'))
      const session = await sessionOf(fixture, gateway, revoked, maxVersion)
      const kept = await hold(revoked, { maxVersion })
      expect(await kept.ask()).toBe('200')
      await writeList('read.crl', { revoked: [revoked] })
      await expect.poll(() => kept.ask(), { timeout: 20_000, interval: 100 }).toBe(REVOKED)
      const resumed = await hold(revoked, { session, maxVersion })
      expect(resumed.raw.socket.isSessionReused()).toBe(true)
      expect(await resumed.ask()).toBe(REVOKED)
    },
  )

  test('that an older one replaces stays in force', async () => {
    await writeList('older.crl', { revoked: [revoked] })
    gateway = await fixture.gateway(text('{ crl: [older.crl] }'))
    await writeList('older.crl', { revoked: [], thisUpdate: new Date(Date.now() - 5 * MINUTE) })
    await reload(fixture, gateway, text('{ crl: [older.crl] }'))
    expect(await ask(revoked)).toBe(REVOKED)
    expect(gateway.lines.join('')).toContain('"cause":"older"')
  })

  test('that cannot be read replaces none', async () => {
    await writeList('broken.crl', { revoked: [revoked] })
    gateway = await fixture.gateway(text('{ crl: [broken.crl] }'))
    await writeFile(join(fixture.folder, 'broken.crl'), '<html>')
    await reload(fixture, gateway, text('{ crl: [broken.crl] }'))
    expect(await ask(revoked)).toBe(REVOKED)
    expect(await ask(honest)).toBe('200')
  })
})

describe('a list that has ended, or that is not there [MTLS-8, TLS-16]', () => {
  const ready = async () => (await fetch(`${gateway.adminUrl}/readyz`)).status

  test('says nothing: 503, and not ready', async () => {
    await writeList('ended.crl', { revoked: [], ...ended() })
    gateway = await fixture.gateway(text('{ crl: [ended.crl] }'))
    expect(await ask(honest)).toBe(UNAVAILABLE)
    expect(await ready()).toBe(503)
    await writeList('ended.crl', { revoked: [] })
    await expect.poll(ready, { timeout: 20_000, interval: 100 }).toBe(200)
    expect(await ask(honest)).toBe('200')
  })

  test('that ends while it is in force says nothing from then on', async () => {
    await writeList('ends.crl', { revoked: [], nextUpdate: new Date(Date.now() + 4000) })
    gateway = await fixture.gateway(text('{ crl: [ends.crl] }'))
    const kept = await hold(honest)
    expect(await kept.ask()).toBe('200')
    await expect.poll(() => kept.ask(), { timeout: 20_000, interval: 200 }).toBe(UNAVAILABLE)
    expect(await ready()).toBe(200)
  })

  test('may be gone without where the policy says so', async () => {
    await writeList('gone.crl', { revoked: [], ...ended() })
    gateway = await fixture.gateway(
      text(
        '{ crl: [gone.crl] }',
        'defaults: { client_certificate: { revocation_known: false } }\n',
      ).replace('fapi2-security', 'custom'),
    )
    expect(await ask(honest)).toBe('200')
  })

  test('is no list of another authority, of the same name', async () => {
    const twin = await createAuthority({ name: 'test CA' })
    await writeList('twin.crl', { revoked: [] }, twin)
    gateway = await fixture.gateway(text('{ crl: [twin.crl] }'))
    expect(await ask(honest)).toBe(UNAVAILABLE)
    expect(gateway.lines.join('')).toContain('"cause":"signature"')
  })

  test('keeps a reload from taking place that would need it', async () => {
    await writeList('first.crl', { revoked: [] })
    await writeList('second.crl', { revoked: [], ...ended() })
    gateway = await fixture.gateway(text('{ crl: [first.crl] }'))
    const obstacle = await reload(fixture, gateway, text('{ crl: [second.crl] }'))
    expect(obstacle).toMatch(/^the revocation list .*second\.crl cannot be taken$/)
    expect(await ask(honest)).toBe('200')
  })
})

describe('a list at a URL [MTLS-8]', () => {
  const url = () => `${server.origin}/ca.crl`

  test('is fetched again, and what it had stays while it is out of reach', async () => {
    let list: string | number = await fixture.authority.issueRevocationList({ revoked: [] })
    server.answer = () => list
    gateway = await fixture.gateway(text(`{ crl: ["${url()}"], refresh: 1s }`))
    const kept = await hold(revoked)
    expect(await kept.ask()).toBe('200')

    list = 500
    const before = server.requests.length
    await expect.poll(() => server.requests.length, { timeout: 20_000 }).toBeGreaterThan(before + 1)
    expect(await kept.ask()).toBe('200')
    list = await fixture.authority.issueRevocationList({ revoked: [revoked] })
    await expect.poll(() => kept.ask(), { timeout: 20_000, interval: 100 }).toBe(REVOKED)
    expect(
      server.requests.every(({ method, path }) => method === 'GET' && path === '/ca.crl'),
    ).toBe(true)
  })

  test('that redirects is not followed', async () => {
    server.answer = () => 302
    gateway = await fixture.gateway(text(`{ crl: ["${url()}"] }`))
    expect(await ask(honest)).toBe(UNAVAILABLE)
  })
})

describe('an authority in between', () => {
  test('is one whose list is asked for its certificates', async () => {
    await writeList('root.crl', { revoked: [] })
    gateway = await fixture.gateway(text('{ crl: [root.crl] }'))
    expect(await ask(honest)).toBe('200')
    expect(await ask(below)).toBe(UNAVAILABLE)
    await gateway.close()

    await writeList('between.crl', { revoked: [] }, intermediate)
    gateway = await fixture.gateway(text('{ crl: [root.crl, between.crl] }'))
    expect(await ask(below)).toBe('200')
    await gateway.close()

    await writeList('between.crl', { revoked: [below] }, intermediate)
    gateway = await fixture.gateway(text('{ crl: [root.crl, between.crl] }'))
    expect(await ask(below)).toBe(REVOKED)
  })

  test('that was revoked itself takes with it what it issued', async () => {
    await writeList('root.crl', { revoked: [intermediate] })
    await writeList('between.crl', { revoked: [] }, intermediate)
    gateway = await fixture.gateway(text('{ crl: [between.crl, root.crl] }'))
    expect(await ask(below)).toBe(REVOKED)
    expect(await ask(honest)).toBe('200')
  })

  test('has to be in ca, or nobody can say whose list it is', async () => {
    await writeList('root.crl', { revoked: [] })
    await writeList('between.crl', { revoked: [] }, intermediate)
    gateway = await fixture.gateway(
      text('{ crl: [root.crl] }').replace('ca: all.pem', 'ca: ca.pem'),
    )
    expect(await ask(below)).toBe(UNAVAILABLE)
    expect(gateway.lines.join('')).toContain('an authority of its chain is not in ca')
  })

  test.each(VERSIONS)(
    'that only the client showed is known no better when %s resumes',
    async (maxVersion) => {
      await writeList('root.crl', { revoked: [intermediate] })
      await writeList('between.crl', { revoked: [] }, intermediate)
      gateway = await fixture.gateway(
        text('{ crl: [root.crl, between.crl] }').replace('ca: all.pem', 'ca: ca.pem'),
      )
      const session = await sessionOf(fixture, gateway, below, maxVersion)
      const resumed = await hold(below, { session, maxVersion })
      expect(resumed.raw.socket.isSessionReused()).toBe(true)
      expect(await resumed.ask()).toBe(UNAVAILABLE)
      expect(await ask(below)).toBe(UNAVAILABLE)
    },
  )

  test('needs a list of its own issuer, and it is said which is missing', async () => {
    await writeList('between.crl', { revoked: [] }, intermediate)
    gateway = await fixture.gateway(text('{ crl: [between.crl] }'))
    expect([await ask(below), await ask(below)]).toEqual([UNAVAILABLE, UNAVAILABLE])
    const missing = gateway.lines.filter((line) => line.includes('no list of it is in force'))
    expect(missing).toHaveLength(1)
    expect(missing[0]).toContain('"ca":"CN=test CA"')
  })
})
