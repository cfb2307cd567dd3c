import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bank, startBank } from '../../src/demo/bank.ts'
import { type Authority, createAuthority } from '../../src/demo/certificates.ts'
import { listen } from '../../src/demo/loopback.ts'
import { type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { get } from '../support/open-gateway.ts'
import { sendRaw } from '../support/raw-socket.ts'

let fixture: Fixture
let internal: Authority
let gateway: TestGateway
const banks: Record<string, Bank> = {}
const reached: string[] = []

beforeAll(async () => {
  fixture = await startFixture()
  internal = await createAuthority({ name: 'internal CA' })
  const long = { dnsNames: ['core.internal'] }
  const { certificate, key, keys } = await internal.issueServer(long)
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000)
  const old = await internal.issueServer({ ...long, keys, notBefore: ago(9), notAfter: ago(1) })
  const foreign = await fixture.authority.issueServer({ ...long, keys })
  const own = await internal.issueClient({ commonName: 'gateway', keys })
  const start = async (name: string, tls: NonNullable<Parameters<typeof startBank>[0]>['tls']) => {
    const options = tls === undefined ? {} : { tls }
    banks[name] = await startBank({ ...options, onRequest: () => void reached.push(name) })
  }
  await start('core', { certificate, key })
  await start('foreign', foreign)
  await start('old', old)
  await start('mutual', { certificate, key, clientCa: internal.certificate })
  await start('plain', undefined)
  await writeFile(join(fixture.folder, 'internal.pem'), internal.certificate)
  await writeFile(join(fixture.folder, 'own.crt'), own.certificate)
  await writeFile(join(fixture.folder, 'own.key'), own.key)
  const port = (name: string) => banks[name]!.port
  const at = (name: string) => `url: "https://127.0.0.1:${port(name)}", ca: internal.pem`
  gateway = await fixture.gateway(`version: 1
profile: fapi2-security
listen: { address: 127.0.0.1:0, public_url: https://$HOST, certificate: server.crt, key: server.key }
upstreams:
  address: { ${at('core')} }
  named: { ${at('core')}, server_name: core.internal }
  misnamed: { ${at('core')}, server_name: other.internal }
  unknown: { url: "https://127.0.0.1:${port('core')}" }
  foreign: { ${at('foreign')} }
  old: { ${at('old')} }
  mutual: { ${at('mutual')}, cert: own.crt, key: own.key }
  nameless: { ${at('mutual')} }
  plain: { ${at('plain')} }
shutdown: { ready_off_for: 0s, drain: 2s }
routes:
${[...TRUSTED, ...REFUSED.map(([name]) => name)]
  .map((id) => `  - { id: ${id}, match: /accounts/${id}/**, public: true, upstream: ${id} }`)
  .join('\n')}
`)
})

const TRUSTED = ['address', 'named', 'mutual']
const REFUSED: [string, string, RegExp][] = [
  ['misnamed', 'a certificate for another name', /^upstream_tls$/],
  ['unknown', 'an authority that nobody configured', /^upstream_tls$/],
  ['foreign', 'another authority than the one configured', /^upstream_tls$/],
  ['old', 'a certificate that has ended', /^upstream_tls$/],
  // With TLS 1.3 the client's handshake is done before the server refuses: alert or close, as it comes.
  ['nameless', 'a demand for a certificate', /^upstream_(?:tls|response_invalid)$/],
  ['plain', 'no TLS at all', /^upstream_tls$/],
]

afterAll(async () => {
  await fixture.close()
  for (const bank of Object.values(banks)) await bank.close()
})

async function statusOf(id: string) {
  const [answer] = await sendRaw(
    fixture,
    gateway,
    get(`/accounts/${id}`, ['Connection: close'], 'POST'),
  )
  return answer
}

test.each(TRUSTED)('RFC 9325 §7.1: %s: an upstream that can be verified is asked', async (id) => {
  const before = reached.length
  // The bank knows no such account, and says so itself.
  expect((await statusOf(id))?.status).toBe(404)
  expect(reached).toHaveLength(before + 1)
})

test.each(REFUSED)(
  'RFC 9325 §7.1: %s: %s is answered 502 [F1B-SEC-2, F2-NET-4, BT-13, M19, TLS-15]',
  async (id, _, reason) => {
    const before = reached.length
    const answer = await statusOf(id)
    expect(answer?.status).toBe(502)
    expect(JSON.parse(String(answer?.body))).toMatchObject({
      error_description: expect.stringMatching(reason),
    })
    expect(reached).toHaveLength(before)
  },
)

test('two upstreams at one address keep their names and certificates apart, sessions too [M20]', async () => {
  const keys = fixture.server.keys
  const dnsNames = ['core.internal', 'other.internal']
  const own = await internal.issueServer({ dnsNames, keys })
  const seen: string[] = []
  const server = createServer(
    {
      cert: own.certificate,
      key: own.key,
      ca: internal.certificate,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (incoming, response) => {
      const socket = incoming.socket as TLSSocket & { servername?: string | false }
      const subject = socket.getPeerX509Certificate()?.subject ?? 'nobody'
      seen.push(`${incoming.url} ${socket.servername || 'nameless'} ${subject}`)
      // Each request has a connection of its own, and the next one a session to come back with.
      response.writeHead(200, { connection: 'close' }).end()
    },
  )
  const { port, close } = await listen(server, 0)
  try {
    for (const commonName of ['one', 'two']) {
      const { certificate, key } = await internal.issueClient({ commonName, keys })
      await writeFile(join(fixture.folder, `${commonName}.crt`), certificate)
      await writeFile(join(fixture.folder, `${commonName}.key`), key)
    }
    const at = `url: "https://127.0.0.1:${port}", ca: internal.pem`
    const upstreams = {
      one: `${at}, server_name: core.internal, cert: one.crt, key: one.key`,
      two: `${at}, server_name: core.internal, cert: two.crt, key: two.key`,
      renamed: `${at}, server_name: other.internal, cert: one.crt, key: one.key`,
      nobody: `${at}, server_name: core.internal`,
    }
    const several = await fixture.gateway(`version: 1
profile: fapi2-security
listen: { address: 127.0.0.1:0, public_url: https://$HOST, certificate: server.crt, key: server.key }
upstreams:
${Object.entries(upstreams)
  .map(([id, settings]) => `  ${id}: { ${settings} }`)
  .join('\n')}
shutdown: { ready_off_for: 0s, drain: 2s }
routes:
${Object.keys(upstreams)
  .map((id) => `  - { id: ${id}, match: /${id}, public: true, upstream: ${id} }`)
  .join('\n')}
`)
    for (let i = 0; i < 3; i++) {
      for (const id of Object.keys(upstreams)) {
        const [answer] = await sendRaw(fixture, several, get(`/${id}`, ['Connection: close']))
        expect(answer?.status).toBe(200)
      }
    }
    expect(new Set(seen)).toEqual(
      new Set([
        '/one core.internal CN=one',
        '/two core.internal CN=two',
        '/renamed other.internal CN=one',
        '/nobody core.internal nobody',
      ]),
    )
  } finally {
    await close()
  }
})
