import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bank, startBank } from '../../src/demo/bank.ts'
import { type Authority, createAuthority } from '../../src/demo/certificates.ts'
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
  'RFC 9325 §7.1: %s: %s is answered 502 [F1B-SEC-2, F2-NET-4, BT-13]',
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
