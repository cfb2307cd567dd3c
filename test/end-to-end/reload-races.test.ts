import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadFromDisk } from '../../src/adapter/files.ts'
import type { Configuration } from '../../src/config/configuration.ts'
import { createCaller } from '../support/caller.ts'
import { type FaultyUpstream, OK, startFaultyUpstream } from '../support/faulty-upstream.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { type Stub, type StubAnswer, startStub } from '../support/stub.ts'
import { probe } from '../support/tls-probe.ts'

let fixture: Fixture
let upstream: FaultyUpstream
/** In the place of an issuer; what it says is held back until a test says it. */
let stub: Stub
let mint: Mint
let gateway: TestGateway
let asked: Promise<void>
let answer: (said: StubAnswer) => void

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  upstream = await startFaultyUpstream()
  fixture = await startFixture({ jwks: signing })
  const cnf = { 'x5t#S256': fixture.certificates.mtls.thumbprint }
  const bare = createMint(signing, fixture.as.issuer)
  mint = (claims) => bare({ cnf, ...claims })
})
beforeEach(async () => {
  upstream.answer = ({ socket }) => void socket.write(OK)
  const held = Promise.withResolvers<StubAnswer>()
  answer = held.resolve
  const first = Promise.withResolvers<void>()
  asked = first.promise
  // One for each test: what the gateway of another has still to ask does not come here.
  stub = await startStub(fixture, () => {
    first.resolve()
    return held.promise
  })
  gateway = await fixture.gateway(yaml())
})
afterEach(async () => {
  answer({ status: 503 })
  await gateway.close()
  await stub.close()
})
afterAll(async () => {
  await fixture.close()
  await upstream.close()
})

interface Parts {
  readonly scope?: string
  readonly bank?: string
  readonly issuers?: string
  readonly upstream?: string
  readonly routes?: string
}

const BANK = '{ issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }'

function yaml({ scope = 'accounts', bank = BANK, issuers = '', ...more }: Parts = {}): string {
  return `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: ${bank}
${issuers}
defaults: { scopes: [accounts] }
routes:
  - { id: accounts, match: GET /accounts, issuers: [bank], scopes: [${scope}], upstream: "${more.upstream ?? upstream.url}" }
${more.routes ?? ''}
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`
}

async function read(text: string): Promise<Configuration> {
  const file = join(fixture.folder, 'next.yaml')
  const { issuer } = fixture.as
  await writeFile(file, text.replaceAll('$ISSUER', issuer).replaceAll('$HOST', HOST))
  const loaded = loadFromDisk(file)
  if (loaded.configuration === undefined) throw new Error(loaded.text)
  return loaded.configuration
}

const reload = async (parts: Parts) => gateway.running.reload(await read(yaml(parts)))

async function ask(token?: string, path = '/accounts'): Promise<number> {
  const caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  const fields = ['Authorization', `Bearer ${token ?? (await mint())}`]
  const { status } = await caller.send({ path, fields })
  caller.close()
  return status
}

/** An issuer whose keys the stub does not give. */
const hanging = (id: string) =>
  `  ${id}: { issuer: "${stub.origin}", audience: https://$HOST, ca: ca.pem, jwks_uri: "${stub.origin}/${id}" }`

describe('reloads that come while another is under way', () => {
  test('the one that came last is in force in the end', async () => {
    expect(await ask()).toBe(200)
    const next = await read(yaml({ scope: 'payments' }))
    const first = reload({ issuers: hanging('added') })
    await asked
    const second = gateway.running.reload(next)
    answer({ status: 503 })
    expect(await Promise.all([first, second])).toEqual([undefined, undefined])
    expect(await ask()).toBe(403)
    expect(await ask(await mint({ scope: 'accounts payments' }))).toBe(200)
  })

  test('from its end on no request passes by what was before it', async () => {
    const next = await read(yaml({ scope: 'payments' }))
    const first = reload({ issuers: hanging('added') })
    await asked
    const statuses: number[] = []
    const second = gateway.running.reload(next).then(async () => {
      for (let i = 0; i < 4; i++) statuses.push(await ask())
      // Whatever the first one waited for is over by now.
      await first
      statuses.push(await ask())
    })
    answer({ status: 503 })
    await second
    expect(statuses).toEqual([403, 403, 403, 403, 403])
  })

  test('are made even if the one before them fails', async () => {
    const broken = { ...(await read(yaml())), upstreams: undefined } as unknown as Configuration
    const [first, second] = [gateway.running.reload(broken), reload({ scope: 'payments' })]
    await expect(first).rejects.toThrow()
    expect(await second).toBeUndefined()
    expect(await ask()).toBe(403)
  })

  test('are not made once the gateway stops', async () => {
    const first = reload({ issuers: hanging('added') })
    await asked
    const next = await read(yaml({ scope: 'payments' }))
    const second = gateway.running.reload(next)
    const closed = gateway.close()
    answer({ status: 503 })
    await first
    expect(await second).toBe('the gateway is stopping')
    await closed
  })
})

describe('RFC 7517 §5: a reload that changes an issuer', () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const encrypting = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'other', use: 'enc' }
  const moved = () =>
    `{ issuer: $ISSUER, audience: https://$HOST, ca: ca.pem, jwks_uri: "${stub.origin}/jwks" }`

  test.each<[string, StubAnswer]>([
    ['keys cannot be fetched', { status: 503 }],
    ['key set has no key', { body: { keys: [] } }],
    ['key set has no key for signatures', { body: { keys: [encrypting] } }],
  ])('whose %s is refused, and the keys in force serve on', async (_, said) => {
    answer(said)
    expect(await reload({ bank: moved(), scope: 'payments' })).toBe(
      'no key of issuer bank can be had, and those in force can be used',
    )
    expect([await ask(), gateway.running.isReady()]).toEqual([200, true])
  })

  test('keeps the former keys in force for as long as it takes', async () => {
    const reloaded = reload({ bank: moved() })
    await asked
    expect([await ask(), gateway.running.isReady()]).toEqual([200, true])
    answer({ body: { keys: [{ ...encrypting, use: 'sig' }] } })
    expect(await reloaded).toBeUndefined()
    expect(await ask()).toBe(401)
  })

  test('that adds one which cannot be reached is made: it takes nothing away', async () => {
    answer({ status: 503 })
    expect(await reload({ issuers: hanging('added') })).toBeUndefined()
    expect([await ask(), gateway.running.isReady()]).toEqual([200, false])
  })
})

describe('a request that waits during a reload is answered', () => {
  test('by an issuer that is not there any more', async () => {
    const issuers = `  opaque:
    issuer: "${stub.origin}"
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: "${stub.origin}/introspect"
      auth: { method: client_secret_post, client_id: gateway, client_secret: "a secret of 32 letters or more ..." }
      timeout: 30s`
    const routes = `  - { id: opaque, match: GET /opaque, issuers: [opaque], upstream: "${upstream.url}" }`
    expect(await reload({ issuers, routes })).toBeUndefined()
    const waiting = ask('opaque-token', '/opaque')
    await asked
    expect(await reload({})).toBeUndefined()
    const cnf = { 'x5t#S256': fixture.certificates.mtls.thumbprint }
    answer({ body: { active: true, aud: `https://${HOST}`, scope: 'accounts', cnf } })
    expect(await waiting).toBe(200)
    expect(await ask('opaque-token', '/opaque')).toBe(404)
  })

  test('by an upstream that is not there any more', async () => {
    let finish = () => {}
    upstream.answer = ({ socket }) => {
      finish = () => void socket.write(OK)
    }
    const arrival = upstream.nextRequest()
    const waiting = ask()
    await arrival
    expect(await reload({ upstream: 'http://127.0.0.1:1' })).toBeUndefined()
    expect(await ask()).toBe(503)
    finish()
    expect(await waiting).toBe(200)
  })
})

test('a certificate that cannot be used, of one listener: none has changed', async () => {
  const listeners = (one: string, two: string) =>
    yaml().replace(
      /listen:[\s\S]*client_ca: ca.pem\n/,
      `listeners:
  one: { address: 127.0.0.1:0, public_urls: [https://$HOST], tls: { certificates: [{ cert: ${one}.crt, key: ${one}.key }] }, client_certificate: { verify: optional, ca: ca.pem } }
  two: { address: 127.0.0.1:0, public_urls: [https://$HOST], tls: { certificates: [{ cert: ${two}.crt, key: ${two}.key }] }, client_certificate: { verify: optional, ca: ca.pem } }
`,
    )
  const { certificate, key } = await fixture.authority.issueServer({
    dnsNames: ['new.bank.example', HOST],
  })
  // The chain behind it is cut off: that is seen by whoever loads it.
  const files = { 'new.crt': certificate, 'new.key': key, 'cut.key': key }
  const cut = `${certificate}\n-----BEGIN CERTIFICATE-----\nMIIB\n`
  for (const [name, text] of Object.entries({ ...files, 'cut.crt': cut })) {
    await writeFile(join(fixture.folder, name), text)
  }
  await gateway.close()
  gateway = await fixture.gateway(listeners('server', 'server'))
  const next = await read(listeners('new', 'cut'))
  await expect(gateway.running.reload(next)).rejects.toThrow()
  expect(await probe(fixture, gateway)).toMatchObject({ subject: `CN=${HOST}` })
  expect(await ask()).toBe(200)
  expect(await gateway.running.reload(await read(listeners('new', 'server')))).toBeUndefined()
  expect(await probe(fixture, gateway)).toMatchObject({ subject: 'CN=new.bank.example' })
})
