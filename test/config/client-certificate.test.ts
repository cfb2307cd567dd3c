import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWorkspace, found, gateway, type Workspace } from './workspace.ts'

let workspace: Workspace
beforeAll(async () => {
  workspace = await createWorkspace()
  await workspace.write('tls/clients.crl', 'read while the gateway runs')
})
afterAll(() => workspace.remove())

const listen = (policy: string) =>
  `{ address: 127.0.0.1:8443, public_url: https://api.bank.example, certificate: tls/server.crt, key: tls/server.key, ${policy} }`
const revocation = (text: string, more = 'ca: tls/client-ca.pem') =>
  listen(`client_certificate: { ${more}, revocation: ${text} }`)
const load = (change: Record<string, string | undefined>) =>
  workspace.load(gateway({ defaults: '{ scopes: [openid] }', ...change }))

describe('revocation of client certificates', () => {
  test.each<[string, string, string[]]>([
    ['a file', '{ crl: [tls/clients.crl] }', []],
    ['URLs', '{ crl: ["http://crl.example/a.crl", "https://crl.example:8443/b?c"] }', []],
    ['a responder', '{ ocsp: { responder: "http://ocsp.example" } }', []],
    [
      'hosts of responders',
      '{ ocsp: { hosts: [ocsp.example, "ocsp.example:8080", "[::1]:80"] } }',
      ['invalid-value'],
    ],
    [
      'hosts with a port',
      '{ ocsp: { hosts: [OCSP.example, "ocsp.example:8080", "[::1]:8080"] } }',
      [],
    ],
    ['all of it', '{ crl: [tls/clients.crl], ocsp: { hosts: [a.example] }, refresh: 10m }', []],
    ['nothing', '{}', ['missing-key']],
    ['no list', '{ crl: [] }', ['invalid-value']],
    ['a file that is not there', '{ crl: [tls/none.crl] }', ['missing-file']],
    ['the list itself', '{ crl: ["-----BEGIN X509 CRL-----"] }', ['invalid-file']],
    ['another scheme', '{ crl: ["ldap://crl.example/a"] }', ['invalid-value']],
    ['a user', '{ crl: ["http://me:secret@crl.example/a"] }', ['invalid-value']],
    ['a responder that is no URL', '{ ocsp: { responder: ocsp.example } }', ['invalid-value']],
    ['a host that is a URL', '{ ocsp: { hosts: ["http://ocsp.example"] } }', ['invalid-value']],
    ['any host', '{ ocsp: { hosts: ["*"] } }', ['invalid-value']],
    ['no host', '{ ocsp: { hosts: [] } }', ['invalid-value']],
    ['too often', '{ crl: [tls/clients.crl], refresh: 500ms }', ['invalid-value']],
    ['too seldom', '{ crl: [tls/clients.crl], refresh: 2d }', ['invalid-value']],
  ])('%s: %s', async (_, text, expected) => {
    const outcome = await load({ listen: revocation(text) })
    expect(found(outcome).map((one) => one.replace(/^\d+ /, ''))).toEqual(expected)
  })

  test('is of certificates that an authority issued', async () => {
    const outcome = await load({
      listen: revocation('{ crl: [tls/clients.crl] }', 'verify: request'),
    })
    expect(outcome.text).toContain('without effect, since verify is request')
  })

  test('is of a listener, or of a certificate of its own; and told apart by what it says', async () => {
    const pair = 'cert: tls/server.crt, key: tls/server.key'
    const own =
      'client_certificate: { ca: tls/client-ca.pem, revocation: { crl: [tls/clients.crl] } }'
    const other = own.replace('] }', '], refresh: 5m }')
    const { configuration } = await load({
      listen: undefined,
      listeners: `{ a: { address: 127.0.0.1:1, public_url: https://api.bank.example, tls: { certificates: [{ ${pair} }, { ${pair}, names: [api.bank.example], ${other} }] }, ${own} }, b: { address: 127.0.0.1:2, public_url: https://api.bank.example, tls: { certificates: [{ ${pair} }] }, ${own} } }`,
    })
    const [a, b] = configuration?.listeners ?? []
    const ids = [...(a?.certificates ?? []), ...(b?.certificates ?? [])].map(
      (one) => one.clientCertificate.revocation?.id,
    )
    expect(ids).toEqual([ids[0], expect.stringMatching(/^[0-9a-f]{16}$/), ids[0]])
    expect(ids[1]).not.toBe(ids[0])
  })
})

describe('what cannot be decided is not let through [MTLS-8]', () => {
  const open = '{ scopes: [openid], client_certificate: { revocation_known: false } }'

  test.each(['fapi2-security', 'fapi1-baseline', 'fapi1-advanced'])(
    'in %s, whatever is said',
    async (profile) => {
      const outcome = await load({ profile, defaults: open })
      expect(found(outcome).filter((one) => one.includes('profile-floor'))).toHaveLength(1)
      expect(outcome.text).toContain('revocation_known: false is not allowed by profile')
      expect(outcome.text).toContain(
        'RFC 9325 7.5; client_certificate.revocation_known has to be true',
      )
      expect(outcome.text).toMatch(/gateway\.yaml:\d+:\d+/)
    },
  )

  test('but where the profile is one that fixes nothing', async () => {
    const { configuration } = await load({ profile: 'custom', defaults: open })
    expect(configuration?.routes[0]?.policies['client_certificate']).toMatchObject({
      revocation_known: false,
    })
  })
})

describe('a route that asks for a certificate', () => {
  const routes = (policy: string) =>
    `[{ id: a, match: /a, upstream: "http://127.0.0.1:1", client_certificate: ${policy} }]`
  const plain = listen('min_version: "1.2"')

  test.each(['{ required: true }', '{ subject: { CN: a } }', '{ psd2_roles: [PSP_AI] }'])(
    'wants a listener that does: %s',
    async (policy) => {
      const asking = await load({ routes: routes(policy) })
      expect(found(asking)).toEqual([])
      const outcome = await load({ routes: routes(policy), listen: plain })
      expect(outcome.text).toContain('error[mtls-without-certificates]')
      expect(outcome.text).toContain('a asks for client certificates')
    },
  )

  test('asks for more than the defaults, and never for less', async () => {
    const defaults =
      '{ scopes: [openid], client_certificate: { psd2_roles: [PSP_AI], subject: { C: GB } } }'
    const more = await load({
      defaults,
      routes: routes('{ psd2_roles: [PSP_PI], subject: { O: a } }'),
    })
    expect(more.configuration?.routes[0]?.policies['client_certificate']).toMatchObject({
      psd2_roles: ['PSP_AI', 'PSP_PI'],
      subject: { C: 'GB', O: 'a' },
    })
    const less = await load({ defaults, routes: routes('{ subject: { C: "*" } }') })
    expect(less.text).toContain('error[defaults-floor]')
  })

  test('a public one asks for none', async () => {
    const outcome = await load({
      routes: routes('{ required: true }').replace('match', 'public: true, match'),
    })
    expect(outcome.text).toContain('without effect')
  })

  test('an attribute that nobody knows is refused where it stands', async () => {
    const outcome = await load({ routes: routes('{ subject: { organization_identifier: x } }') })
    expect(outcome.text).toContain('wants an attribute of a subject: CN')
  })
})
