import { once } from 'node:events'
import { connect } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Credential, createSelfSigned } from '../../src/demo/certificates.ts'
import { clientHello, extensionsFor } from '../support/client-hello.ts'
import { sumOf } from '../support/exposition.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'
import { probe } from '../support/tls-probe.ts'

const MODES = {
  off: '{ verify: off }',
  request: '{ verify: request }',
  optional: '{ ca: ca.pem }',
  required: '{ verify: required, ca: ca.pem }',
} as const
type Mode = keyof typeof MODES

/** RFC 5246 §7.4: messages of a server's first flight. */
const SERVER_HELLO = 2
const CERTIFICATE = 11
const SERVER_KEY_EXCHANGE = 12
const CERTIFICATE_REQUEST = 13
const SERVER_HELLO_DONE = 14

let fixture: Fixture
let mint: Mint
let holders: Readonly<Record<'trusted' | 'self-signed', Credential>>
const gateways = {} as Record<Mode | 'mixed', TestGateway>
const REQUIRED_HOST = 'localhost'

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  mint = createMint(signing, fixture.as.issuer)
  holders = {
    trusted: fixture.certificates.mtls,
    'self-signed': await createSelfSigned({ commonName: 'pinned', keyKind: 'EC' }),
  }
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
shutdown: { ready_off_for: 0s, drain: 2s }
`)
  }
  gateways.mixed = await fixture.gateway(`version: 1
profile: fapi2-security
listeners:
  main:
    address: 127.0.0.1:0
    public_urls: [https://$HOST, https://${REQUIRED_HOST}]
    tls:
      certificates:
        - { cert: server.crt, key: server.key, names: [$HOST], client_certificate: ${MODES.optional} }
        - { cert: server.crt, key: server.key, names: [${REQUIRED_HOST}], client_certificate: ${MODES.required} }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
})
afterAll(() => fixture.close())

/** The types of the handshake messages in a server's first flight of TLS 1.2, which are in plain. */
async function firstFlight({ port }: TestGateway): Promise<number[]> {
  const socket = connect(port, '127.0.0.1')
  const extensions = extensionsFor().filter((one) => one.readUInt16BE(0) !== 43)
  socket.write(clientHello({ extensions }))
  let handshake = Buffer.alloc(0)
  let bytes = Buffer.alloc(0)
  const types: number[] = []
  while (types.at(-1) !== SERVER_HELLO_DONE) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    bytes = Buffer.concat([bytes, chunk])
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt16BE(3)) {
      handshake = Buffer.concat([handshake, bytes.subarray(5, 5 + bytes.readUInt16BE(3))])
      bytes = bytes.subarray(5 + bytes.readUInt16BE(3))
    }
    while (handshake.length >= 4 && handshake.length >= 4 + handshake.readUIntBE(1, 3)) {
      types.push(handshake[0] ?? 0)
      handshake = handshake.subarray(4 + handshake.readUIntBE(1, 3))
    }
  }
  socket.destroy()
  return types
}

/** What a client gets that asks for accounts with a token bound to this certificate, or to a good one. */
async function outcomeOf(
  mode: Mode | 'mixed',
  holder: Credential | undefined,
  options: ConnectionOptions,
): Promise<string> {
  const gateway = gateways[mode]
  const shown = holder === undefined ? {} : { cert: holder.certificate, key: holder.key }
  const token = await mint({ cnf: { 'x5t#S256': (holder ?? holders.trusted).thumbprint } })
  const raw = await openSocket(fixture, gateway, { ...shown, ...options }).catch(() => undefined)
  if (raw === undefined) return 'closed'
  raw.write(get('/accounts', [`Authorization: Bearer ${token}`, 'Connection: close']))
  const [answer] = await raw.rest()
  if (answer === undefined) return 'closed'
  const [id = ''] = answer.lines('x-fapi-interaction-id')
  const { reason } = await gateway.accessLine(id)
  return reason === undefined ? String(answer.status) : `${answer.status} ${reason}`
}

describe('RFC 5246 §7.4.4: a certificate is asked for in the handshake, or it is not', () => {
  const WHOLE = [SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE]
  test.each<[Mode, number[]]>([
    ['off', [...WHOLE, SERVER_HELLO_DONE]],
    ['request', [...WHOLE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE]],
    ['optional', [...WHOLE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE]],
    ['required', [...WHOLE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE]],
  ])('verify: %s [TLS-17]', async (mode, expected) => {
    expect(await firstFlight(gateways[mode])).toEqual(expected)
  })
})

/** What a client is told by the time its connection is closed: the code of the error, if there is one. */
async function toldTo(
  mode: Mode | 'mixed',
  options: ConnectionOptions,
): Promise<string | undefined> {
  const to = { host: '127.0.0.1', port: gateways[mode].port, ca: fixture.authority.certificate }
  const socket = connectTls({ ...to, servername: HOST, ...options })
  let told: string | undefined
  socket.on('error', (error: NodeJS.ErrnoException) => {
    told = error.code
  })
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
  return told
}

const unaccepted = async (mode: Mode) =>
  sumOf(await gateways[mode].metrics(), 'fapigw_tls_handshake_errors_total', {
    reason: 'client_certificate',
  }) ?? 0

describe('RFC 8446 §4.4.2.4, RFC 5246 §7.4.6: where a certificate is required', () => {
  test.each([
    ['TLSv1.3', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'],
    ['TLSv1.2', /^ERR_SSL_.*ALERT_HANDSHAKE_FAILURE$/],
  ] as const)('who shows none is told so by an alert: %s [TLS-17]', async (maxVersion, alert) => {
    const before = await unaccepted('required')
    expect(await toldTo('required', { maxVersion })).toEqual(
      typeof alert === 'string' ? alert : expect.stringMatching(alert),
    )
    await expect.poll(() => unaccepted('required')).toBe(before + 1)
  })

  test.each(['TLSv1.3', 'TLSv1.2'] as const)(
    'who shows one of nobody that is trusted is let go, and counted: %s [TLS-17]',
    async (maxVersion) => {
      const before = await unaccepted('required')
      const { certificate, key } = holders['self-signed']
      await toldTo('required', { maxVersion, cert: certificate, key })
      await expect.poll(() => unaccepted('required')).toBe(before + 1)
    },
  )

  test('of one host of several, each is served as it asks, and the others are told why', async () => {
    const { certificate, key } = holders.trusted
    const shown = { cert: certificate, key }
    expect(await toldTo('mixed', { servername: REQUIRED_HOST })).not.toBe(
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    )
    expect(
      await probe(fixture, gateways.mixed, { servername: REQUIRED_HOST, ...shown }),
    ).toMatchObject({ protocol: 'TLSv1.3' })
    expect(await outcomeOf('mixed', undefined, {})).toBe('401 tls_client_cert_missing')
  })
})

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (maxVersion) => {
  // Whoever has to show one, and shows none, is let go as soon as that is known.
  test.each<Mode>(['off', 'request', 'optional'])(
    'verify: %s: the handshake is done for whoever shows no certificate [TLS-17, TLS-2]',
    async (mode) => {
      const made = await probe(fixture, gateways[mode], { maxVersion })
      expect(made).toMatchObject({ protocol: maxVersion })
    },
  )

  test.each(Object.keys(MODES) as Mode[])(
    'verify: %s: whoever shows a good one gets this version, and none before TLS 1.2 [TLS-17, TLS-1, TLS-2]',
    async (mode) => {
      const { certificate, key } = holders.trusted
      const shown = { cert: certificate, key }
      const made = await probe(fixture, gateways[mode], { maxVersion, ...shown })
      expect(made).toMatchObject({ protocol: maxVersion })
      for (const old of ['TLSv1', 'TLSv1.1'] as const) {
        const options = { ciphers: 'ALL:@SECLEVEL=0', minVersion: old, maxVersion: old, ...shown }
        expect(await probe(fixture, gateways[mode], options)).toMatch(/PROTOCOL_VERSION$/)
      }
    },
  )

  test.each<[Mode, string]>([
    ['request', '401 tls_client_cert_missing'],
    ['optional', '401 tls_client_cert_missing'],
    ['required', 'closed'],
  ])(
    'RFC 8705 §3: verify: %s: a bound token without a certificate: %s [MTLS-4, M01, TLS-17]',
    async (mode, expected) => {
      const before = fixture.reached.length
      expect(await outcomeOf(mode, undefined, { maxVersion })).toBe(expected)
      expect(fixture.reached).toHaveLength(before)
      expect(await outcomeOf(mode, holders.trusted, { maxVersion })).toBe('200')
    },
  )

  test.each<[Mode, string]>([
    ['optional', '401 tls_client_cert_untrusted'],
    ['required', 'closed'],
  ])(
    'RFC 8705 §2.1: verify: %s: a certificate of no authority that is trusted: %s [MTLS-6]',
    async (mode, expected) => {
      const before = fixture.reached.length
      expect(await outcomeOf(mode, holders['self-signed'], { maxVersion })).toBe(expected)
      expect(fixture.reached).toHaveLength(before)
    },
  )

  test('RFC 8705 §2.2: verify: request: a self-signed certificate is pinned by the token [MTLS-7]', async () => {
    expect(await outcomeOf('request', holders['self-signed'], { maxVersion })).toBe('200')
    const { certificate, key } = holders['self-signed']
    // A token of somebody else is not good with it.
    const other = { cert: certificate, key, maxVersion }
    expect(await outcomeOf('request', undefined, other)).toBe('401 cnf_x5t_mismatch')
  })
})
