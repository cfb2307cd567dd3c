import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { beforeAll, describe, expect, test } from 'vitest'
import { createAuthority } from '../../src/demo/certificates.ts'
import { Authorities, verifyChain } from '../../src/x509/chain.ts'
import {
  CLIENT_AUTH,
  extension,
  type Issued,
  type Make,
  root,
  rsa,
  rsaWithExponent,
  SERVER_AUTH,
  selfSigned,
  USAGE,
} from '../support/certificate-tree.ts'

const NOW = Math.floor(Date.now() / 1000)
const HOUR = 3_600_000
const PAST = { notBefore: new Date(Date.now() - 2 * HOUR), notAfter: new Date(Date.now() - HOUR) }
const FUTURE = { notBefore: new Date(Date.now() + HOUR), notAfter: new Date(Date.now() + 2 * HOUR) }

/** What makes a client of the honest kind. */
const CLIENT = { purposes: [CLIENT_AUTH], usage: USAGE.sign }
const MADE_UP = (critical: boolean) => extension('1.2.3.4', critical, '0500')
let ca: Issued
let sub: Issued
let leaf: Issued

beforeAll(async () => {
  ca = await root('root')
  sub = await ca.issueCa('sub')
  leaf = await sub.issue('client', CLIENT)
})

/** What is wrong with a path; the names on it if nothing is. */
function outcome(
  of: Issued,
  beside: readonly Issued[] = [],
  authorities: readonly Issued[] = [ca],
  now = NOW,
): string {
  const { path, fault } = verifyChain(
    of.certificate,
    beside.map(({ certificate }) => certificate),
    new Authorities(authorities.map(({ certificate }) => certificate)),
    now,
  )
  return fault ?? path.map(({ subject }) => subject.replace('CN=', '')).join(' < ')
}

describe('RFC 5280 §6.1: a path leads from the certificate to a configured CA', () => {
  test('directly, or over what came beside it, in whatever order', async () => {
    expect(outcome(await ca.issue('direct', CLIENT))).toBe('direct < root')
    expect(outcome(leaf, [sub])).toBe('client < sub < root')
    const third = await sub.issueCa('third')
    const deep = await third.issue('deep', CLIENT)
    expect(outcome(deep, [sub, third])).toBe('deep < third < sub < root')
    expect(outcome(deep, [third, await root('other'), sub, ca])).toBe('deep < third < sub < root')
  })

  test('or over other configured CAs', () => {
    expect(outcome(leaf, [], [ca, sub])).toBe('client < sub < root')
  })

  test('the path is the one that was verified, and holds until its first certificate ends', async () => {
    const brief = await ca.issueCa('brief', { notAfter: new Date((NOW + 60) * 1000) })
    const client = await brief.issue('client', CLIENT)
    const authorities = new Authorities([ca.certificate])
    const chain = verifyChain(client.certificate, [brief.certificate], authorities, NOW)
    expect(chain).toMatchObject({ fault: undefined, until: NOW + 60 })
    expect(chain.path.map(({ raw }) => raw)).toEqual([client.der, brief.der, ca.der])
    expect(outcome(client, [brief], [ca], NOW + 60)).toBe('client < brief < root')
    expect(outcome(client, [brief], [ca], NOW + 61)).toBe('CERT_HAS_EXPIRED')
  })

  test('a way around a dead end or a CA that has ended is found', async () => {
    const renewed = await ca.issueCa('sub', { keys: sub.keys })
    const ended = await ca.issueCa('sub', { keys: sub.keys, ...PAST })
    const unknown = await root('unknown')
    const crossed = await unknown.issueCa('sub', { keys: sub.keys })
    expect(outcome(leaf, [ended])).toBe('CERT_HAS_EXPIRED')
    expect(outcome(leaf, [crossed])).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
    expect(outcome(leaf, [crossed, ended, renewed])).toBe('client < sub < root')
  })

  test('a certificate that is itself configured is one, if it vouches for itself', async () => {
    const pinned = await selfSigned('pinned', CLIENT)
    expect(outcome(pinned, [], [ca, pinned])).toBe('pinned')
    expect(outcome(leaf, [], [leaf, sub])).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
  })
})

describe('RFC 5280 §6.1: and not from a stranger', () => {
  test('without an issuer, or with nobody to vouch for it', async () => {
    expect(outcome(leaf)).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
    expect(outcome(leaf, [sub], [])).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
    expect(outcome(await selfSigned('alone', CLIENT))).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  })

  test('of another authority, of the same name too', async () => {
    const other = await root('root')
    const client = await other.issue('client', CLIENT)
    expect(outcome(client)).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
    expect(outcome(client, [other])).toBe('SELF_SIGNED_CERT_IN_CHAIN')
  })

  test('with an intermediate of the right name and another key', async () => {
    const impostor = await ca.issueCa('sub')
    expect(outcome(leaf, [impostor])).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
  })
})

describe('RFC 5280 §6.1.3 (a)(2): every certificate is within its dates', () => {
  test.each([
    ['has ended', PAST, 'CERT_HAS_EXPIRED'],
    ['has not begun', FUTURE, 'CERT_NOT_YET_VALID'],
  ])('%s', async (_title, dates, fault) => {
    expect(outcome(await ca.issue('client', { ...CLIENT, ...dates }))).toBe(fault)
    const between = await ca.issueCa('between', dates)
    expect(outcome(await between.issue('client', CLIENT), [between])).toBe(fault)
    const top = await root('top', dates)
    expect(outcome(await top.issue('client', CLIENT), [], [top])).toBe(fault)
  })
})

describe('RFC 5280 §6.1.4: whoever issues is a CA', () => {
  test('RFC 5280 §6.1.4 (k): and not a client that signs for a friend', async () => {
    const plain = await ca.issue('plain', { ...CLIENT, usage: USAGE.issue })
    expect(outcome(await plain.issue('friend', CLIENT), [plain])).toBe('INVALID_CA')
    const bare = await ca.issue('bare')
    expect(outcome(await bare.issue('friend', CLIENT), [bare])).toBe('INVALID_CA')
  })

  test('whose key may sign certificates', async () => {
    const signer = await ca.issueCa('signer', { usage: USAGE.sign })
    const friend = await signer.issue('friend', CLIENT)
    expect(outcome(friend, [signer])).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
  })

  test('RFC 5280 §6.1.4 (l): for no more CAs below than it may have; those that change their key do not count', async () => {
    const narrow = await ca.issueCa('narrow', { ca: 0 })
    expect(outcome(await narrow.issue('client', CLIENT), [narrow])).toBe('client < narrow < root')
    const below = await narrow.issueCa('below')
    const client = await below.issue('client', CLIENT)
    expect(outcome(client, [narrow, below])).toBe('PATH_LENGTH_EXCEEDED')
    const renewed = await narrow.issueCa('narrow')
    const of = await renewed.issue('client', CLIENT)
    expect(outcome(of, [narrow, renewed])).toBe('client < narrow < narrow < root')
  })
})

describe('RFC 5280 §4.2.1.12, §4.2.1.3: the certificate is for clients', () => {
  test.each([
    ['for servers alone', { purposes: [SERVER_AUTH] }, 'INVALID_PURPOSE'],
    ['for anything', { purposes: ['2.5.29.37.0'] }, 'INVALID_PURPOSE'],
    ['for both', { purposes: [SERVER_AUTH, CLIENT_AUTH] }, 'client < root'],
    ['for nothing in particular', {}, 'client < root'],
    ['to encipher keys', { usage: USAGE.encipher }, 'INVALID_PURPOSE'],
    ['to agree on keys', { usage: USAGE.agree }, 'client < root'],
  ])('%s', async (_title, make, expected) => {
    expect(outcome(await ca.issue('client', make))).toBe(expected)
  })

  test('and so is what its CA may issue', async () => {
    const servers = await ca.issueCa('servers', { purposes: [SERVER_AUTH] })
    expect(outcome(await servers.issue('client', CLIENT), [servers])).toBe('INVALID_PURPOSE')
  })
})

describe('RFC 5280 §6.1.4 (o): what has to be understood and is not', () => {
  const fault = 'UNHANDLED_CRITICAL_EXTENSION'
  test.each([
    ['a critical extension that nobody knows', MADE_UP(true), fault],
    ['the same, not critical', MADE_UP(false), 'client < root'],
    ['policies', extension('2.5.29.32', true, '3000'), 'client < root'],
    ['name constraints', extension('2.5.29.30', true, '3000'), fault],
    ['the same, not critical', extension('2.5.29.30', false, '3000'), fault],
    [
      'a purpose that is none',
      extension('2.5.29.37', true, '0500'),
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    ],
  ])('%s', async (_title, extension, expected) => {
    expect(outcome(await ca.issue('client', { extensions: [extension] }))).toBe(expected)
  })

  test('in a CA as well', async () => {
    const odd = await ca.issueCa('odd', { extensions: [MADE_UP(true)] })
    expect(outcome(await odd.issue('client', CLIENT), [odd])).toBe(fault)
  })
})

describe('RFC 5280 §6.1.5 (g): a policy, where an authority demands that there be one', () => {
  const DEMANDS = extension('2.5.29.36', true, '3003800100')
  const NAMES = extension('2.5.29.32', false, '3006300406022a03')
  const NAMES_ANOTHER = extension('2.5.29.32', false, '3006300406022a04')

  test.each([
    ['that all name', [NAMES], [NAMES], 'client < own < root'],
    ['that the client does not name', [NAMES], [], 'NO_EXPLICIT_POLICY'],
    ['that the authority does not name itself', [], [NAMES], 'NO_EXPLICIT_POLICY'],
    ['on which they differ', [NAMES], [NAMES_ANOTHER], 'NO_EXPLICIT_POLICY'],
  ])('%s', async (_title, ofCa, ofClient, expected) => {
    const own = await ca.issueCa('own', { extensions: [DEMANDS, ...ofCa] })
    const client = await own.issue('client', { ...CLIENT, extensions: ofClient })
    expect(outcome(client, [own])).toBe(expected)
  })

  test('but of a root nothing is asked', async () => {
    const own = await root('own', { extensions: [DEMANDS] })
    expect(outcome(await own.issue('client', CLIENT), [], [own])).toBe('client < own')
  })
})

describe('what a chain costs', () => {
  test('is sixteen signatures at most', async () => {
    const namesakes = await Promise.all(Array.from({ length: 15 }, () => ca.issueCa('sub')))
    expect(outcome(leaf, [...namesakes.slice(1), sub])).toBe('client < sub < root')
    expect(outcome(leaf, [...namesakes, sub])).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
  })

  test.each<[string, () => Promise<Make>, boolean]>([
    ['4096 bits', async () => ({ key: rsa(4096, 'SHA-256') }), true],
    ['4104 bits', async () => ({ key: rsa(4104, 'SHA-256') }), false],
    ['exponent 2^32 - 5', async () => ({ keys: await rsaWithExponent(2n ** 32n - 5n) }), true],
    ['exponent 2^32 + 15', async () => ({ keys: await rsaWithExponent(2n ** 32n + 15n) }), false],
  ])(
    'is not an RSA key that is large and not configured: %s',
    async (_title, make, isTaken) => {
      const own = await ca.issueCa('own', await make())
      const client = await own.issue('client', CLIENT)
      const holds = 'client < own < root'
      expect(outcome(client, [own])).toBe(isTaken ? holds : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
      expect(outcome(client, [], [ca, own])).toBe(holds)
    },
    30_000,
  )

  test('nor by its own key', async () => {
    const alone = await selfSigned('alone', { key: rsa(4104, 'SHA-256') })
    expect(outcome(alone)).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
  }, 30_000)
})

describe('RFC 9325 §4.5: keys and signatures are strong', () => {
  test.each([
    ['a client with RSA 1024', { key: rsa(1024, 'SHA-256') }, 'EE_KEY_TOO_SMALL'],
    ['a client with RSA 2048', { key: rsa(2048, 'SHA-256') }, 'client < root'],
    ['a signature with SHA-1', { hash: 'SHA-1' }, 'CA_MD_TOO_WEAK'],
    ['a signature with SHA-512', { hash: 'SHA-512' }, 'client < root'],
  ])('%s', async (_title, make, expected) => {
    expect(outcome(await ca.issue('client', make))).toBe(expected)
  })

  test('of a CA as well', async () => {
    const weak = await root('weak', { key: rsa(1024, 'SHA-256') })
    expect(outcome(await weak.issue('client', CLIENT), [], [weak])).toBe('CA_KEY_TOO_SMALL')
    const old = await ca.issueCa('old', { hash: 'SHA-1' })
    expect(outcome(await old.issue('client', CLIENT), [old])).toBe('CA_MD_TOO_WEAK')
  })

  test('but what a root signed for itself proves nothing, and may be old', async () => {
    const old = await root('old', { hash: 'SHA-1' })
    expect(outcome(await old.issue('client', CLIENT), [], [old])).toBe('client < old')
  })

  test.each([
    ['SHA-256', 'client < pss'],
    ['SHA-512', 'client < pss'],
    ['SHA-1', 'CA_MD_TOO_WEAK'],
  ])('RSA-PSS with %s: %s', async (hash, expected) => {
    const pss = await root('pss', { key: rsa(2048, hash, 'RSA-PSS') })
    expect(outcome(await pss.issue('client', CLIENT), [], [pss])).toBe(expected)
  })
})

describe('a chain that is made to be searched is given up', () => {
  test('when it is longer than ten', async () => {
    const chain = [ca]
    while (chain.length < 11) chain.push(await chain.at(-1)!.issueCa(`ca ${chain.length}`))
    const [, ...below] = chain
    const nine = await chain[8]!.issue('client', CLIENT)
    expect(outcome(nine, below)).toMatch(/^client < ca 8 .* < root$/)
    const eleven = await chain[10]!.issue('client', CLIENT)
    expect(outcome(eleven, below)).toBe('CERT_CHAIN_TOO_LONG')
  })

  test('when its certificates issue one another', async () => {
    const stranger = await root('stranger')
    const ring = await Promise.all(
      Array.from({ length: 10 }, () => stranger.issueCa('stranger', { keys: stranger.keys })),
    )
    const client = await ring[0]!.issue('client', CLIENT)
    // Ten certificates have millions of orders: a search without end would run into the test's own.
    expect(outcome(client, ring)).toMatch(/^[A-Z_]+$/)
  })
})

describe('a handshake with the same CAs says the same', () => {
  /** What OpenSSL says of a client. */
  async function ofHandshake(of: Issued, beside: readonly Issued[] = []): Promise<boolean> {
    const authority = await createAuthority({ name: 'server CA', keyKind: 'EC' })
    const { certificate, key } = await authority.issueServer({ keyKind: 'EC' })
    const server = createServer({
      cert: certificate,
      key,
      ca: [String(ca.certificate)],
      requestCert: true,
      rejectUnauthorized: false,
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
    const pkcs8 = await crypto.subtle.exportKey('pkcs8', of.keys.privateKey)
    const client = connect({
      port,
      host: '127.0.0.1',
      ca: authority.certificate,
      servername: 'localhost',
      cert: [of, ...beside].map((one) => String(one.certificate)).join(''),
      key: `-----BEGIN PRIVATE KEY-----\n${Buffer.from(pkcs8).toString('base64')}\n-----END PRIVATE KEY-----\n`,
    })
    const [socket] = await accepted
    const { authorized } = socket
    client.destroy()
    socket.destroy()
    server.close()
    return authorized
  }

  const cases: [string, () => Promise<readonly Issued[]>][] = [
    ['an honest one', async () => [leaf, sub]],
    ['without its issuer', async () => [leaf]],
    ['directly issued', async () => [await ca.issue('direct', CLIENT)]],
    ['expired', async () => [await ca.issue('client', { ...CLIENT, ...PAST })]],
    ['early', async () => [await ca.issue('client', { ...CLIENT, ...FUTURE })]],
    ['for servers', async () => [await ca.issue('client', { purposes: [SERVER_AUTH] })]],
    ['for anything', async () => [await ca.issue('client', { purposes: ['2.5.29.37.0'] })]],
    ['self-signed', async () => [await selfSigned('alone', CLIENT)]],
    ['odd', async () => [await ca.issue('client', { extensions: [MADE_UP(true)] })]],
    [
      'issued by a client',
      async () => {
        const plain = await ca.issue('plain', CLIENT)
        return [await plain.issue('friend', CLIENT), plain]
      },
    ],
    [
      'below too narrow a CA',
      async () => {
        const narrow = await ca.issueCa('narrow', { ca: 0 })
        const below = await narrow.issueCa('below')
        return [await below.issue('client', CLIENT), below, narrow]
      },
    ],
    [
      'below an expired CA',
      async () => {
        const ended = await ca.issueCa('ended', PAST)
        return [await ended.issue('client', CLIENT), ended]
      },
    ],
  ]

  test.each(cases)('%s', async (_title, make) => {
    const [of, ...beside] = await make()
    const isGood = outcome(of!, beside).includes('<')
    expect(await ofHandshake(of!, beside)).toBe(isGood)
  })
})
