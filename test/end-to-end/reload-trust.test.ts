import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadFromDisk } from '../../src/adapter/files.ts'
import { type Credential, createAuthority } from '../../src/demo/certificates.ts'
import { type FaultyUpstream, OK, startFaultyUpstream } from '../support/faulty-upstream.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { get } from '../support/open-gateway.ts'
import { expectClosingRefusal, openSocket, type RawSocket } from '../support/raw-socket.ts'

let fixture: Fixture
let upstream: FaultyUpstream
let mint: Mint
let gateway: TestGateway
/** Certificates of two authorities; `ca.pem` is the first one's. */
let own: Credential
let foreign: Credential

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  upstream = await startFaultyUpstream()
  fixture = await startFixture({ jwks: signing })
  mint = createMint(signing, fixture.as.issuer)
  const other = await createAuthority({ name: 'other CA' })
  await writeFile(join(fixture.folder, 'other.pem'), other.certificate)
  own = fixture.certificates.mtls
  foreign = await other.issueClient({ commonName: 'foreign' })
})
beforeEach(() => {
  upstream.answer = ({ socket }) => void socket.write(OK)
})
afterEach(() => gateway.close())
afterAll(async () => {
  await fixture.close()
  await upstream.close()
})

const trusting = (policy: string, scope = 'accounts') => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: ${policy}
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts, scopes: [${scope}], upstream: "${upstream.url}" }
shutdown: { ready_off_for: 0s, drain: 2s }
`

async function reload(text: string): Promise<void> {
  const file = join(fixture.folder, 'next.yaml')
  const { issuer } = fixture.as
  await writeFile(file, text.replaceAll('$ISSUER', issuer).replaceAll('$HOST', HOST))
  const loaded = loadFromDisk(file)
  if (loaded.configuration === undefined) throw new Error(loaded.text)
  expect(await gateway.running.reload(loaded.configuration)).toBeUndefined()
}

const open = ({ certificate, key }: Credential) =>
  openSocket(fixture, gateway, { cert: certificate, key })

/** Asks for accounts with a token that is bound to this certificate. */
async function ask(raw: RawSocket, { thumbprint }: Credential): Promise<void> {
  const token = await mint({ cnf: { 'x5t#S256': thumbprint } })
  raw.write(get('/accounts', [`Authorization: Bearer ${token}`]))
}

async function statusOf(credential: Credential): Promise<number> {
  const raw = await open(credential)
  await ask(raw, credential)
  const { status } = await raw.response()
  raw.socket.destroy()
  return status
}

const changes: [string, string, string, boolean][] = [
  ['another authority', '{ ca: ca.pem }', '{ ca: other.pem }', true],
  [
    'required, where any was taken',
    '{ verify: request }',
    '{ verify: required, ca: ca.pem }',
    true,
  ],
  ['checked, where any was taken', '{ verify: request }', '{ ca: other.pem }', true],
  ['another scope alone', '{ ca: ca.pem }', '{ ca: ca.pem }', false],
]

test('RFC 9325 §7.5: a handshake that began under a former rule is not finished under the next [TLS-19]', async () => {
  gateway = await fixture.gateway(trusting('{ ca: ca.pem }'))
  const pending = connect(gateway.port, '127.0.0.1')
  await once(pending, 'connect')
  const ended = new Promise((resolve) => pending.once('close', resolve))
  pending.on('error', () => {}).resume()
  // Whoever comes later is served later: the other connection has been seen by now.
  expect(await statusOf(own)).toBe(200)
  await reload(trusting('{ ca: ca.pem }', 'accounts, payments'))
  expect(await statusOf(own)).toBe(403)
  expect(pending.destroyed).toBe(false)
  await reload(trusting('{ ca: other.pem }'))
  await ended
})

describe('RFC 9325 §7.5: a connection that was made by a former rule [TLS-19, O06]', () => {
  test.each(changes)(
    'is not believed by the next one, amid a request: %s',
    async (_title, before, after, isChanged) => {
      gateway = await fixture.gateway(trusting(before))
      const raw = await open(own)
      let finish = () => {}
      upstream.answer = ({ socket }) => {
        finish = () => void socket.write(OK)
      }
      const arrival = upstream.nextRequest()
      await ask(raw, own)
      await arrival
      await reload(trusting(after, isChanged ? 'accounts' : 'accounts, payments'))

      // What is under way is answered by what it began with; what comes behind it is not.
      finish()
      expect((await raw.response()).status).toBe(200)
      await ask(raw, own)
      const answer = await raw.response()
      if (isChanged) expectClosingRefusal(answer, 421, 'connection_before_reload')
      else expect(answer.status).toBe(403)
      raw.socket.destroy()
    },
  )

  test('is not believed by the next one, for a request that waits behind another', async () => {
    gateway = await fixture.gateway(trusting('{ ca: ca.pem }'))
    const raw = await open(own)
    let finish = () => {}
    upstream.answer = ({ socket }) => {
      finish = () => void socket.write(OK)
    }
    const arrival = upstream.nextRequest()
    const token = await mint({ cnf: { 'x5t#S256': own.thumbprint } })
    const request = get('/accounts', [`Authorization: Bearer ${token}`])
    raw.write(request + request + request)
    await arrival
    const before = upstream.requests.length
    await reload(trusting('{ ca: other.pem }'))
    finish()
    expect((await raw.response()).status).toBe(200)
    const [refused, ...others] = await raw.rest()
    expectClosingRefusal(refused, 421, 'connection_before_reload')
    expect(others).toEqual([])
    expect(upstream.requests.length).toBe(before)
  })

  test.each(changes)(
    'is not believed by the next one, idle: %s',
    async (_title, former, after, isChanged) => {
      const before = upstream.requests.length
      gateway = await fixture.gateway(trusting(former))
      const [used, unused] = [await open(own), await open(own)]
      await ask(used, own)
      expect((await used.response()).status).toBe(200)
      await reload(trusting(after))
      for (const raw of [used, unused]) {
        await ask(raw, own)
        if (isChanged) {
          const statuses = (await raw.rest()).map(({ status }) => status)
          expect([[], [421]]).toContainEqual(statuses)
        } else {
          expect((await raw.response()).status).toBe(200)
          raw.socket.destroy()
        }
      }
      expect(upstream.requests.length - before).toBe(isChanged ? 1 : 3)
    },
  )
})

test('RFC 9325 §7.5: a new connection is judged by the new authority [F2-NET-6, TLS-19]', async () => {
  gateway = await fixture.gateway(trusting('{ ca: ca.pem }'))
  expect([await statusOf(own), await statusOf(foreign)]).toEqual([200, 401])
  await reload(trusting('{ ca: other.pem }'))
  expect([await statusOf(own), await statusOf(foreign)]).toEqual([401, 200])
})

test('RFC 9325 §7.5: a new connection is judged by whether a certificate is required', async () => {
  gateway = await fixture.gateway(trusting('{ verify: request }'))
  expect([await statusOf(own), await statusOf(foreign)]).toEqual([200, 200])
  await reload(trusting('{ verify: required, ca: ca.pem }'))
  expect(await statusOf(own)).toBe(200)
  await expect(statusOf(foreign)).rejects.toThrow()
  const nobody = openSocket(fixture, gateway, { maxVersion: 'TLSv1.2' })
  await expect(nobody).rejects.toThrow('alert handshake failure')
  await reload(trusting('{ verify: request }'))
  expect([await statusOf(own), await statusOf(foreign)]).toEqual([200, 200])
})
