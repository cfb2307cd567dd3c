import { webcrypto } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAuthority } from '../../src/demo/certificates.ts'
import { createWorkspace, found, gateway, type Workspace } from './workspace.ts'

let workspace: Workspace
beforeAll(async () => {
  workspace = await createWorkspace()
})
afterAll(() => workspace.remove())

/** The ids of what is said of an honest configuration with one part changed. */
async function said(change: Record<string, string | undefined>): Promise<string[]> {
  const defaults = '{ scopes: [openid] }'
  return found(await workspace.load(gateway({ defaults, ...change }))).map((text) =>
    text.replace(/^\d+ /, ''),
  )
}

const URL = 'public_url: https://api.bank.example'
const PAIR = 'cert: tls/server.crt, key: tls/server.key'
const listen = (more: string, pair = 'certificate: tls/server.crt, key: tls/server.key') =>
  `{ address: 127.0.0.1:8443, ${URL}, ${pair}, ${more} }`
const listeners = (certificates: string, more = '') => ({
  listen: undefined,
  listeners: `{ main: { address: "[::1]:8443", ${URL}, tls: { certificates: [${certificates}] } ${more} } }`,
})

describe('a listener', () => {
  test.each<[string, Record<string, string | undefined>, string[]]>([
    ['the long form', listeners(`{ ${PAIR} }`), []],
    ['both forms', { listeners: '{}' }, ['duplicate-key']],
    [
      'no public URL',
      { listen: `{ address: "1:1", certificate: tls/server.crt, key: tls/server.key }` },
      ['missing-key'],
    ],
    [
      'two public URLs on one port of a host',
      { listen: listen('public_urls: ["https://api.bank.example:443/v2"]') },
      ['duplicate-address'],
    ],
    [
      'two public URLs on two ports of a host',
      { listen: listen('public_urls: ["https://api.bank.example:8443"]') },
      [],
    ],
    [
      'a public URL without TLS',
      { listen: listen('').replace('https', 'http') },
      ['invalid-value'],
    ],
    [
      'an address without a port',
      { listen: listen('').replace('127.0.0.1:8443', 'localhost') },
      ['invalid-value'],
    ],
    [
      'a certificate that is not there',
      { listen: listen('', 'certificate: none.crt, key: tls/server.key') },
      ['missing-file'],
    ],
    [
      'a key that is none',
      { listen: listen('', 'certificate: tls/server.crt, key: tls/server.crt') },
      ['invalid-file'],
    ],
    [
      'a certificate that is none',
      { listen: listen('', 'certificate: tls/server.key, key: tls/server.key') },
      ['invalid-file'],
    ],
    [
      'an expired certificate',
      { listen: listen('', 'certificate: tls/expired.crt, key: tls/server.key') },
      ['certificate-expired'],
    ],
    [
      'the key of another certificate',
      { listen: listen('', 'certificate: tls/server.crt, key: tls/ec.key') },
      ['key-mismatch'],
    ],
    [
      'a name that the certificate has not',
      listeners(`{ ${PAIR}, names: [other.example] }`),
      ['name-not-covered', 'name-not-covered'],
    ],
    [
      'a wildcard that the certificate has',
      listeners(`{ ${PAIR}, names: ["*.wild.example"] }, { cert: tls/ec.crt, key: tls/ec.key }`),
      [],
    ],
    [
      'a public URL that no certificate is for',
      { listen: listen('').replace('api.bank', 'api.other') },
      ['name-not-covered'],
    ],
    [
      'verification without CAs',
      { listen: listen('client_certificate: { verify: required }') },
      ['missing-key'],
    ],
    [
      'CAs without verification',
      { listen: listen('client_certificate: { verify: request, ca: tls/client-ca.pem }') },
      ['invalid-value'],
    ],
    [
      'CAs in two places',
      {
        listen: listen(
          'client_ca: tls/client-ca.pem, client_certificate: { ca: tls/client-ca.pem }',
        ),
      },
      ['duplicate-key'],
    ],
    ['CAs that are none', { listen: listen('client_ca: tls/server.key') }, ['invalid-file']],
    [
      'an EC certificate where TLS 1.2 has RSA suites only [F1A-TLS-2]',
      {
        profile: 'fapi1-advanced',
        listen: listen('client_ca: tls/client-ca.pem', 'certificate: tls/ec.crt, key: tls/ec.key'),
      },
      ['suite-mismatch'],
    ],
    [
      'the same with TLS 1.3 only',
      {
        profile: 'fapi1-advanced',
        listen: listen(
          'min_version: "1.3", client_ca: tls/client-ca.pem',
          'certificate: tls/ec.crt, key: tls/ec.key',
        ),
      },
      [],
    ],
    ['a version that is a number', { listen: listen('min_version: 1.3') }, ['invalid-value']],
    ['HTTP/2 beside HTTP/1.1', { listen: listen('alpn: [h2, http/1.1]') }, []],
    ['HTTP/2 alone', { listen: listen('alpn: [h2]') }, []],
    ['a protocol that is not spoken', { listen: listen('alpn: [h2, h3]') }, ['invalid-value']],
    ['a protocol of plain text', { listen: listen('alpn: [h2c]') }, ['invalid-value']],
    ['a protocol twice', { listen: listen('alpn: [h2, h2]') }, ['invalid-value']],
    ['no protocol', { listen: listen('alpn: []') }, ['invalid-value']],
    ['a protocol without a list', { listen: listen('alpn: h2') }, ['wrong-type']],
  ])('%s', async (_, change, ids) => {
    expect(await said(change)).toEqual(ids)
  })

  test('RFC 9325 §4.5: does not start with a key that is too weak [TLS-8]', async () => {
    const authority = await createAuthority({ name: 'weak' })
    const keys = (await webcrypto.subtle.generateKey(
      {
        name: 'RSASSA-PKCS1-v1_5',
        hash: 'SHA-256',
        modulusLength: 1024,
        publicExponent: new Uint8Array([1, 0, 1]),
      },
      true,
      ['sign', 'verify'],
    )) as webcrypto.CryptoKeyPair
    const weak = await authority.issueServer({ dnsNames: ['api.bank.example'], keys })
    await workspace.write('tls/weak.crt', weak.certificate)
    await workspace.write('tls/weak.key', weak.key)
    const change = { listen: listen('', 'certificate: tls/weak.crt, key: tls/weak.key') }
    expect(await said(change)).toEqual(['weak-key'])
  })

  test('may forget its sessions', async () => {
    const found = []
    for (const more of ['', 'session_tickets: on', 'session_tickets: off']) {
      const { configuration } = await workspace.load(gateway({ listen: listen(more) }))
      found.push(configuration?.listeners[0]?.sessionTickets)
    }
    expect(found).toEqual([true, true, false])
    const long = listeners(`{ ${PAIR} }`)
    const change = {
      ...long,
      listeners: long.listeners.replace('tls: {', 'tls: { session_tickets: off,'),
    }
    const { configuration } = await workspace.load(gateway(change))
    expect(configuration?.listeners[0]?.sessionTickets).toBe(false)
  })

  test('asks for certificates where it has CAs, and not otherwise', async () => {
    const modes = []
    for (const more of [
      '',
      'client_ca: tls/client-ca.pem',
      'client_certificate: { verify: request }',
    ]) {
      const { configuration } = await workspace.load(gateway({ listen: listen(more) }))
      modes.push(configuration?.listeners[0]?.clientCertificate.mode)
    }
    expect(modes).toEqual(['off', 'optional', 'request'])
  })

  test('may ask by the name that clients call', async () => {
    const own = 'client_certificate: { verify: required, ca: tls/client-ca.pem }'
    const change = listeners(
      `{ ${PAIR}, names: [API.bank.example], ${own} }, { cert: tls/ec.crt, key: tls/ec.key }`,
    )
    const { configuration, text } = await workspace.load(gateway(change))
    expect(text).toBe('')
    expect(configuration?.listeners).toMatchObject([
      {
        id: 'main',
        host: '::1',
        certificates: [
          {
            name: 'tls/server.crt',
            hosts: ['api.bank.example'],
            clientCertificate: { mode: 'required' },
          },
          { name: 'tls/ec.crt', hosts: [], clientCertificate: { mode: 'off' } },
        ],
      },
    ])
  })

  test('a certificate that ends within two weeks is warned of, and serves', async () => {
    const certificate = await import('node:crypto').then(async ({ X509Certificate }) => {
      const { readFileSync } = await import('node:fs')
      return new X509Certificate(readFileSync(`${workspace.folder}/tls/server.crt`))
    })
    const now = Date.parse(certificate.validTo) / 1000 - 13 * 86_400
    const outcome = await workspace.load(gateway(), { now })
    expect(found(outcome)).toEqual(['6 certificate-expires-soon'])
    expect(outcome.configuration).toBeDefined()
    expect(found(await workspace.load(gateway(), { now: now + 14 * 86_400 }))[0]).toBe(
      '6 certificate-expired',
    )
  })
})

test('a listener speaks HTTP/1.1, and HTTP/2 where it is told to [HTTP-22]', async () => {
  const tls = `tls: { certificates: [{ ${PAIR} }], alpn: [http/1.1, h2] }`
  const one = `{ a: { address: "127.0.0.1:1", ${URL}, ${tls} } }`
  const spoken = async (change: Record<string, string | undefined>) =>
    (await workspace.load(gateway(change))).configuration?.listeners.map(({ alpn }) => alpn)
  expect(await spoken({})).toEqual([['http/1.1']])
  expect(await spoken({ listen: undefined, listeners: one })).toEqual([['http/1.1', 'h2']])
})

describe('addresses to listen on', () => {
  const tls = `${URL}, tls: { certificates: [{ ${PAIR} }] }`
  const two = (one: string, other: string) => ({
    listen: undefined,
    listeners: `{ a: { address: "${one}", ${tls} }, b: { address: "${other}", ${tls} } }`,
  })
  const withAdmin = (address: string) => ({
    admin: `{ address: "${address}", token: a-long-enough-token }`,
  })
  test.each<[string, Record<string, string | undefined>, string[]]>([
    ['that of the listener for the admin port', withAdmin('127.0.0.1:8443'), ['duplicate-address']],
    ['every address for the admin port', withAdmin('0.0.0.0:8443'), ['duplicate-address']],
    ['every address of IPv6', withAdmin('[::]:8443'), ['duplicate-address']],
    ['another port', withAdmin('127.0.0.1:8444'), []],
    ['another address', withAdmin('127.0.0.2:8443'), []],
    ['two listeners on one', two('127.0.0.1:8443', '127.0.0.1:8443'), ['duplicate-address']],
    ['in two spellings', two('[::1]:8443', '[0:0:0:0:0:0:0:1]:08443'), ['duplicate-address']],
    ['a name in two spellings', two('Localhost:1', 'localhost:1'), ['duplicate-address']],
    ['every address before one', two('0.0.0.0:8443', '[::1]:8443'), ['duplicate-address']],
    ['a port that the system chooses', two('127.0.0.1:0', '0.0.0.0:0'), []],
  ])('%s', async (_, change, ids) => {
    expect(await said(change)).toEqual(ids)
  })

  test('the later one is pointed at, and the earlier one named', async () => {
    const same = await workspace.load(gateway({ admin: '{ address: "127.0.0.1:8443" }' }))
    expect(same.diagnostics.map(({ message, position }) => [message, position.line])).toEqual([
      ['admin.address: 127.0.0.1:8443 is taken: listen.address listens there too', 13],
    ])
    const change = two('0.0.0.0:8443', '[::1]:8443')
    const { diagnostics } = await workspace.load(gateway(change))
    expect(diagnostics.map(({ message }) => message)).toEqual([
      'listeners.b.address: [::1]:8443 is taken: listeners.a.address listens on 0.0.0.0:8443, which overlaps',
    ])
  })
})

describe('an issuer', () => {
  const issuer = (more: string) => `{ a: { issuer: https://a.example, audience: a, ${more} } }`
  const auth = (method: string) => `introspection: { auth: { client_id: gw, method: ${method} } }`
  const signedBy = (response: string) =>
    auth('client_secret_post, client_secret: secret').replace('{', `{ response: ${response},`)
  test.each<[string, string, string[]]>([
    ['without TLS', '{ a: { issuer: http://a.example, audience: a } }', ['issuer-not-https']],
    ['without TLS on this machine', '{ a: { issuer: "http://127.0.0.1:9000", audience: a } }', []],
    ['with a query', '{ a: { issuer: https://a.example?b=c, audience: a } }', ['invalid-value']],
    ['that is no URL', '{ a: { issuer: as.example, audience: a } }', ['invalid-value']],
    ['keys without TLS', issuer('jwks_uri: http://a.example/jwks'), ['issuer-not-https']],
    ['keys with a query', issuer('jwks_uri: https://a.example/jwks?v=1'), []],
    ['no audience', '{ a: { issuer: https://a.example } }', ['missing-key']],
    ['no name', '{ "a b": { issuer: https://a.example, audience: a } }', ['invalid-value']],
    ['introspection of nothing', issuer('tokens: introspection'), ['missing-key']],
    ['a method that is none', issuer(auth('basic')), ['invalid-value']],
    ['a secret', issuer(auth('client_secret_basic, client_secret: secret')), []],
    ['no secret', issuer(auth('client_secret_post')), ['missing-key']],
    ['a key', issuer(auth('private_key_jwt, key: tls/server.key')), []],
    [
      'a key for another algorithm',
      issuer(auth('private_key_jwt, key: tls/server.key, algorithm: ES256')),
      ['invalid-value'],
    ],
    [
      'a certificate and its key',
      issuer(auth('tls_client_auth, cert: tls/ec.crt, key: tls/ec.key')),
      [],
    ],
    [
      'a certificate and another key',
      issuer(auth('tls_client_auth, cert: tls/ec.crt, key: tls/server.key')),
      ['key-mismatch'],
    ],
    [
      'signed answers, by keys that discovery finds',
      issuer(`tokens: introspection, ${signedBy('jwt')}`),
      [],
    ],
    [
      'signed answers, by keys and algorithms',
      issuer(
        `tokens: introspection, ${signedBy('jwt')}, algorithms: [PS256], jwks_uri: https://a.example/jwks, jwks: { refresh: 1m }`,
      ),
      [],
    ],
    [
      'a type of tokens that are asked about',
      issuer(`tokens: introspection, ${signedBy('jwt')}, type_required: true`),
      ['unused-setting'],
    ],
    [
      'a memory of verified tokens that are not verified here',
      issuer(`tokens: introspection, ${signedBy('json')}, cache: { max_entries: 1000 }`),
      ['unused-setting'],
    ],
    [
      'algorithms of answers that are not signed',
      issuer(`tokens: introspection, ${signedBy('json')}, algorithms: [PS256]`),
      ['unused-setting'],
    ],
    [
      'keys of answers that are not signed',
      issuer(`tokens: introspection, ${signedBy('json')}, jwks_uri: https://a.example/jwks`),
      ['unused-setting'],
    ],
    [
      'how old keys may be, of answers that are not signed',
      issuer(
        `tokens: introspection, ${signedBy('json')}, jwks: { refresh: 1m, cooldown: 1s, stale_if_error: 0s, timeout: 1s }`,
      ),
      ['unused-setting', 'unused-setting', 'unused-setting'],
    ],
    [
      'what holds of tokens whoever judges them',
      issuer(`tokens: introspection, ${signedBy('json')}, clock_skew: 5s, max_lifetime: 1h`),
      [],
    ],
    [
      'all of it, where JWTs are verified',
      issuer(
        `${signedBy('json')}, algorithms: [PS256], jwks_uri: https://a.example/jwks, type_required: true`,
      ),
      [],
    ],
    ['answers of another form', issuer(signedBy('jwe')), ['invalid-value']],
    [
      'an algorithm below the profile [O22]',
      issuer('algorithms: [RS256, PS256, RS512]'),
      ['profile-floor', 'profile-floor'],
    ],
    [
      'FAPI 2.0 SP §5.3.4-3: a promise about revocation that nobody can keep',
      issuer('revocation_max_delay: 30s'),
      ['revocation-unseen'],
    ],
    [
      'one that the life of tokens does not keep, since clocks differ',
      issuer('revocation_max_delay: 5m, max_lifetime: 5m'),
      ['revocation-unseen'],
    ],
    [
      'one that it does not keep, since a token may be issued ahead of our clock and pass behind its end',
      issuer('revocation_max_delay: 5m, max_lifetime: 4m, clock_skew: 31s'),
      ['revocation-unseen'],
    ],
    [
      'one that the life of tokens keeps',
      issuer('revocation_max_delay: 5m, max_lifetime: 4m, clock_skew: 30s'),
      [],
    ],
    [
      'one that introspection keeps',
      issuer(`revocation_max_delay: 0s, ${auth('client_secret_post, client_secret: secret')}`),
      [],
    ],
    ['a clock too far off', issuer('clock_skew: 61s'), ['profile-floor']],
    [
      'less than the profile allows',
      issuer('clock_skew: 0s, algorithms: [ES256], max_lifetime: 1h'),
      [],
    ],
  ])('%s', async (_, issuers, ids) => {
    expect(await said({ issuers })).toEqual(ids)
  })

  test.each([
    ['what is written', 'revocation_max_delay: 60s', 'cache: { ttl: 20s }', 20],
    ['what is promised, if that is less', 'revocation_max_delay: 5s', 'cache: { ttl: 20s }', 5],
    ['what is promised, if nothing is written', 'revocation_max_delay: 60s', '', 60],
    ['15 seconds, if nothing is said at all', '', '', 15],
  ])('RFC 7662 §4: an answer is used for %s [INT-4]', async (_, promise, cache, ttl) => {
    const asking = auth('client_secret_post, client_secret: secret')
    const more = ['tokens: introspection', promise, asking].filter((text) => text !== '').join(', ')
    const issuers = issuer(cache === '' ? more : more.replace('{', `{ ${cache},`))
    const { configuration } = await workspace.load(gateway({ issuers }))
    expect(configuration?.issuers[0]?.introspection?.ttl).toBe(ttl)
  })

  test('is asked about so many tokens at a time as it says, and 32 where it does not', async () => {
    const asking = auth('client_secret_post, client_secret: secret')
    const many = (connections: string) => issuer(asking.replace('{', `{ ${connections}`))
    const compiled = []
    for (const connections of ['', 'connections: 256,']) {
      const { configuration } = await workspace.load(gateway({ issuers: many(connections) }))
      compiled.push(configuration?.issuers[0]?.introspection?.connections)
    }
    expect(compiled).toEqual([32, 256])
    expect(await said({ issuers: many('connections: 0,') })).toEqual(['invalid-value'])
  })

  test('RFC 9701 §4: answers in plain JSON, unless it is to sign them [INT-7]', async () => {
    const responses = []
    for (const more of [auth('client_secret_post, client_secret: secret'), signedBy('jwt')]) {
      const { configuration } = await workspace.load(gateway({ issuers: issuer(more) }))
      responses.push(configuration?.issuers[0]?.introspection?.response)
    }
    expect(responses).toEqual(['json', 'jwt'])
  })

  test('does not authenticate with a key that is too weak', async () => {
    const { generateKeyPairSync } = await import('node:crypto')
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey
    for (const key of [rsa, curve]) {
      await workspace.write('tls/weak.key', key.export({ type: 'pkcs8', format: 'pem' }).toString())
      const issuers = issuer(auth('private_key_jwt, key: tls/weak.key'))
      expect(await said({ issuers })).toEqual(['weak-key'])
    }
  })

  test.each<[string, string, string[]]>([
    ['fapi2-security', 'server.key, algorithm: RS256', ['profile-floor']],
    ['fapi2-security', 'server.key, algorithm: PS512', ['profile-floor']],
    ['fapi2-security', 'server.key, algorithm: PS256', []],
    ['fapi2-security', 'p384.key', ['profile-floor']],
    ['fapi1-advanced', 'server.key, algorithm: RS256', ['profile-floor']],
    ['fapi1-advanced', 'ed25519.key', ['profile-floor']],
    ['fapi1-baseline', 'server.key, algorithm: RS256', []],
    ['custom', 'server.key, algorithm: RS256', []],
  ])(
    'FAPI 2.0 SP §5.4.1, FAPI 1.0 Advanced §8.6: signs its assertions as the profile allows: %s, %s [F2-ALG-1, F1A-ALG-1]',
    async (profile, key, ids) => {
      const { generateKeyPairSync } = await import('node:crypto')
      const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
      const ed25519 = generateKeyPairSync('ed25519').privateKey
      for (const [name, own] of Object.entries({ p384, ed25519 })) {
        const pem = own.export({ type: 'pkcs8', format: 'pem' }).toString()
        await workspace.write(`tls/${name}.key`, pem)
      }
      const issuers = issuer(auth(`private_key_jwt, key: tls/${key}`))
      expect(await said({ profile, issuers })).toEqual(ids)
    },
  )

  test('says why a setting has no effect, and what to do about it', async () => {
    const issuers = issuer(`tokens: introspection, ${signedBy('json')}, algorithms: [PS256]`)
    const { text } = await workspace.load(gateway({ issuers }))
    expect(text).toContain('issuers.a.algorithms: without effect, since the issuer is asked about')
    expect(text).toContain('leave it out, or tokens: jwt, or introspection.response: jwt')
  })

  test('and says which clause forbids another algorithm, and what it allows', async () => {
    const issuers = issuer(auth('private_key_jwt, key: tls/server.key, algorithm: RS256'))
    const { text } = await workspace.load(gateway({ issuers }))
    expect(text).toContain('algorithm: RS256 is not allowed by profile fapi2-security')
    expect(text).toContain('FAPI 2.0 Security Profile 5.4.1; allowed: PS256 ES256 EdDSA')
  })

  test.each<[string, string, string[]]>([
    ['fapi2-security', '24h', []],
    ['fapi2-security', '25h', ['profile-floor']],
    ['fapi1-baseline', '25h', ['profile-floor']],
    ['fapi1-advanced', '25h', ['profile-floor']],
    ['custom', '7d', []],
    ['custom', '8d', ['invalid-value']],
  ])(
    'uses keys that it cannot fetch for no longer than is allowed: %s, %s [JWT-14]',
    async (profile, time, ids) => {
      const issuers = issuer(`jwks: { stale_if_error: ${time} }`)
      expect(await said({ profile, issuers })).toEqual(ids)
    },
  )

  test('and for an hour, where nothing is said', async () => {
    const { configuration } = await workspace.load(gateway())
    expect(configuration?.issuers[0]?.jwks.staleIfError).toBe(3600)
  })

  test('signs its assertions with what fits its key', async () => {
    const algorithms = []
    for (const key of ['tls/server.key', 'tls/ec.key']) {
      const issuers = issuer(auth(`private_key_jwt, key: ${key}`))
      const { configuration } = await workspace.load(gateway({ issuers }))
      algorithms.push(configuration?.issuers[0]?.introspection?.authentication)
    }
    expect(algorithms).toMatchObject([{ algorithm: 'PS256' }, { algorithm: 'ES256' }])
  })
})

describe('an upstream', () => {
  const routes = '[{ id: a, match: /a, upstream: core }]'
  const upstream = (more: string) => ({ routes, upstreams: `{ core: { ${more} } }` })
  test.each<[string, Record<string, string>, string[]]>([
    ['with TLS', upstream('url: https://core.internal:9443/base/'), []],
    ['without TLS [BT-13]', upstream('url: http://core.internal'), ['plaintext-upstream']],
    [
      'without TLS, on purpose [BT-13]',
      upstream('url: http://core.internal, allow_plaintext: true'),
      [],
    ],
    ['without TLS on this machine', upstream('url: "http://[::1]:9080"'), []],
    [
      'a certificate without TLS',
      upstream('url: "http://[::1]:9080", cert: tls/ec.crt, key: tls/ec.key'),
      ['invalid-value', 'invalid-value'],
    ],
    [
      'a certificate without its key',
      upstream('url: https://a, cert: tls/ec.crt'),
      ['missing-key'],
    ],
    [
      'that looks like this machine',
      upstream('url: http://127.0.0.1.example.com'),
      ['plaintext-upstream'],
    ],
    ['with a user', upstream('url: https://user:word@core.internal'), ['invalid-value']],
    [
      'that is not there',
      { routes, upstreams: '{ cord: { url: https://a } }' },
      ['unknown-reference'],
    ],
    [
      'a URL without TLS [BT-13, O22]',
      { routes: routes.replace('core', 'http://core.internal') },
      ['plaintext-upstream'],
    ],
    [
      'a URL of another kind',
      { routes: routes.replace('core', 'ftp://core.internal') },
      ['invalid-value'],
    ],
  ])('%s', async (_, change, ids) => {
    expect(await said(change)).toEqual(ids)
  })

  test('is made once, however many routes name it', async () => {
    const url = 'https://core.internal/base'
    const two = `[{ id: a, match: /a, upstream: "${url}" }, { id: b, match: /b, upstream: "${url}/" }]`
    const { configuration } = await workspace.load(gateway({ routes: two }))
    expect(configuration?.upstreams).toMatchObject([
      { id: url, origin: 'https://core.internal', basePath: '/base' },
    ])
  })
})

describe('a route', () => {
  const up = 'upstream: "http://127.0.0.1:1"'
  const routes = (...all: string[]) => ({ routes: `[${all.map((one) => `{ ${one}, ${up} }`)}]` })
  const one = (more: string) => routes(`id: a, match: /a, ${more}`)
  const issuers = '{ a: { issuer: https://a, audience: a }, b: { issuer: https://b, audience: a } }'
  const asks =
    'introspection: { auth: { method: client_secret_post, client_id: a, client_secret: b } }'
  const encrypts = 'encryption: { keys: [tls/server.key] }'
  test.each<[string, Record<string, string | undefined>, string[]]>([
    ['a lower-case method', routes('id: a, match: get /a'), ['invalid-value']],
    ['TRACE', routes('id: a, match: TRACE /a'), ['invalid-value']],
    [
      'CONNECT in a list',
      routes('id: a, match: { paths: [/a], methods: [GET, CONNECT] }'),
      ['invalid-value'],
    ],
    ['a path that no request has', routes('id: a, match: /a/../b'), ['invalid-value']],
    [
      'a host that is not served',
      routes('id: a, match: { paths: [/a], hosts: [api.bank.exmaple] }'),
      ['unknown-reference'],
    ],
    [
      'a host that is served',
      routes('id: a, match: { paths: [/a], hosts: [API.bank.example] }'),
      [],
    ],
    ['no match', routes('id: a'), ['missing-key']],
    ['the id of another', routes('id: a, match: /a', 'id: a, match: /b'), ['duplicate-id']],
    ['an issuer that there is not', one('issuers: [bnk]'), ['unknown-reference']],
    ['a public route', one('public: true'), []],
    [
      'a WebSocket where GET is not taken',
      routes('id: a, match: POST /a, public: true, websocket: true'),
      ['invalid-value'],
    ],
    ['a WebSocket', one('public: true, websocket: true'), []],
    ['a public route that asks for something', one('public: true, scopes: [a]'), ['invalid-value']],
    ['a scope that is two', one('scopes: [a b]'), ['invalid-value']],
    ['a setting said twice', one('scopes: [a], authorization: { scopes: [b] }'), ['duplicate-key']],
    ['a field that is removed by no name', one('forward: { remove: [X_A] }'), ['invalid-value']],
    [
      'a certificate under a name with a meaning of its own',
      one('forward: { client_cert: Cookie }'),
      ['invalid-value'],
    ],
    ['a field name with an underscore', one('forward: { sub: X_Sub }'), ['invalid-value']],
    ['a field name that is taken', one('forward: { sub: Authorization }'), ['invalid-value']],
    [
      'one field name for two facts',
      one('forward: { sub: X-Who, client_id: x-who }'),
      ['invalid-value'],
    ],
    [
      'mTLS where nobody is asked for a certificate',
      { listen: listen(''), ...one('sender: mtls') },
      ['mtls-without-certificates'],
    ],
    [
      'mTLS or DPoP where nobody is asked',
      { listen: listen(''), ...one('sender: { any_of: [mtls, dpop] }') },
      [],
    ],
    ['unbound tokens below the profile', one('sender: none'), ['profile-floor']],
    ['unbound tokens', { profile: 'custom', ...one('sender: none') }, []],
    [
      'DPoP where the profile has mTLS',
      { profile: 'fapi1-advanced', ...one('sender: dpop') },
      ['profile-floor'],
    ],
    ['two issuers', { issuers, ...one('realm: a') }, []],
    [
      'two that are asked about tokens',
      { issuers: issuers.replaceAll('audience', `${asks}, audience`), ...one('realm: a') },
      ['opaque-issuer-ambiguous'],
    ],
    [
      'RFC 9068 §4: two that encrypt tokens',
      { issuers: issuers.replaceAll('audience', `${encrypts}, audience`), ...one('realm: a') },
      ['encrypting-issuer-ambiguous'],
    ],
    [
      'RFC 9068 §4: one that encrypts tokens, and one that does not',
      { issuers: issuers.replace('audience', `${encrypts}, audience`), ...one('realm: a') },
      [],
    ],
    [
      'two that encrypt tokens and are asked about them',
      {
        issuers: issuers.replaceAll('audience', `${asks}, ${encrypts}, audience`),
        ...one('realm: a'),
      },
      ['opaque-issuer-ambiguous', 'encrypting-issuer-ambiguous'],
    ],
    [
      'one issuer in two entries',
      { issuers: issuers.replace('https://b', 'https://a'), ...one('realm: a') },
      ['ambiguous-issuer'],
    ],
    ['an algorithm in common', one('access_token: { algorithms: [ES256] }'), []],
    [
      'no algorithm left',
      {
        issuers: '{ a: { issuer: https://a, audience: a, algorithms: [PS256] } }',
        ...one('access_token: { algorithms: [ES256] }'),
      },
      ['nothing-left'],
    ],
    [
      'the same requests twice',
      routes('id: a, match: GET /a', 'id: b, match: "HEAD,POST /a"'),
      ['ambiguous-route'],
    ],
    [
      'any method twice [P10]',
      routes('id: a, match: /a/**', 'id: b, match: /a/**'),
      ['ambiguous-route'],
    ],
    ['other methods', routes('id: a, match: GET /a', 'id: b, match: POST /a'), []],
    ['one method, and all the others', routes('id: a, match: GET /a', 'id: b, match: /a'), []],
    [
      'the specific one first',
      routes('id: a, match: /a/b', 'id: b, match: /a/*', 'id: c, match: /a/**'),
      [],
    ],
    [
      'the specific one last',
      routes('id: c, match: /a/**', 'id: a, match: /a/b'),
      ['shadowed-route'],
    ],
    [
      'a host is more specific than a path',
      routes('id: c, match: /a/b', 'id: a, match: { paths: [/a/*], hosts: [api.bank.example] }'),
      ['shadowed-route'],
    ],
  ])('%s', async (_, change, ids) => {
    expect(await said(change)).toEqual(ids)
  })

  test('answers HEAD where it answers GET [P12]', async () => {
    const { configuration } = await workspace.load(gateway(routes('id: a, match: "GET, POST /a"')))
    expect(configuration?.routes[0]?.methods).toEqual(['GET', 'HEAD', 'POST'])
  })

  test('takes names for what is told from the defaults, each by itself', async () => {
    const defaults = '{ forward: { sub: X-User, scope: false, authorization: pass } }'
    const change = { defaults, ...one('forward: { client_id: X-App, sub: false }') }
    const { configuration } = await workspace.load(gateway(change))
    expect(configuration?.routes[0]?.forward).toEqual({
      clientId: 'X-App',
      subject: undefined,
      scope: undefined,
      issuer: 'X-Token-Issuer',
      binding: 'X-Token-Binding',
      thumbprint: 'X-Token-Thumbprint',
      clientCert: undefined,
      clientCertChain: undefined,
      removed: [],
      authorization: 'pass',
    })
  })

  test('RFC 9440 §4: passes the certificate on where that is said, and nowhere else [CC-4]', async () => {
    const told = async (defaults: string, own: string) => {
      const change = { defaults: `{ forward: { ${defaults} } }`, ...one(`forward: { ${own} }`) }
      const { configuration } = await workspace.load(gateway(change))
      const { clientCert, clientCertChain } = configuration!.routes[0]!.forward
      return [clientCert, clientCertChain]
    }
    expect(await told('', '')).toEqual([undefined, undefined])
    expect(await told('', 'client_cert: true')).toEqual(['Client-Cert', undefined])
    expect(await told('client_cert: true, client_cert_chain: true', '')).toEqual([
      'Client-Cert',
      'Client-Cert-Chain',
    ])
    expect(await told('client_cert: true', 'client_cert: false')).toEqual([undefined, undefined])
    expect(await told('client_cert: true', 'client_cert: X-Cert')).toEqual(['X-Cert', undefined])
  })

  test('what clients may not send either is of the defaults and of the route [CC-8]', async () => {
    const change = {
      defaults: '{ forward: { remove: [X-User] } }',
      ...one('forward: { remove: [X-Role] }'),
    }
    const { configuration } = await workspace.load(gateway(change))
    expect(configuration?.routes[0]?.forward.removed).toEqual(['X-User', 'X-Role'])
  })
})

describe('a route that asks for nothing in a token', () => {
  const route = (more: string) => ({
    defaults: undefined,
    routes: `[{ id: a, match: /a, upstream: "http://127.0.0.1:1"${more} }]`,
  })

  test('RFC 6750 §3.1: is warned of, and serves', async () => {
    const { configuration, text } = await workspace.load(gateway(route('')))
    expect(configuration).toBeDefined()
    expect(
      text,
    ).toBe(`gateway.yaml:11:16: warning[unrestricted-route]: a asks for no scopes and no claims: any token of its issuers passes
    9 | issuers:
   10 |   bank: { issuer: https://as.bank.example, audience: https://api.bank.example }
   11 | routes: [{ id: a, match: /a, upstream: "http://127.0.0.1:1" }]
      |                ^ RFC 6750 §3.1, FAPI 2.0 Security Profile 5.3.4-4
0 errors, 1 warning. \`fapi-gateway explain unrestricted-route\` says more.
`)
  })

  test.each([
    [', scopes: [a]'],
    [', scopes: { any: [a] }'],
    [', claims: { a: present }'],
    [', public: true'],
  ])('is none with%s', async (more) => {
    expect(await said(route(more))).toEqual([])
  })

  test('is none where the defaults ask for something', async () => {
    expect(await said({ ...route(''), defaults: '{ claims: { a: present } }' })).toEqual([])
  })
})

describe('settings laid over one another', () => {
  const route = (more: string) => `[{ id: a, match: /a, upstream: "http://127.0.0.1:1", ${more} }]`
  async function policies(change: Record<string, string>) {
    const { configuration, diagnostics } = await workspace.load(gateway(change))
    expect(diagnostics.filter(({ id }) => id !== 'unrestricted-route')).toEqual([])
    return configuration?.routes[0]
  }

  test('a route adds to the scopes and claims of the defaults', async () => {
    const found = await policies({
      defaults: '{ scopes: [openid], claims: { acr: { equals: sca } } }',
      routes: route('scopes: { all: [accounts], any: [a, b] }, claims: { intent: present }'),
    })
    expect(found?.policies['authorization']).toMatchObject({
      scopes: ['openid', 'accounts'],
      any_scope: ['a', 'b'],
      claims: { acr: { equals: 'sca' }, intent: 'present' },
    })
    const { text } = await workspace.load(
      gateway({
        defaults: '{ claims: { acr: { equals: sca } } }',
        routes: route('claims: { acr: present }'),
      }),
    )
    expect(text).toContain('error[defaults-floor]: claims: looser than the defaults')
  })

  test('a route cannot be looser than the defaults', async () => {
    const { text } = await workspace.load(
      gateway({ defaults: '{ sender: mtls }', routes: route('sender: dpop') }),
    )
    expect(text).toContain('error[defaults-floor]: sender: looser than the defaults')
    expect(text).toContain('^^^^ defaults says: mtls')
  })

  test('a default of the profile may be left for what the profile allows', async () => {
    const found = await policies({
      dpop: '{ nonce: { mode: off } }',
      routes: route('sender: dpop'),
    })
    expect(found?.policies['dpop_freshness']?.['nonce']).toBe('off')
    expect(found?.settings).toContainEqual({
      name: 'dpop_freshness.nonce',
      is: 'off',
      by: undefined,
      from: 'dpop',
    })
  })

  test('every setting knows who fixed it', async () => {
    const found = await policies({
      issuers: '{ a: { issuer: https://a, audience: a, algorithms: [ES256] } }',
      defaults: '{ dpop_freshness: { proof_max_age: 30s } }',
      routes: route('sender: dpop'),
    })
    const from = Object.fromEntries(found?.settings.map((one) => [one.name, one.from]) ?? [])
    expect(from).toMatchObject({
      'access_token.algorithms': 'issuers.a',
      'access_token.clock_skew': 'fapi2-security',
      'dpop_freshness.proof_max_age': 'defaults',
      'sender_constraint.methods': 'routes.a',
      'authorization.scopes': 'built-in',
    })
    expect(found?.settings).toContainEqual({
      name: 'sender_constraint.required',
      is: true,
      by: 'FAPI2-SP-FINAL-5.3.4-5',
      from: 'fapi2-security',
    })
  })

  test.each([
    ['is an error where nobody is asked and tokens live long', '', ['revocation-unseen']],
    ['is kept by an issuer whose tokens live short', 'max_lifetime: 10s,', []],
    ['is kept by a rule of the route itself', '', [], 'max_lifetime: 10s,'],
  ])('FAPI 2.0 SP §5.3.4-3: a promise of one route %s', async (_, own, ids, more = '') => {
    const issuers = `{ a: { issuer: https://a, audience: a, ${own} clock_skew: 10s } }`
    const routes = route(`access_token: { ${more} revocation_max_delay: 30s }`)
    expect(await said({ issuers, routes })).toEqual(ids)
  })

  test('of several issuers the route has the loosest, since each is held to its own', async () => {
    const found = await policies({
      issuers:
        '{ a: { issuer: https://a, audience: a, algorithms: [ES256], max_lifetime: 1h, clock_skew: 5s }, b: { issuer: https://b, audience: a, algorithms: [PS256], type_required: false } }',
      routes: route('realm: a'),
    })
    expect(found?.policies['access_token']).toEqual({
      algorithms: ['ES256', 'PS256'],
      clock_skew: 10,
      type_required: false,
    })
    const from = Object.fromEntries(found?.settings.map((one) => [one.name, one.from]) ?? [])
    expect(from['access_token.algorithms']).toBe('issuers')
    expect(from['access_token.type_required']).toBe('issuers.b')
  })

  test('under custom everything may be loosened', async () => {
    const found = await policies({
      profile: 'custom',
      issuers: '{ a: { issuer: https://a, audience: a, algorithms: [RS256] } }',
      dpop: '{ algorithms: [RS256], proof_max_age: 5m, nonce: { mode: off } }',
      routes: route('sender: none'),
    })
    expect(found?.policies).toMatchObject({
      access_token: { algorithms: ['RS256'] },
      dpop_proof: { algorithms: ['RS256'] },
      dpop_freshness: { nonce: 'off', proof_max_age: 300 },
      sender_constraint: { required: false },
    })
  })

  test('a listener is held to the profile, and to the defaults', async () => {
    const { text } = await workspace.load(
      gateway({
        defaults: '{ transport: { min_version: "1.3" } }',
        listen: listen('min_version: "1.2"'),
      }),
    )
    expect(text).toContain('error[defaults-floor]: min_version: looser than the defaults')
    const { configuration } = await workspace.load(
      gateway({ listen: listen('min_version: "1.3"') }),
    )
    expect(configuration?.listeners[0]?.minVersion).toBe('1.3')
  })

  test.each<[string, number | undefined]>([
    ['', 31_536_000],
    ['hsts: 30d', 2_592_000],
    ['hsts: false', undefined],
  ])('RFC 9325 §3.2: HSTS is said unless it is turned off (%s) [TLS-18]', async (more, hsts) => {
    const { configuration } = await workspace.load(gateway({ listen: listen(more) }))
    expect(configuration?.listeners[0]?.hsts).toBe(hsts)
  })

  test.each(['hsts: 0s', 'hsts: off', 'hsts: true'])('and not by %s', async (more) => {
    const { configuration, text } = await workspace.load(gateway({ listen: listen(more) }))
    expect(configuration).toBeUndefined()
    expect(text).toContain('hsts')
  })
})
