import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Authority, type Credential, createAuthority } from '../../src/demo/certificates.ts'
import { type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { openSocket, type RawSocket } from '../support/raw-socket.ts'
import { byOctets, byRecords, probe, startRelay } from '../support/tls-probe.ts'

/** Two hosts that trust different authorities, and some that ask for no certificate. */
const A = 'a.bank.example'
const B = 'b.bank.example'
const OPEN = 'open.bank.example'
const WILD = 'x.wild.example'

let fixture: Fixture
let gateway: TestGateway
let trustedByB: Authority
let ofA: Credential
let ofB: Credential

const yaml = (hosts: string) => `version: 1
profile: fapi2-security
listeners:
  public:
    address: 127.0.0.1:0
    public_urls: [https://${A}, https://${B}, https://${OPEN}, https://${WILD}]
    tls:
      certificates:
${hosts}
routes:
  - { id: open, match: /accounts, public: true, upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`

beforeAll(async () => {
  fixture = await startFixture()
  trustedByB = await createAuthority({ name: 'CA of b' })
  ofA = fixture.certificates.mtls
  ofB = await trustedByB.issueClient({ commonName: 'b' })
  await writeFile(join(fixture.folder, 'b.pem'), trustedByB.certificate)
  for (const name of [A, B, OPEN, '*.wild.example']) {
    const { certificate, key } = await fixture.authority.issueServer({
      dnsNames: [name],
      keys: fixture.server.keys,
    })
    const file = join(fixture.folder, name.replace('*', 'any'))
    await writeFile(`${file}.crt`, certificate)
    await writeFile(`${file}.key`, key)
  }
  gateway = await fixture.gateway(
    yaml(`
        - { cert: ${OPEN}.crt, key: ${OPEN}.key, names: [${OPEN}] }
        - cert: ${A}.crt
          key: ${A}.key
          names: [${A}]
          client_certificate: { verify: required, ca: ca.pem }
        - cert: ${B}.crt
          key: ${B}.key
          names: [${B}]
          client_certificate: { verify: required, ca: b.pem }
        - { cert: any.wild.example.crt, key: any.wild.example.key, names: ["*.wild.example"] }
`),
  )
})
afterAll(() => fixture.close())

const withCertificate = ({ certificate, key }: Credential): ConnectionOptions => ({
  cert: certificate,
  key,
})

/** The status of a request, or `closed` where the handshake or the connection was. */
async function statusOf(
  servername: string,
  options: ConnectionOptions = {},
  host = servername.toLowerCase(),
  target: Pick<TestGateway, 'port'> = gateway,
): Promise<number | 'closed'> {
  let raw: RawSocket
  try {
    raw = await openSocket(fixture, target, { servername, ...options })
  } catch {
    return 'closed'
  }
  raw.write(`GET /accounts HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  const [answer] = await raw.rest()
  return answer?.status ?? 'closed'
}

describe('RFC 6066 §3: a name decides which certificate is shown [TLS-12]', () => {
  test.each([
    [A, A],
    [B, B],
    [OPEN, OPEN],
    [WILD, '*.wild.example'],
    ['y.wild.example', '*.wild.example'],
  ])('%s: %s', async (servername, expected) => {
    const shown = await probe(fixture, gateway, { servername })
    expect(shown).toMatchObject({ subject: `CN=${expected}` })
  })

  test.each([
    'other.example',
    'bank.example',
    `x.${A}`,
    `${A}.`,
    `${A}.evil.example`,
    'wild.example',
    'x.y.wild.example',
    `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}`,
  ])('RFC 9325 §3.7: %s is refused [M11]', async (servername) => {
    expect(await probe(fixture, gateway, { servername })).toMatch(/UNRECOGNIZED_NAME$/)
    expect(await statusOf(OPEN)).toBe(200)
  })

  test('no name at all is refused, where names decide about certificates of clients [M11, PF-14]', async () => {
    expect(await statusOf('', {}, OPEN)).toBe('closed')
    expect(await statusOf('', withCertificate(ofA), A)).toBe('closed')
  })
})

describe('CVE-2025-9312, RFC 8705 §2.1: a name decides whose certificates are accepted [PF-43]', () => {
  const cases: [string, string, () => ConnectionOptions, number | 'closed'][] = [
    [A, 'of its authority', () => withCertificate(ofA), 200],
    [A, 'of the other authority', () => withCertificate(ofB), 'closed'],
    [A, 'missing', () => ({}), 'closed'],
    [B, 'of its authority', () => withCertificate(ofB), 200],
    [B, 'of the other authority', () => withCertificate(ofA), 'closed'],
    [B, 'missing', () => ({}), 'closed'],
    [OPEN, 'missing', () => ({}), 200],
    [WILD, 'missing', () => ({}), 200],
  ]
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test.each(cases)(`${version}: %s, certificate %s: %s`, async (name, _, options, expected) => {
      expect(await statusOf(name, { ...options(), maxVersion: version })).toBe(expected)
      const checkServerIdentity = () => undefined
      const shouted = { ...options(), maxVersion: version, checkServerIdentity }
      expect(await statusOf(name.toUpperCase(), shouted)).toBe(expected)
    })
  }

  test.each([
    ['octets', byOctets],
    ['records', byRecords],
  ])(
    'RFC 8446 §5.1, CVE-2026-32305: also where the name comes in single %s [PF-14]',
    async (_, cut) => {
      const relay = await startRelay(gateway, cut)
      expect(await statusOf(A, {}, A, relay)).toBe('closed')
      expect(await statusOf(A, withCertificate(ofB), A, relay)).toBe('closed')
      expect(await statusOf(A, withCertificate(ofA), A, relay)).toBe(200)
      relay.close()
    },
  )
})

describe('CVE-2022-23632, CVE-2026-48491, RFC 9110 §15.5.20: a connection serves the host that it was made for [HTTP-5, PF-15, PF-16]', () => {
  test.each([
    [OPEN, A],
    [OPEN, B],
    [OPEN, A.toUpperCase()],
    [OPEN, `${A}:443`],
    [WILD, OPEN],
    [WILD, 'y.wild.example'],
  ])(
    'CVE-2026-48491: made for %s, asked for %s [PF-16, M10, HTTP-5, RT-3]',
    async (servername, host) => {
      const before = fixture.reached.length
      expect(await statusOf(servername, {}, host)).toBe(421)
      expect(fixture.reached).toHaveLength(before)
    },
  )

  test('CVE-2022-23632: a host with a dot behind it is not the one without [PF-15]', async () => {
    const before = fixture.reached.length
    for (const [servername, options] of [
      [OPEN, {}],
      [A, withCertificate(ofA)],
    ] as const) {
      expect(await statusOf(servername, options, `${A}.`)).toBe(421)
    }
    expect(await statusOf(`${A}.`, { checkServerIdentity: () => undefined })).toBe('closed')
    expect(fixture.reached).toHaveLength(before)
    expect(await statusOf(A, withCertificate(ofA), A)).toBe(200)
  })

  test('and not that of another authority either', async () => {
    expect(await statusOf(A, withCertificate(ofA), B)).toBe(421)
  })
})

describe('RFC 9325 §3.4, CVE-2025-23419: no session of one host is resumed on another [M07, PF-17]', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', async (maxVersion) => {
    const sessions: Buffer[] = []
    const first = await openSocket(fixture, gateway, {
      servername: A,
      maxVersion,
      ...withCertificate(ofA),
    })
    first.socket.on('session', (session) => sessions.push(session))
    first.write(`GET /accounts HTTP/1.1\r\nHost: ${A}\r\nConnection: close\r\n\r\n`)
    expect((await first.rest())[0]?.status).toBe(200)
    const last = first.socket.getSession()
    if (last !== undefined) sessions.push(last)
    expect(sessions).not.toEqual([])
    for (const session of sessions) {
      const checkServerIdentity = () => undefined
      const resuming = { session, maxVersion, checkServerIdentity }
      expect(await statusOf(B, resuming)).toBe('closed')
      expect(await statusOf(B, { ...resuming, ...withCertificate(ofA) })).toBe('closed')
    }
  })
})

describe('a listener whose hosts ask the same', () => {
  test('shows the certificate for the rest for hosts of public URLs, and where no name is said', async () => {
    const plain = await fixture.gateway(
      yaml(`
        - { cert: server.crt, key: server.key }
        - { cert: ${A}.crt, key: ${A}.key, names: [${A}] }
`),
    )
    const checkServerIdentity = () => undefined
    expect(await probe(fixture, plain, { servername: A })).toMatchObject({ subject: `CN=${A}` })
    for (const servername of [B, WILD, '']) {
      const shown = await probe(fixture, plain, { servername, checkServerIdentity })
      expect(shown).toMatchObject({ subject: 'CN=api.bank.example' })
    }
    const refused = await probe(fixture, plain, { servername: 'other.example' })
    expect(refused).toMatch(/UNRECOGNIZED_NAME$/)
    const options = { checkServerIdentity }
    expect(await statusOf(B, options, B, plain)).toBe(200)
    expect(await statusOf(B, options, OPEN, plain)).toBe(421)
    expect(await statusOf('', options, OPEN, plain)).toBe(200)
  })
})
