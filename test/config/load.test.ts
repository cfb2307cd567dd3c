import { readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LoadPorts } from '../../src/config/substitution.ts'
import { createWorkspace, found, gateway, type Workspace } from './workspace.ts'

let workspace: Workspace
beforeAll(async () => {
  workspace = await createWorkspace()
})
afterAll(() => workspace.remove())

const SMALLEST = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:8443
  public_url: https://api.bank.example          # what clients call; htu and the resource identifier come from it
  certificate: tls/server.crt
  key: tls/server.key
  client_ca: tls/client-ca.pem                  # CAs of the clients' certificates; omit on a DPoP-only listener
issuers:
  bank: { issuer: https://as.bank.example, audience: https://api.bank.example }   # keys by discovery (RFC 8414)
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: http://127.0.0.1:9080 }
admin: { address: 127.0.0.1:9901 }              # /healthz /readyz /metrics /explain
`

describe('the smallest file', () => {
  test('loads without a word', async () => {
    const { configuration, text } = await workspace.load(SMALLEST)
    expect(text).toBe('')
    expect(configuration).toMatchObject({
      file: 'gateway.yaml',
      profile: 'fapi2-security',
      listeners: [
        {
          host: '127.0.0.1',
          port: 8443,
          publicUrls: [{ prefix: 'https://api.bank.example', host: 'api.bank.example', port: 443 }],
          clientCertificate: { mode: 'optional' },
          minVersion: '1.2',
        },
      ],
      issuers: [
        {
          id: 'bank',
          issuer: 'https://as.bank.example',
          audiences: ['https://api.bank.example'],
          tokens: 'jwt',
          algorithms: ['PS256', 'ES256', 'EdDSA'],
          clockSkew: 10,
          typeRequired: true,
        },
      ],
      upstreams: [{ id: 'http://127.0.0.1:9080', origin: 'http://127.0.0.1:9080', basePath: '' }],
      admin: { host: '127.0.0.1', port: 9901, token: undefined },
      resourceMetadata: false,
      dpop: {
        nonceRotation: 60,
        nonceSecrets: [],
        replayStore: 'memory',
        replayEntries: 1_000_000,
        proofKeys: 10_000,
      },
    })
  })

  test('gets from its profile what is asked of a request', async () => {
    const { configuration } = await workspace.load(SMALLEST)
    expect(configuration?.routes).toMatchObject([
      {
        id: 'accounts',
        methods: ['GET', 'HEAD'],
        paths: ['/accounts/**'],
        hosts: undefined,
        isPublic: false,
        issuers: ['bank'],
        maxBody: 1_048_576,
        realm: 'api.bank.example',
        upstream: 'http://127.0.0.1:9080',
        forward: { clientId: 'X-Client-Id', subject: 'X-Subject', authorization: 'strip' },
        policies: {
          credentials: {},
          sender_constraint: { required: true, methods: ['mtls', 'dpop'] },
          dpop_freshness: { nonce: 'required', proof_max_age: 60, future_skew: 10 },
          authorization: { scopes: ['accounts'] },
          replay: {},
        },
      },
    ])
  })

  test('is frozen to its depth', async () => {
    const { configuration } = await workspace.load(SMALLEST)
    expect(Object.isFrozen(configuration?.routes[0]?.policies['authorization']?.['scopes'])).toBe(
      true,
    )
  })
})

describe('what is wrong is said', () => {
  test('all of it in one run, by position, at the very word', async () => {
    const yaml = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:8443
  public_url: https://api.bank.example
  certificate: tls/server.crt
  key: tls/other.key
  client_ca: tls/client-ca.pem
issuers:
  bank:
    issuer: https://as.bank.example
    audience: https://api.bank.example
    algorithms: [PS256, RS256]
routes:
  - id: all
    match: /accounts/**
    scopes: [accounts]
    upstream: http://127.0.0.1:9080
  - id: accounts-v2
    match: GET /accounts/v2
    scopes: [accounts]
    upstream: http://127.0.0.1:9080
  - id: payments
    match: POST /payments
    upsteam: http://core-banking.internal:8080
`
    expect((await workspace.load(yaml)).text).toBe(
      `gateway.yaml:7:8: error[key-mismatch]: tls/other.key is not the key of tls/server.crt: the certificate is RSA 2048, the key is EC P-256
    5 |   public_url: https://api.bank.example
    6 |   certificate: tls/server.crt
    7 |   key: tls/other.key
      |        ^^^^^^^^^^^^^
gateway.yaml:13:25: error[profile-floor]: algorithms: RS256 is not allowed by profile fapi2-security
   11 |     issuer: https://as.bank.example
   12 |     audience: https://api.bank.example
   13 |     algorithms: [PS256, RS256]
      |                         ^^^^^ FAPI 2.0 Security Profile 5.4.1; allowed: PS256 ES256 EdDSA
gateway.yaml:15:9: warning[shadowed-route]: /accounts/** also matches what "accounts-v2" matches; "accounts-v2" wins
   13 |     algorithms: [PS256, RS256]
   14 | routes:
   15 |   - id: all
      |         ^^^
gateway.yaml:25:5: error[unknown-key]: routes[2] has no setting "upsteam"
   23 |   - id: payments
   24 |     match: POST /payments
   25 |     upsteam: http://core-banking.internal:8080
      |     ^^^^^^^ did you mean "upstream"?
3 errors, 1 warning. Exit 78. \`fapi-gateway explain key-mismatch\` says more.
`,
    )
  })

  test.each<[string, Record<string, string | undefined>, string[]]>([
    ['a file without a version', { version: undefined }, ['1 missing-key']],
    ['another version', { version: '2' }, ['1 invalid-value']],
    ['no profile', { profile: undefined }, ['1 missing-key']],
    ['a profile that is none', { profile: 'fapi2' }, ['2 no-such-profile']],
    ['a misspelt key, said once', { profile: undefined, profil: 'custom' }, ['12 unknown-key']],
    ['no listener', { listen: undefined }, ['1 missing-key']],
    ['no routes', { routes: undefined }, ['1 missing-key']],
    ['no route', { routes: '[]' }, ['11 invalid-value']],
    ['no issuers', { issuers: undefined }, ['10 missing-key']],
    ['a setting that there is not', { metrics: '{}' }, ['13 unknown-key']],
    ['a number without a unit', { limits: '{ request: 30 }' }, ['13 wrong-type']],
    ['a protection turned off', { limits: '{ request: 0s }' }, ['13 invalid-value']],
    ['a list for a map', { limits: '[]' }, ['13 wrong-type']],
    ['a count that is none', { limits: '{ connections: 0 }' }, ['13 invalid-value']],
    [
      'an admin port for everybody [OPS-4]',
      { admin: '{ address: "0.0.0.0:9901" }' },
      ['13 admin-exposed'],
    ],
    ['a port that is none', { admin: '{ address: "127.0.0.1:99999" }' }, ['13 invalid-value']],
    [
      'a token limit that no header section holds',
      { limits: '{ token: 17KiB }' },
      ['13 invalid-value'],
    ],
    [
      'a short nonce secret [F2-ALG-3]',
      { dpop: '{ nonce: { secret: short } }' },
      ['13 invalid-value'],
    ],
  ])('%s', async (_, change, expected) => {
    const outcome = await workspace.load(gateway(change))
    expect(found(outcome)).toEqual(expected)
    expect(outcome.configuration).toBeUndefined()
  })

  test('an admin port for everybody that asks for a token is allowed', async () => {
    const admin = '{ address: "0.0.0.0:9901", token: a-long-enough-token }'
    const { configuration } = await workspace.load(gateway({ admin }))
    expect(configuration?.admin).toEqual({
      host: '0.0.0.0',
      port: 9901,
      token: 'a-long-enough-token',
    })
  })

  test('a file that is not there', async () => {
    const missing = () => {
      throw new Error('ENOENT')
    }
    const outcome = await workspace.load(gateway(), { readFile: missing })
    expect(outcome.text).toBe(`gateway.yaml:1:1: error[missing-file]: gateway.yaml cannot be read
1 error, 0 warnings. Exit 78. \`fapi-gateway explain missing-file\` says more.
`)
  })
})

describe('what is said helps', () => {
  /** Message and note of each diagnostic. */
  async function messages(change: Record<string, string>, ports?: Partial<LoadPorts>) {
    const { diagnostics } = await workspace.load(gateway(change), ports)
    return diagnostics.map(({ message, note }) => (note ? `${message} (${note})` : message))
  }

  test('a limit of 16 KiB for tokens is the largest', async () => {
    const { configuration } = await workspace.load(gateway({ limits: '{ token: 16KiB }' }))
    expect(configuration?.limits.token).toBe(16_384)
  })

  test.each([
    [{ version: '2' }, ['version: this program reads version 1']],
    [
      { version: '"1"' },
      ['version: this program reads version 1 (it is a number: without quotes)'],
    ],
    [
      { admin: '{ address: 9901 }' },
      ['admin.address: expected text, found a number (such as 127.0.0.1:8443)'],
    ],
    [
      { issuers: '{ a: { issuer: 1, audience: a } }' },
      ['issuers.a.issuer: expected text, found a number (such as https://as.bank.example)'],
    ],
    [
      { routes: '[{ id: a, match: /a, scopes: [a], upstream: "http://[::1]:1", realm: 1 }]' },
      ['routes[0].realm: expected text, found a number (write it in quotes: "1")'],
    ],
    [
      { routes: '[{ id: a, match: /a, scopes: [a], upstream: core }]' },
      [
        'routes[0].upstream: there is no upstream core (there are no upstreams; add upstreams: core:)',
      ],
    ],
    [
      {
        routes: '[{ id: a, match: /a, scopes: [a], upstream: core }]',
        upstreams: '{ other: { url: https://a } }',
      },
      ['routes[0].upstream: there is no upstream core (a URL, or a name of upstreams)'],
    ],
  ])('%j', async (change, expected) => {
    expect(await messages(change)).toEqual(expected)
  })

  test('cipher suites are not set at a listener', async () => {
    const listen =
      '{ address: "1:1", public_url: https://api.bank.example, certificate: tls/server.crt, key: tls/server.key, ciphers: x }'
    expect(await messages({ listen })).toEqual([
      'listen has no setting "ciphers" (cipher suites are those of the profile)',
    ])
  })

  test('a key and a certificate of one kind', async () => {
    const { generateKeyPairSync } = await import('node:crypto')
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await workspace.write('tls/another.key', key)
    const upstreams = '{ a: { url: https://a, cert: tls/server.crt, key: tls/another.key } }'
    expect(await messages({ upstreams })).toEqual([
      'tls/another.key is not the key of tls/server.crt: both are RSA 2048',
    ])
  })

  test.each([
    ['ENOENT', 'ca.pem', `${resolve('ca.pem')} does not exist`],
    ['EISDIR', 'ca.pem', `${resolve('ca.pem')} is a folder`],
    ['EACCES', 'ca.pem', `permission denied (${resolve('ca.pem')})`],
    ['ENOENT', '/ca.pem', 'it does not exist'],
    ['EISDIR', '/ca.pem', 'it is a folder'],
    ['EACCES', '/ca.pem', 'permission denied'],
  ])('why a file cannot be read: %s, %s', async (code, ca, cause) => {
    const readFile = (path: string) => {
      if (basename(path) === 'ca.pem') throw Object.assign(new Error(code), { code })
      return readFileSync(join(workspace.folder, path), 'utf8')
    }
    const upstreams = `{ a: { url: https://a, ca: ${ca} } }`
    expect(await messages({ upstreams }, { readFile })).toEqual([`${ca} cannot be read: ${cause}`])
    // Where a reference led is not shown.
    const referred = '{ a: { url: https://a, ca: "${env:CA}" } }'
    expect(await messages({ upstreams: referred }, { readFile, env: { CA: ca } })).toEqual([
      expect.stringMatching(/^\$\{env:CA\} cannot be read: (it|permission denied)[^/]*$/),
    ])
  })

  test('what could not be replaced is not judged', async () => {
    const reference = '"${env:NOPE}"'
    const listen = `{ address: ${reference}, public_url: ${reference}, certificate: ${reference}, key: "\${file:/nope/x}" }`
    const dpop = `{ nonce: { secret: ${reference}, mode: ${reference} } }`
    const outcome = await workspace.load(gateway({ listen, dpop, profile: reference }))
    expect(new Set(outcome.diagnostics.map(({ id }) => id))).toEqual(new Set(['missing-secret']))
    expect(outcome.diagnostics).toHaveLength(7)
    expect(outcome.configuration).toBeUndefined()
    expect(outcome.text).toContain('the file /nope/x cannot be read: it does not exist\n')
  })
})

describe('RFC 9449 §11.1: used proofs that each process remembers alone', () => {
  const shared = '{ nonce: { secret: a-secret-of-thirty-two-characters } }'

  test('are warned of where nonces are good at several, and the gateway starts', async () => {
    const outcome = await workspace.load(gateway({ dpop: shared }))
    expect(outcome.diagnostics).toMatchObject([{ id: 'shared-in-part', severity: 'warning' }])
    expect(outcome.text).toContain('each catches only the replays that it sees itself')
    expect(outcome.configuration).toBeDefined()
  })

  test('are not where the process has nonces of its own', async () => {
    expect(found(await workspace.load(gateway({ dpop: '{ nonce: { rotate: 30s } }' })))).toEqual([])
  })
})

describe('the hash names a configuration', () => {
  const secret = 'a-secret-of-thirty-two-characters'
  const withSecret = gateway({ dpop: '{ nonce: { secret: "${env:SECRET}" } }' })

  test('and the same file has the same', async () => {
    const [one, other] = [await workspace.load(gateway()), await workspace.load(gateway())]
    expect(one.configuration?.hash).toMatch(/^[0-9a-f]{8}$/)
    expect(one.configuration?.hash).toBe(other.configuration?.hash)
  })

  test('a secret does not enter it', async () => {
    const one = await workspace.load(withSecret, { env: { SECRET: secret } })
    const other = await workspace.load(withSecret, { env: { SECRET: `${secret}-2` } })
    expect(one.configuration?.dpop.nonceSecrets).toEqual([secret])
    expect(other.configuration?.hash).toBe(one.configuration?.hash)
  })

  const asking = (method: string) =>
    gateway({
      issuers: `{ a: { issuer: https://a.example, audience: a, introspection: { auth: { client_id: gw, ${method} } } } }`,
    })
  const nonce = (secret: string) => gateway({ dpop: `{ nonce: { secret: ${secret} } }` })
  const admin = (token: string) => gateway({ admin: `{ address: 127.0.0.1:1, token: ${token} }` })
  const other = 'another-secret-of-thirty-two-characters'
  test.each<[string, (secret: string) => string, string, string]>([
    [
      'of a client',
      (one) => asking(`method: client_secret_basic, client_secret: ${one}`),
      'hunter2',
      'hunter3',
    ],
    ['that nonces are made of', nonce, secret, other],
    ['of the administration port', admin, secret, other],
    [
      'that is a number to whoever reads it, and text here',
      admin,
      '"1234567890123456"',
      '"6543210987654321"',
    ],
    ['that is a default', nonce, `"\${env:NONE:-${secret}}"`, `"\${env:NONE:-${other}}"`],
    ['that stands beside a reference', nonce, `"\${env:PART}${secret}"`, `"\${env:PART}${other}"`],
  ])('nor one that stands in the file itself: %s', async (_, write, one, another) => {
    const env = { PART: 'p' }
    const hashes = []
    for (const text of [one, another]) {
      const { configuration, text: said } = await workspace.load(write(text), { env })
      expect(configuration, said).toBeDefined()
      hashes.push(configuration?.hash)
    }
    expect(hashes[0]).toBe(hashes[1])
  })

  test('nor a key that stands in the file itself', async () => {
    const { generateKeyPairSync } = await import('node:crypto')
    const hashes = []
    for (const format of ['pem', 'jwk', 'pem', 'jwk'] as const) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const key =
        format === 'jwk'
          ? JSON.stringify(privateKey.export({ format }))
          : privateKey.export({ format, type: 'pkcs8' }).toString()
      const method = `method: private_key_jwt, key: ${JSON.stringify(key)}`
      hashes.push((await workspace.load(asking(method))).configuration?.hash)
    }
    expect(hashes[0]).toMatch(/^[0-9a-f]{8}$/)
    expect(new Set(hashes).size).toBe(1)
  })

  test('but the name of another reference changes it', async () => {
    const env = { ONE: secret, TWO: secret }
    const hashes = []
    for (const name of ['ONE', 'TWO']) {
      const loaded = await workspace.load(nonce(`"\${env:${name}}"`), { env })
      hashes.push(loaded.configuration?.hash)
    }
    expect(hashes[0]).not.toBe(hashes[1])
  })

  test('another setting changes it, and so does another certificate', async () => {
    const { configuration } = await workspace.load(gateway())
    const limits = await workspace.load(gateway({ limits: '{ request: 20s }' }))
    expect(limits.configuration?.hash).not.toBe(configuration?.hash)

    const issuers = '\n  bank: { issuer: https://as.bank.example, audience: a, ca: ca.pem }'
    const hashes = []
    for (const ca of ['tls/server.crt', 'tls/ec.crt']) {
      const { readFileSync } = await import('node:fs')
      await workspace.write('ca.pem', readFileSync(`${workspace.folder}/${ca}`, 'utf8'))
      hashes.push((await workspace.load(gateway({ issuers }))).configuration?.hash)
    }
    expect(hashes[0]).not.toBe(hashes[1])
  })
})

describe('a secret is never printed', () => {
  test.each([
    ['a default', '"${env:NONE:-hunter2}"'],
    ['one beside a reference', '"hunter2${env:PART}"'],
  ])('that stands in the file itself: %s', async (_, written) => {
    const yaml = gateway({ dpop: `{ nonce: { secret: ${written}, rotate: 1s } }` })
    const { text, configuration } = await workspace.load(yaml, { env: { PART: 'p' } })
    expect(configuration).toBeUndefined()
    expect(text).not.toContain('hunter2')
    expect(text).toContain('rotate')
  })

  test('nor a key that stands in it as JWK', async () => {
    const key = '\'{"kty":"OKP","crv":"Ed25519","d":"hunter2"}\''
    const issuers = `{ a: { issuer: https://a.example, audience: a, introspection: { auth: { method: private_key_jwt, client_id: gw, key: ${key} } } } }`
    const { text } = await workspace.load(gateway({ issuers }))
    expect(text).toContain('invalid-file')
    expect(text).not.toContain('hunter2')
  })

  const ROUTE = 'id: a, match: /a, upstream: "http://127.0.0.1:1"'
  const SETTINGS = [
    ['admin', '{ address: "0.0.0.0:1", token: "${env:SECRET}" }'],
    ['admin', '{ address: "${env:SECRET}" }'],
    ['profile', '"${env:SECRET}"'],
    [
      'listen',
      '{ address: "1:1", public_url: "https://${env:SECRET}", certificate: "${env:SECRET}", key: "${env:SECRET}" }',
    ],
    [
      'listen',
      '{ address: "1:1", public_url: "https://x${env:SECRET}", certificate: tls/server.crt, key: tls/server.key }',
    ],
    ['dpop', '{ nonce: { secret: "${env:SECRET}", mode: "${env:SECRET}" } }'],
    ['limits', '{ request: "${env:SECRET}", connections: "${env:SECRET}" }'],
    ['issuers', '{ a: { issuer: "${env:SECRET}", audience: a, ca: "${env:SECRET}" } }'],
    ['issuers', '{ a: { issuer: "http://${env:SECRET}", audience: a } }'],
    [
      'issuers',
      '{ a: { issuer: "https://a${env:SECRET}", audience: a }, b: { issuer: "https://a${env:SECRET}", audience: a } }',
    ],
    ['issuers', '{ a: { issuer: "https://a", audience: a, algorithms: ["${env:SECRET}"] } }'],
    ['upstreams', '{ a: { url: "${env:SECRET}", cert: "${env:SECRET}", key: "${env:SECRET}" } }'],
    ['defaults', '{ claims: { a: { equals: "${env:SECRET}" } }, scopes: ["${env:SECRET}"] }'],
    ['routes', '[{ id: "${env:SECRET}", match: /a, upstream: a }]'],
    ['routes', '[{ id: a, match: "${env:SECRET}", upstream: a }]'],
    ['routes', '[{ id: a, match: /a, upstream: "${env:SECRET}" }]'],
    ['routes', '[{ id: a, match: /a, upstream: "http://x${env:SECRET}" }]'],
    [
      'routes',
      '[{ id: a, match: { paths: ["/${env:SECRET}//"], hosts: ["${env:SECRET}"], methods: ["${env:SECRET}"] }, upstream: a }]',
    ],
    ['routes', `[{ ${ROUTE}, issuers: ["\${env:SECRET}"] }]`],
    ['routes', `[{ ${ROUTE}, sender: "\${env:SECRET}" }]`],
    ['routes', `[{ ${ROUTE}, realm: "\${env:SECRET}\\u0001" }]`],
    ['routes', `[{ ${ROUTE}, forward: { sub: "\${env:SECRET}_", client_id: "\${env:SECRET}_" } }]`],
  ] as const

  test.each(SETTINGS)('wherever a reference stands: %s %s', async (key, value) => {
    const secrets = fc.sample(
      fc.string({ minLength: 12, maxLength: 40, unit: 'grapheme-ascii' }),
      20,
    )
    for (const secret of secrets.map((text) => `s3cr3t${text}`.replaceAll(' ', ''))) {
      const { text } = await workspace.load(
        gateway({ defaults: '{ claims: { a: { equals: x } } }', [key]: value }),
        { env: { SECRET: secret } },
      )
      expect(text.toLowerCase()).not.toContain('s3cr3t')
    }
  })

  test('not even one that somebody wrote into the file', async () => {
    const admin = '\n  address: 0.0.0.0:99999\n  token: s3cr3t-token-in-the-file'
    const { text } = await workspace.load(gateway({ admin, metrics: '1' }))
    expect(text).toContain('token: ')
    expect(text).not.toContain('s3cr3t')
  })
})

describe('nothing that stands in a file makes it throw', () => {
  const FULL = {
    version: 1,
    profile: 'custom',
    listen: {
      address: '127.0.0.1:8443',
      public_url: 'https://api.bank.example',
      certificate: 'tls/server.crt',
      key: 'tls/server.key',
      client_certificate: { verify: 'optional', ca: 'tls/client-ca.pem' },
    },
    issuers: {
      bank: {
        issuer: 'https://as.bank.example',
        audience: ['a'],
        algorithms: ['ES256'],
        introspection: {
          endpoint: 'https://as.bank.example/introspect',
          auth: { method: 'private_key_jwt', client_id: 'a', key: 'tls/ec.key' },
        },
      },
    },
    upstreams: { core: { url: 'https://core.internal', cert: 'tls/ec.crt', key: 'tls/ec.key' } },
    defaults: { forward: { sub: 'X-Sub' }, sender: { any_of: ['mtls'] }, claims: { a: 'present' } },
    routes: [
      {
        id: 'a',
        match: { hosts: ['api.bank.example'], paths: ['/a/**'], methods: ['GET'] },
        scopes: { all: ['a'], any: ['b'] },
        claims: { b: { one_of: ['x'] } },
        audience: 'x',
        upstream: 'core',
      },
      { id: 'b', match: 'POST /b', sender: 'mtls', upstream: 'http://127.0.0.1:1' },
    ],
    dpop: { algorithms: ['ES256'], nonce: { mode: 'off', rotate: '1m' } },
    admin: { address: '127.0.0.1:1', token: 'a-long-enough-token' },
  }

  test('as it is, it is valid', async () => {
    expect((await workspace.load(JSON.stringify(FULL))).text).toBe('')
  })

  test('with any one value replaced by any other, it is valid or there is an error', async () => {
    const values = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(
        '',
        '*',
        '/**',
        'https://',
        '${env:X}',
        '${',
        '::',
        '[::1]:1',
        'none',
        'RS256',
      ),
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...pathsOf(FULL)), values, async (path, value) => {
        const changed = structuredClone(FULL)
        const last = path.at(-1) ?? ''
        const within = path.slice(0, -1).reduce<unknown>((at, step) => {
          return (at as Record<string, unknown>)[step]
        }, changed)
        Object.assign(within as object, { [last]: value })
        const { configuration, diagnostics } = await workspace.load(JSON.stringify(changed))
        const hasErrors = diagnostics.some(({ severity }) => severity === 'error')
        expect(configuration === undefined).toBe(hasErrors)
      }),
      { numRuns: 500 },
    )
  })
})

function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    return [[...path, key], ...pathsOf(inner, [...path, key])]
  })
}
