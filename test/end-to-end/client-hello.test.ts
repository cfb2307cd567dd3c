import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  answerTo,
  clientHello,
  extension,
  extensionsFor,
  type Hello,
  helloMessage,
  keyShare,
  protocols,
  record,
  serverName,
  signatureAlgorithms,
  supportedGroups,
  supportedVersions,
  vector,
} from '../support/client-hello.ts'
import { sumOf } from '../support/exposition.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from '../support/fixture.ts'

const BOUND = 'bound.bank.example'

let fixture: Fixture
/** With one certificate, for whatever host its public URL has. */
let plain: TestGateway
/** The same with an EC key. */
let curve: TestGateway
/** With a certificate for each of two hosts, one of which wants certificates of clients. */
let named: TestGateway

beforeAll(async () => {
  fixture = await startFixture()
  const rest = `
routes:
  - { id: open, match: /open/**, public: true, upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`
  const simple = (certificate: string, key: string) => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: ${JSON.stringify(certificate)}
  key: ${JSON.stringify(key)}
${rest}`
  plain = await fixture.gateway(simple('server.crt', 'server.key'))
  const ec = await fixture.authority.issueServer({ dnsNames: [HOST], keyKind: 'EC' })
  curve = await fixture.gateway(simple(ec.certificate, ec.key))
  const bound = await fixture.authority.issueServer({
    dnsNames: [BOUND],
    keys: fixture.server.keys,
  })
  const written = `cert: ${JSON.stringify(bound.certificate)}, key: ${JSON.stringify(bound.key)}`
  named = await fixture.gateway(`version: 1
profile: fapi2-security
listeners:
  public:
    address: 127.0.0.1:0
    public_urls: [https://$HOST, https://${BOUND}]
    tls:
      certificates:
        - { cert: server.crt, key: server.key, names: [$HOST] }
        - ${`{ ${written}, names: [${BOUND}], client_certificate: { verify: required, ca: ca.pem } }`}
${rest}`)
})
afterAll(() => fixture.close())

/** The extensions of an honest client, this one put in the place of its own of that type. */
function replacing(...others: readonly Buffer[]): Buffer[] {
  const types = new Set(others.map((one) => one.readUInt16BE(0)))
  return [...extensionsFor().filter((one) => !types.has(one.readUInt16BE(0))), ...others]
}

function without(...types: readonly number[]): Buffer[] {
  return extensionsFor().filter((one) => !types.includes(one.readUInt16BE(0)))
}

const SNI = 0
const VERSIONS = 43

describe('RFC 6066 §3: the name that a ClientHello says', () => {
  test.each<[string, string | Buffer]>([
    ['as it is', HOST],
    ['in capital letters', HOST.toUpperCase()],
    ['in both', 'Api.BANK.example'],
  ])('%s is one that is served, CVE-2026-48928 [M08, TLS-12]', async (_, name) => {
    const extensions = extensionsFor(name)
    for (const { port } of [plain, named]) {
      expect(await answerTo(port, clientHello({ extensions }))).toBe('TLS 1.3')
      const old = extensions.filter((one) => one.readUInt16BE(0) !== VERSIONS)
      expect(await answerTo(port, clientHello({ extensions: old }))).toBe('TLS 1.2')
    }
  })

  test.each<[string, string | Buffer]>([
    ['another', 'other.example'],
    ['one below', `x.${HOST}`],
    ['one above', 'bank.example'],
    ['one that goes on', `${HOST}.evil.example`],
    ['with a dot behind it', `${HOST}.`],
    ['a dot', '.'],
    ['of 255 octets', 'a'.repeat(255)],
    ['of 256 octets', 'a'.repeat(256)],
    ['of 60,000 octets', 'a'.repeat(60_000)],
    ['with a NUL in it', `${HOST}\0.evil.example`],
    ['a NUL', '\0'],
    ['an IPv4 address', '127.0.0.1'],
    ['an IPv6 address', '[::1]'],
    ['in letters beyond ASCII', 'bänk.example'],
    ['in octets that are no letters', Buffer.of(0xff, 0xfe, 0x80)],
    ['that every object has', '__proto__'],
  ])('RFC 9325 §3.7: %s: refused with unrecognized_name [M11, TLS-12]', async (_, name) => {
    const extensions = extensionsFor(name)
    for (const { port } of [plain, named]) {
      expect(await answerTo(port, ...records({ extensions }))).toBe('unrecognized_name')
      const old = extensions.filter((one) => one.readUInt16BE(0) !== VERSIONS)
      expect(await answerTo(port, ...records({ extensions: old }))).toBe('unrecognized_name')
      expect(await answerTo(port, clientHello())).toBe('TLS 1.3')
    }
  })

  test('a name that is refused is counted as such', async () => {
    const refused = async () =>
      sumOf(await plain.metrics(), 'fapigw_tls_handshake_errors_total', {
        reason: 'unrecognized_name',
      }) ?? 0
    const before = await refused()
    await answerTo(plain.port, clientHello({ extensions: extensionsFor('other.example') }))
    await expect.poll(refused).toBe(before + 1)
  })

  test.each<[string, Buffer]>([
    ['of another kind', serverName(HOST, 1)],
    ['beside a second one', twoNames(HOST, BOUND)],
    ['that is missing', extension(SNI)],
    ['that is cut off', extension(SNI, Buffer.from('00ff00', 'hex'))],
  ])('%s: refused with decode_error [M11]', async (_, sni) => {
    for (const { port } of [plain, named]) {
      const hello = clientHello({ extensions: [sni, ...without(SNI)] })
      expect(await answerTo(port, hello)).toBe('decode_error')
    }
  })
})

/** Names of two hosts in one extension. */
function twoNames(...names: readonly string[]): Buffer {
  const entries = names.map((name) => Buffer.concat([Buffer.of(0), vector(2, Buffer.from(name))]))
  return extension(SNI, vector(2, Buffer.concat(entries)))
}

/** A ClientHello that may be too long for one record. */
function records(change: Partial<Hello>): Buffer[] {
  const message = helloMessage(change)
  const found: Buffer[] = []
  for (let at = 0; at < message.length; at += 16_384) {
    found.push(record(22, message.subarray(at, at + 16_384)))
  }
  return found
}

describe('RFC 8446 §5.1: a ClientHello in pieces is one', () => {
  test('an octet a record [M24, M23]', async () => {
    const pieces = [...helloMessage()].map((octet) => record(22, Buffer.of(octet)))
    expect(await answerTo(named.port, ...pieces)).toBe('TLS 1.3')
    const other = [...helloMessage({ extensions: extensionsFor('other.example') })]
    const refused = other.map((octet) => record(22, Buffer.of(octet)))
    expect(await answerTo(named.port, ...refused)).toBe('unrecognized_name')
  })
})

describe('RFC 8996 §4, RFC 8996 §5: a ClientHello of a version that is not spoken', () => {
  test.each<[string, Partial<Hello>, string]>([
    ['TLS 1.1', { version: 0x0302, extensions: without(VERSIONS) }, 'protocol_version'],
    ['TLS 1.0', { version: 0x0301, extensions: without(VERSIONS) }, 'protocol_version'],
    [
      'TLS 1.1, said anew',
      { extensions: replacing(supportedVersions(0x0302)) },
      'protocol_version',
    ],
    ['one to come', { extensions: replacing(supportedVersions(0x0305)) }, 'protocol_version'],
    ['SSL 3.0', { version: 0x0300, recordVersion: 0x0300, extensions: [] }, 'handshake_failure'],
  ])('%s: refused [TLS-1, M13]', async (_, change, alert) => {
    expect(await answerTo(plain.port, clientHello(change))).toBe(alert)
  })

  test('RFC 6176 §3: SSL 2.0: refused [TLS-1, M13]', async () => {
    const specs = Buffer.from('0100800200800300800400800500800600400700c0', 'hex')
    const head = Buffer.from('010002001500000010', 'hex')
    const hello = Buffer.concat([head, specs, Buffer.alloc(16, 1)])
    const length = Buffer.of(0x80, hello.length)
    expect(await answerTo(plain.port, length, hello)).toBe('protocol_version')
  })

  test('RFC 9325 §3.1.3, RFC 7507 §3: a fallback is refused [TLS-4]', async () => {
    const change = { suites: [0xc02f, 0x5600], extensions: without(VERSIONS) }
    expect(await answerTo(plain.port, clientHello(change))).toBe('inappropriate_fallback')
    const honest = { ...change, suites: [0xc02f] }
    expect(await answerTo(plain.port, clientHello(honest))).toBe('TLS 1.2')
  })
})

describe('RFC 8446 §4.1.2: a ClientHello that is none is refused with the alert that says so', () => {
  const grease = extension(0x6a6a, Buffer.alloc(100))
  test.each<[string, Partial<Hello>, string]>([
    ['an extension that nobody knows', { extensions: [grease, ...extensionsFor()] }, 'TLS 1.3'],
    ['a thousand of them', { extensions: [...thousand(), ...extensionsFor()] }, 'TLS 1.3'],
    ['one name twice', { extensions: [...extensionsFor(), serverName(HOST)] }, 'illegal_parameter'],
    [
      'its versions twice',
      { extensions: [...extensionsFor(), supportedVersions(0x0304)] },
      'illegal_parameter',
    ],
    ['no suites', { suites: [] }, 'decode_error'],
    ['a suite that nobody knows', { suites: [0x6a6a] }, 'handshake_failure'],
    ['no compression method', { compressions: [] }, 'decode_error'],
    ['compression alone', { compressions: [1] }, 'illegal_parameter'],
    ['a session id of 33 octets', { sessionId: Buffer.alloc(33) }, 'decode_error'],
    ['no extensions', { extensions: [] }, 'handshake_failure'],
    ['no signature algorithms', { extensions: without(13) }, 'missing_extension'],
    ['no key share', { extensions: without(51) }, 'missing_extension'],
    ['key shares to come', { extensions: replacing(extension(51, Buffer.alloc(2))) }, 'retry'],
    [
      'a key share of no order',
      { extensions: replacing(keyShare(0x001d, Buffer.alloc(32))) },
      'illegal_parameter',
    ],
    [
      'half a key share',
      { extensions: replacing(keyShare(0x001d, Buffer.alloc(16, 1))) },
      'illegal_parameter',
    ],
    [
      'a key share beside the curve',
      { extensions: replacing(keyShare(0x0017, Buffer.alloc(65, 4))) },
      'illegal_parameter',
    ],
    ['a protocol without a name', { extensions: replacing(protocols('')) }, 'decode_error'],
    ['no protocol', { extensions: replacing(protocols()) }, 'decode_error'],
    [
      'a session of nobody',
      { extensions: [...extensionsFor(), preSharedKey()] },
      // It is not resumed, which is no fault.
      'TLS 1.3',
    ],
    [
      'a session that is not said last',
      { extensions: [preSharedKey(), ...extensionsFor()] },
      'illegal_parameter',
    ],
  ])('%s [M23]', async (_, change, expected) => {
    expect(await answerTo(plain.port, clientHello(change))).toBe(expected)
    expect(await answerTo(plain.port, clientHello())).toBe('TLS 1.3')
  })

  const message = helloMessage()
  const longer = Buffer.concat([message.subarray(4), Buffer.alloc(5)])
  const finished = Buffer.concat([Buffer.of(20), vector(3, Buffer.alloc(12))])
  test.each<[string, readonly Buffer[], string]>([
    [
      'octets behind its extensions',
      [record(22, Buffer.concat([Buffer.of(1), vector(3, longer)]))],
      'decode_error',
    ],
    ['a record that is too long', [record(22, Buffer.alloc(18_433))], 'record_overflow'],
    [
      'a message of 16 MiB',
      [record(22, Buffer.concat([Buffer.from('01ffffff', 'hex'), Buffer.alloc(16_000)]))],
      'illegal_parameter',
    ],
    ['records with nothing in them', times(40, record(22, Buffer.alloc(0))), 'unexpected_message'],
    ['warnings without end', times(10, record(21, Buffer.of(1, 90))), 'unexpected_message'],
    ['a change of keys first', [record(20, Buffer.of(1))], 'unexpected_message'],
    ['data first', [record(23, Buffer.from('GET / HTTP/1.1\r\n\r\n'))], 'unexpected_message'],
    ['the end first', [record(22, finished)], 'unexpected_message'],
    [
      'a ServerHello',
      [record(22, Buffer.concat([Buffer.of(2), vector(3, Buffer.alloc(40))]))],
      'unexpected_message',
    ],
    ['a HelloRequest', [record(22, Buffer.alloc(4))], 'unexpected_message'],
    ['a heartbeat', [record(24, Buffer.from('014000', 'hex'))], 'unexpected_message'],
    ['no record at all', [Buffer.alloc(300, 0xaa)], 'closed'],
  ])('%s [M23, M24]', async (_, pieces, expected) => {
    expect(await answerTo(plain.port, ...pieces)).toBe(expected)
    expect(await answerTo(plain.port, clientHello())).toBe('TLS 1.3')
  })
})

function thousand(): Buffer[] {
  return Array.from({ length: 1000 }, (_, index) => extension(0x3000 + index))
}

function times(count: number, piece: Buffer): Buffer[] {
  return Array.from({ length: count }, () => piece)
}

/** RFC 8446 §4.2.11: a ticket that nobody gave out. */
function preSharedKey(): Buffer {
  const identity = Buffer.concat([vector(2, Buffer.alloc(200, 1)), Buffer.alloc(4)])
  const binder = vector(1, Buffer.alloc(32))
  return extension(41, Buffer.concat([vector(2, identity), vector(2, binder)]))
}

describe('RFC 9325 §4.5: what a handshake is made with, tried one by one', () => {
  const hex = (codes: readonly number[]) => codes.map((code) => code.toString(16))
  const NEW = supportedVersions(0x0304)
  const OLD = supportedVersions(0x0303)

  /** The codes with which a ClientHello is answered by a ServerHello. */
  async function taken(
    { port }: TestGateway,
    codes: readonly number[],
    extensions: (code: number) => Buffer[],
  ): Promise<string[]> {
    const found: number[] = []
    for (const code of codes) {
      const answer = await answerTo(port, clientHello({ extensions: extensions(code) }))
      if (/^TLS|^retry$/.test(answer)) found.push(code)
    }
    return hex(found)
  }

  // RFC 8446 §4.2.7, RFC 7919 §2, and the hybrids with ML-KEM.
  const GROUPS = [...range(1, 0x29), ...range(0x100, 0x104), ...range(0x11eb, 0x11ed), 0xff01]
  test.each([
    ['TLS 1.2', OLD],
    ['TLS 1.3', NEW],
  ])('%s: X25519, P-256 and P-384, and no other group [TLS-8]', async (_, version) => {
    const extensions = (group: number) =>
      replacing(version, supportedGroups(group), extension(51, Buffer.alloc(2)))
    expect(await taken(plain, GROUPS, extensions)).toEqual(hex([0x17, 0x18, 0x1d]))
  })

  // RFC 8446 §4.2.3; from 1 to 6 the first octet is the hash of TLS 1.2, and the second one the key.
  const ALGORITHMS = [
    ...range(1, 6).flatMap((hash) => range(1, 3).map((key) => hash * 256 + key)),
    ...range(0x0804, 0x080b),
    ...range(0x081a, 0x081c),
    ...range(0x0904, 0x0906),
  ]
  test.each<[string, string, () => TestGateway, number[]]>([
    ['TLS 1.2, RSA', 'TLS 1.2', () => plain, [0x401, 0x501, 0x601, 0x804, 0x805, 0x806]],
    ['TLS 1.3, RSA', 'TLS 1.3', () => plain, [0x804, 0x805, 0x806]],
    ['TLS 1.2, EC', 'TLS 1.2', () => curve, [0x403, 0x503, 0x603]],
    ['TLS 1.3, EC', 'TLS 1.3', () => curve, [0x403]],
  ])('%s: no signature with SHA-1, nor of another kind [TLS-8]', async (_, version, at, codes) => {
    const extensions = (algorithm: number) =>
      replacing(version === 'TLS 1.3' ? NEW : OLD, signatureAlgorithms(algorithm))
    expect(await taken(at(), ALGORITHMS, extensions)).toEqual(hex(codes))
  })
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

describe('application protocols', () => {
  test.each([['spdy/3'], ['http/1.0'], ['x'.repeat(255)], ['http/1.1\0'], ['HTTP/1.1']])(
    'RFC 7301 §3.2: %j alone is refused [TLS-13, M26]',
    async (name) => {
      const extensions = replacing(protocols(name))
      expect(await answerTo(plain.port, clientHello({ extensions }))).toBe(
        'no_application_protocol',
      )
    },
  )

  test('one that is spoken, behind a thousand that are not, is chosen [M26]', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `x-${index}`)
    const extensions = replacing(protocols(...names, 'http/1.1'))
    expect(await answerTo(plain.port, clientHello({ extensions }))).toBe('TLS 1.3')
  })

  test('none at all is fine [M26]', async () => {
    const extensions = without(16)
    expect(await answerTo(plain.port, clientHello({ extensions }))).toBe('TLS 1.3')
  })
})
