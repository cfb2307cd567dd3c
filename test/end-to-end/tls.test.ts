import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { type ConnectionOptions, getCiphers } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Credential } from '../../src/demo/certificates.ts'
import { sumOf } from '../support/exposition.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'
import { byOctets, byRecords, probe, startRelay } from '../support/tls-probe.ts'

const SUITES_OF_1_3 = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
]

let fixture: Fixture
let gateway: TestGateway

/** A gateway that shows this certificate, inlined. */
function start(
  { certificate, key }: Credential,
  profile = 'fapi2-security',
  more = '',
): Promise<TestGateway> {
  return fixture.gateway(`version: 1
profile: ${profile}
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: ${JSON.stringify(certificate)}
  key: ${JSON.stringify(key)}
${more}
routes:
  - { id: open, match: /open/**, public: true, upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`)
}

beforeAll(async () => {
  fixture = await startFixture()
  gateway = await start(fixture.server)
})
afterAll(() => fixture.close())

/** How many handshakes failed so far for this reason. */
async function failures(reason: string): Promise<number> {
  const text = await gateway.metrics()
  return sumOf(text, 'fapigw_tls_handshake_errors_total', { reason }) ?? 0
}

describe('versions', () => {
  test.each(['TLSv1', 'TLSv1.1'] as const)(
    'RFC 8996 §4, RFC 8996 §5: %s is refused [TLS-1, M13]',
    async (version) => {
      const before = await failures('protocol_version')
      const options = { ciphers: 'ALL:@SECLEVEL=0', minVersion: version, maxVersion: version }
      expect(await probe(fixture, gateway, options)).toMatch(/ALERT_PROTOCOL_VERSION$/)
      await expect.poll(() => failures('protocol_version')).toBeGreaterThan(before)
    },
  )

  test('RFC 9325 §3.1.1: TLS 1.3 is preferred, and TLS 1.2 is there [TLS-2, TLS-3, MTLS-13]', async () => {
    expect(await probe(fixture, gateway)).toMatchObject({ protocol: 'TLSv1.3' })
    const old: ConnectionOptions = { maxVersion: 'TLSv1.2' }
    expect(await probe(fixture, gateway, old)).toMatchObject({ protocol: 'TLSv1.2' })
  })

  test('a listener for TLS 1.3 alone speaks no TLS 1.2', async () => {
    const modern = await start(fixture.server, 'fapi2-security', '  min_version: "1.3"')
    expect(await probe(fixture, modern, { maxVersion: 'TLSv1.2' })).toMatch(/PROTOCOL_VERSION$/)
    expect(await probe(fixture, modern)).toMatchObject({ protocol: 'TLSv1.3' })
  })
})

describe('cipher suites', () => {
  /** Every suite of TLS 1.2 that this client can speak at all, tried alone. */
  async function suitesOf(target: TestGateway): Promise<string[]> {
    const found: string[] = []
    for (const name of getCiphers().filter((cipher) => !cipher.startsWith('tls_'))) {
      const options = {
        ciphers: `${name.toUpperCase()}:@SECLEVEL=0`,
        maxVersion: 'TLSv1.2',
      } as const
      const outcome = await probe(fixture, target, options)
      if (typeof outcome !== 'string') found.push(outcome.suite)
    }
    return found.sort()
  }

  test.each<[string, string, 'RSA' | 'EC', string[]]>([
    [
      'FAPI 2.0 SP §5.2.2: with an RSA key [F2-NET-5, TLS-5, TLS-6, TLS-7, M13]',
      'fapi2-security',
      'RSA',
      ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'],
    ],
    [
      'FAPI 2.0 SP §5.2.2: with an EC key [F2-NET-5, TLS-5, TLS-6, TLS-7, M13]',
      'fapi2-security',
      'EC',
      ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
    ],
    [
      'FAPI 1.0 Advanced §8.5: with an RSA key [F1A-TLS-1, TLS-5, TLS-7]',
      'fapi1-advanced',
      'RSA',
      ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'],
    ],
    [
      'FAPI 1.0 Advanced §8.5: with an EC key, none of TLS 1.2 [F1A-TLS-2]',
      'fapi1-advanced',
      'EC',
      [],
    ],
  ])('%s', async (_, profile, keyKind, expected) => {
    const credential =
      keyKind === 'RSA'
        ? fixture.server
        : await fixture.authority.issueServer({ dnsNames: [HOST], keyKind })
    const target = await start(credential, profile)
    expect(await suitesOf(target)).toEqual(expected)
  })

  test('RFC 8446 §9.1: of TLS 1.3 these three, and none with CCM [TLS-5]', async () => {
    for (const suite of SUITES_OF_1_3) {
      expect(await probe(fixture, gateway, { ciphers: suite })).toMatchObject({ suite })
    }
    const options = { ciphers: 'TLS_AES_128_CCM_SHA256', minVersion: 'TLSv1.3' } as const
    expect(await probe(fixture, gateway, options)).toMatch(/HANDSHAKE_FAILURE$/)
  })

  test('RFC 9325 §4.1: the strongest wins, whatever the client would rather have', async () => {
    const ciphers = [...SUITES_OF_1_3].reverse().join(':')
    expect(await probe(fixture, gateway, { ciphers })).toMatchObject({ suite: SUITES_OF_1_3[0] })
  })

  test.each<[string, ConnectionOptions]>([
    ['RFC 9325 §4.5: a group of less than 128 bits', { ecdhCurve: 'P-192' }],
    ['RFC 9155 §2: signatures with SHA-1', { sigalgs: 'RSA+SHA1' }],
  ])('%s is refused [TLS-8]', async (_, options) => {
    const outcome = await probe(fixture, gateway, {
      ciphers: 'ALL:@SECLEVEL=0',
      maxVersion: 'TLSv1.2',
      ...options,
    })
    expect(outcome).toMatch(/HANDSHAKE_FAILURE$/)
  })
})

describe('application protocols [TLS-13]', () => {
  test.each([[['h2']], [['http/1.0']], [['h2', 'h2c', 'spdy/3']]])(
    'RFC 7301 §3.2: %j is refused with no_application_protocol [TLS-13, M26]',
    async (ALPNProtocols) => {
      const before = await failures('no_application_protocol')
      const outcome = await probe(fixture, gateway, { ALPNProtocols })
      expect(outcome).toMatch(/NO_APPLICATION_PROTOCOL$/)
      await expect.poll(() => failures('no_application_protocol')).toBeGreaterThan(before)
    },
  )

  test.each<[string[] | undefined, string | false]>([
    [['h2', 'http/1.1'], 'http/1.1'],
    [['http/1.1'], 'http/1.1'],
    [undefined, false],
  ])('RFC 9325 §3.8: of %j comes %s', async (protocols, alpn) => {
    const options = protocols === undefined ? {} : { ALPNProtocols: protocols }
    expect(await probe(fixture, gateway, options)).toMatchObject({ alpn })
  })

  test('a thousand protocols do no harm [M26]', async () => {
    const ALPNProtocols = Array.from({ length: 1000 }, (_, i) => `x-${i}`)
    expect(await probe(fixture, gateway, { ALPNProtocols })).toMatch(/NO_APPLICATION_PROTOCOL$/)
  })
})

describe('what can be done with a connection', () => {
  test('RFC 9325 §3.5: a renegotiation is refused [TLS-10, M12]', async () => {
    const { socket, closed } = await openSocket(fixture, gateway, { maxVersion: 'TLSv1.2' })
    const outcome = new Promise((resolve) => {
      socket.renegotiate({ rejectUnauthorized: true }, resolve)
      void closed.then(resolve)
    })
    expect(await outcome).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' })
  })

  test('RFC 9325 §3.3: nothing is compressed, though the client would [TLS-4]', async () => {
    const socket = connectTcp(gateway.port, '127.0.0.1')
    socket.write(helloThatCompresses())
    const [hello] = await once(socket, 'data')
    socket.destroy()
    // RFC 5246 §7.4.1.3: record and message header, version, random, session id, suite, compression.
    const sessionId = hello[43]
    expect(hello[5]).toBe(2)
    expect(hello[44 + sessionId + 2]).toBe(0)
  })

  test.each([
    ['octets', byOctets],
    ['records', byRecords],
  ])('a ClientHello in single %s is one all the same', async (_, cut) => {
    const relay = await startRelay(gateway, cut)
    const raw = await openSocket(fixture, relay)
    raw.write(get('/open', ['Connection: close']))
    expect((await raw.rest()).map(({ status }) => status)).toEqual([404])
    relay.close()
  })

  test('plain HTTP gets no answer, and is counted', async () => {
    const socket = connectTcp(gateway.port, '127.0.0.1')
    socket.write(get('/open'))
    const chunks = await Array.fromAsync(socket)
    expect(String(Buffer.concat(chunks))).not.toContain('HTTP/')
    await expect.poll(() => failures('plain_http')).toBe(1)
  })
})

/** RFC 5246 §7.4.1.2: of TLS 1.2, with the compression method DEFLATE (RFC 3749) before none. */
function helloThatCompresses(): Buffer {
  const suites = Buffer.from('c02fc030', 'hex')
  const extensions = Buffer.from(
    '000a00060004001d0017' + '000b00020100' + '000d00080006040308040401',
    'hex',
  )
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(32, 1),
    Buffer.of(0),
    Buffer.of(0, suites.length),
    suites,
    Buffer.from('020100', 'hex'),
    Buffer.of(0, extensions.length),
    extensions,
  ])
  const message = Buffer.concat([Buffer.of(1, 0, 0, body.length), body])
  return Buffer.concat([Buffer.of(0x16, 3, 1, 0, message.length), message])
}
