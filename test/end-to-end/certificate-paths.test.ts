/**
 * RFC 5280 §6 from outside: clients that show chains of every make, in a handshake and behind a proxy that ends
 * TLS. The groups are those of NIST's tests of paths (PKITS §4). In a handshake OpenSSL judges; behind a proxy
 * it is src/x509/chain.ts, which may be stricter, and is nowhere looser.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CLIENT_AUTH,
  extension,
  Issued,
  root,
  rsa,
  SERVER_AUTH,
  selfSigned,
  USAGE,
} from '../support/certificate-tree.ts'
import { explicit, implicit, octets, oid, sequence, set, utf8 } from '../support/der-writing.ts'
import { type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'

const HOUR = 3_600_000
const PAST = { notBefore: new Date(Date.now() - 2 * HOUR), notAfter: new Date(Date.now() - HOUR) }
const FUTURE = { notBefore: new Date(Date.now() + HOUR), notAfter: new Date(Date.now() + 2 * HOUR) }
const CLIENT = { purposes: [CLIENT_AUTH], usage: USAGE.sign }

const HOLDS = '200'
const FAILS = '401 tls_client_cert'

let fixture: Fixture
let mint: Mint
let shaken: TestGateway
let proxied: TestGateway
let ca: Issued
let sub: Issued
let leaf: Issued

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  mint = createMint(signing, fixture.as.issuer)
  ca = await root('root')
  sub = await ca.issueCa('sub')
  leaf = await sub.issue('client', CLIENT)
  await writeFile(join(fixture.folder, 'roots.pem'), ca.pem)
  const text = (policy: string, more = '') => `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_certificate: ${policy}
${more}issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
shutdown: { ready_off_for: 0s, drain: 2s }
`
  shaken = await fixture.gateway(text('{ ca: roots.pem }'))
  const trusted = '  trusted_proxies: [127.0.0.1/32]\n'
  proxied = await fixture.gateway(text('{ from: rfc9440, ca: roots.pem }', trusted))
})
afterAll(() => fixture.close())

const thumbprintOf = ({ der }: Issued) => createHash('sha256').update(der).digest('base64url')

async function ask(gateway: TestGateway, of: Issued, options: object, fields: readonly string[]) {
  const raw = await openSocket(fixture, gateway, options)
  const token = await mint({ cnf: { 'x5t#S256': thumbprintOf(of) } })
  raw.write(get('/accounts', [`Authorization: Bearer ${token}`, ...fields]))
  const answer = await raw.response()
  raw.socket.destroy()
  const [id = ''] = answer.lines('x-fapi-interaction-id')
  const { reason } = await gateway.accessLine(id)
  // Which of its faults is named first is nobody's question here.
  const fault = String(reason).replace(/^(tls_client_cert)_.*$/, '$1')
  return reason === undefined ? String(answer.status) : `${answer.status} ${fault}`
}

async function askShaken(of: Issued, beside: readonly Issued[]): Promise<string> {
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', of.keys.privateKey)
  const base64 = Buffer.from(pkcs8).toString('base64')
  const key = `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`
  const pem = ({ der }: Issued) =>
    `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`
  // A client that minds nothing about its own certificates.
  const options = { key, ciphers: 'DEFAULT@SECLEVEL=0' }
  return ask(shaken, of, { cert: [of, ...beside].map(pem).join(''), ...options }, [])
}

function askProxied(of: Issued, beside: readonly Issued[]): Promise<string> {
  const spelt = ({ der }: Issued) => `:${der.toString('base64')}:`
  const chain = beside.length === 0 ? [] : [`Client-Cert-Chain: ${beside.map(spelt).join(', ')}`]
  return ask(proxied, of, {}, [`Client-Cert: ${spelt(of)}`, ...chain])
}

/** A certificate of which one octet of the signature is another. */
function broken({ name, keys, der }: Issued): Issued {
  const changed = Buffer.from(der)
  const last = changed.length - 1
  changed[last] = changed[last]! ^ 1
  return new Issued(name, keys, changed)
}

/** The same authority under another name. */
const renamed = ({ keys, der }: Issued, name: string) => new Issued(name, keys, der)

async function below(make: object, ofClient: object = CLIENT): Promise<Issued[]> {
  const own = await ca.issueCa('own', make)
  return [await own.issue('client', ofClient), own]
}

/** Path lengths down from the root, then the client. */
async function nested(...lengths: (number | null)[]): Promise<Issued[]> {
  const path = [ca]
  for (const [index, length] of lengths.entries()) {
    path.push(await path.at(-1)!.issueCa(`ca ${index}`, { ca: length }))
  }
  path.push(await path.at(-1)!.issue('client', CLIENT))
  return path.slice(1).reverse()
}

type Case = [title: string, make: () => Promise<Issued[]>, shaken: string, proxied?: string]

const GROUPS: Readonly<Record<string, Case[]>> = {
  'PKITS §4.1: signatures': [
    ['that hold', async () => [leaf, sub], HOLDS],
    ['of which that of the client is another', async () => [broken(leaf), sub], FAILS],
    ['of which that of the CA is another', async () => [leaf, broken(sub)], FAILS],
    [
      'by a CA of the same name',
      async () => [await (await root('sub')).issue('client', CLIENT), sub],
      FAILS,
    ],
  ],
  'PKITS §4.2: dates': [
    ['of a CA to come', () => below(FUTURE), FAILS],
    ['of a client to come', () => below({}, { ...CLIENT, ...FUTURE }), FAILS],
    ['of a CA that has ended', () => below(PAST), FAILS],
    ['of a client that has ended', () => below({}, { ...CLIENT, ...PAST }), FAILS],
    [
      'beyond 2049, which are written otherwise',
      () => below({ notAfter: new Date('2060-01-01T00:00:00Z') }),
      HOLDS,
    ],
    [
      'before 1970 and before 2000',
      () =>
        below(
          { notBefore: new Date('1950-01-01T00:00:00Z') },
          { ...CLIENT, notBefore: new Date('1999-12-31T23:59:59Z') },
        ),
      HOLDS,
    ],
    [
      'that ended before 2000',
      () =>
        below(
          {},
          {
            ...CLIENT,
            notBefore: new Date('1950-01-01T00:00:00Z'),
            notAfter: new Date('1999-01-01T00:00:00Z'),
          },
        ),
      FAILS,
    ],
  ],
  'PKITS §4.3: names': [
    [
      'of another issuer',
      async () => [await renamed(sub, 'another').issue('client', CLIENT), sub],
      FAILS,
    ],
    [
      'in other letters, which are the same',
      async () => [await renamed(sub, 'SUB').issue('client', CLIENT), sub],
      HOLDS,
    ],
    [
      'with other blanks, which are the same',
      async () => {
        const two = await ca.issueCa('sub  two')
        return [await renamed(two, ' sub two ').issue('client', CLIENT), two]
      },
      HOLDS,
    ],
  ],
  'PKITS §4.5: CAs that changed their key': [
    [
      'by the old one',
      async () => {
        const old = await ca.issueCa('changed', { extensions: keyed('aa') })
        const next = await old.issueCa('changed', { extensions: keyed('bb', 'aa') })
        return [await next.issue('client', { ...CLIENT, extensions: keyed('cc', 'bb') }), next, old]
      },
      HOLDS,
    ],
    [
      'to that of a client',
      async () => {
        const plain = await sub.issue('sub', CLIENT)
        return [await plain.issue('client', CLIENT), plain, sub]
      },
      FAILS,
    ],
  ],
  'PKITS §4.6: basic constraints': [
    ['that are missing', () => below({ ca: undefined, usage: USAGE.issue }), FAILS],
    [
      'of no CA',
      () =>
        below({
          ca: undefined,
          usage: USAGE.issue,
          extensions: [extension('2.5.29.19', true, '3000')],
        }),
      FAILS,
    ],
    [
      'of a CA, not critical',
      () =>
        below({
          ca: undefined,
          usage: USAGE.issue,
          extensions: [extension('2.5.29.19', false, '30030101ff')],
        }),
      HOLDS,
    ],
    ['with nobody below', () => nested(0), HOLDS],
    ['with one below, and none may be', () => nested(0, null), FAILS],
    ['with one below, who may have more', () => nested(1, 5), HOLDS],
    ['with two below, and one may be', () => nested(1, null, null), FAILS],
    ['with six below, of which the last has too many', () => nested(6, 4, 1, 0, null), FAILS],
    ['with four, each within its own', () => nested(6, 3, 1, 0), HOLDS],
    [
      'below nothing',
      () =>
        below({
          ca: undefined,
          usage: USAGE.issue,
          extensions: [extension('2.5.29.19', true, '30060101ff0201ff')],
        }),
      FAILS,
    ],
    [
      'with itself below, under another key',
      async () => {
        const narrow = await ca.issueCa('narrow', { ca: 0, extensions: keyed('aa') })
        const next = await narrow.issueCa('narrow', { ca: 0, extensions: keyed('bb', 'aa') })
        return [await next.issue('client', CLIENT), next, narrow]
      },
      HOLDS,
    ],
    [
      'with itself below, and then another',
      async () => {
        const narrow = await ca.issueCa('narrow', { ca: 0, extensions: keyed('aa') })
        const next = await narrow.issueCa('narrow', { ca: 0, extensions: keyed('bb', 'aa') })
        const third = await next.issueCa('third')
        return [await third.issue('client', CLIENT), third, next, narrow]
      },
      FAILS,
    ],
  ],
  'PKITS §4.7: what a key is for': [
    ['not for certificates', () => below({ usage: USAGE.sign }), FAILS],
    ['for lists alone', () => below({ usage: USAGE.signLists }), FAILS],
    ['for both', () => below({ usage: USAGE.issue | USAGE.signLists }), HOLDS],
    ['a client’s, to encipher', () => below({}, { ...CLIENT, usage: USAGE.encipher }), FAILS],
    ['a client’s, for servers', () => below({}, { purposes: [SERVER_AUTH] }), FAILS],
    [
      'a client’s, for nothing',
      () => below({}, { extensions: [extension('2.5.29.37', true, '3000')] }),
      FAILS,
    ],
    ['a CA’s, for servers', () => below({ purposes: [SERVER_AUTH] }), FAILS],
    ['a CA’s, for clients', () => below({ purposes: [CLIENT_AUTH] }), HOLDS],
  ],
  'PKITS §4.8 to §4.12: policies': [
    ['that nobody demands', () => below({ extensions: [policies('1.2.3')] }), HOLDS],
    [
      'that differ, and nobody demands one',
      () =>
        below({ extensions: [policies('1.2.3')] }, { ...CLIENT, extensions: [policies('1.2.4')] }),
      HOLDS,
    ],
    [
      'that a CA demands, and the client has',
      () =>
        below(
          { extensions: [policies('1.2.3'), DEMANDED] },
          { ...CLIENT, extensions: [policies('1.2.3')] },
        ),
      HOLDS,
    ],
    [
      // Node has OpenSSL not ask (X509_V_FLAG_POLICY_CHECK).
      'that a CA demands, and the client has not, which no handshake asks',
      () => below({ extensions: [policies('1.2.3'), DEMANDED] }),
      HOLDS,
      FAILS,
    ],
  ],
  // Behind a proxy no path with name constraints holds: they are not read there.
  'PKITS §4.13: name constraints': [
    [
      'DNS, within',
      () => constrained([dns('bank.example')], [dns('a.bank.example')]),
      HOLDS,
      FAILS,
    ],
    ['DNS, outside', () => constrained([dns('bank.example')], [dns('a.evil.example')]), FAILS],
    [
      'DNS, one of two outside',
      () => constrained([dns('bank.example')], [dns('a.bank.example'), dns('b.evil')]),
      FAILS,
    ],
    [
      'DNS, with the same end and no dot',
      () => constrained([dns('bank.example')], [dns('evilbank.example')]),
      FAILS,
    ],
    [
      'mail, within',
      () => constrained([mail('bank.example')], [mail('a@bank.example')]),
      HOLDS,
      FAILS,
    ],
    ['mail, outside', () => constrained([mail('bank.example')], [mail('a@evil.example')]), FAILS],
    [
      'URI, within',
      () => constrained([uri('.bank.example')], [uri('https://a.bank.example/b')]),
      HOLDS,
      FAILS,
    ],
    [
      'URI, outside',
      () => constrained([uri('.bank.example')], [uri('https://bank.example.evil/')]),
      FAILS,
    ],
    [
      'address, within',
      () => constrained([ip('0a000000ff000000')], [ip('0a000001')]),
      HOLDS,
      FAILS,
    ],
    ['address, outside', () => constrained([ip('0a000000ff000000')], [ip('0b000001')]), FAILS],
    ['the name itself, within', () => constrained([subject('client')], []), HOLDS, FAILS],
    ['the name itself, outside', () => constrained([subject('another')], []), FAILS],
    ['excluded DNS', () => constrained([dns('bank.example')], [dns('a.bank.example')], 1), FAILS],
    [
      'excluded DNS of others',
      () => constrained([dns('evil.example')], [dns('a.bank.example')], 1),
      HOLDS,
      FAILS,
    ],
    [
      'of a kind that nobody reads',
      () => constrained([registered('1.2.3')], [registered('1.2.3')]),
      FAILS,
    ],
    [
      'of a CA above',
      async () => {
        const top = await ca.issueCa('top', { extensions: [constraints([dns('bank.example')])] })
        const own = await top.issueCa('own')
        const names = { ...CLIENT, extensions: [alternative([dns('a.evil.example')])] }
        return [await own.issue('client', names), own, top]
      },
      FAILS,
    ],
  ],
  'PKITS §4.16: extensions that nobody knows': [
    ['not critical', () => below({ extensions: [extension('1.2.3.4', false, '0500')] }), HOLDS],
    ['critical, of a CA', () => below({ extensions: [extension('1.2.3.4', true, '0500')] }), FAILS],
    [
      'critical, of a client',
      () => below({}, { ...CLIENT, extensions: [extension('1.2.3.4', true, '0500')] }),
      FAILS,
    ],
    [
      'twice the same',
      () =>
        below({}, { ...CLIENT, extensions: Array(2).fill(extension('1.2.3.4', false, '0500')) }),
      HOLDS,
      FAILS,
    ],
  ],
  'RFC 9325 §4.5: keys and digests': [
    ['a client of RSA 1024', () => below({}, { ...CLIENT, key: rsa(1024, 'SHA-256') }), FAILS],
    ['a CA of RSA 1024', () => below({ key: rsa(1024, 'SHA-256') }), FAILS],
    ['SHA-1 on a client', () => below({}, { ...CLIENT, hash: 'SHA-1' }), FAILS],
    ['SHA-1 on a CA', () => below({ hash: 'SHA-1' }), FAILS],
    ['RSA-PSS', () => below({ key: rsa(2048, 'SHA-256', 'RSA-PSS') }), HOLDS],
  ],
  'nobody to vouch for it': [
    ['no CA', async () => [leaf], FAILS],
    ['a root of its own', async () => [await (await root('root')).issue('client', CLIENT)], FAILS],
    ['itself', async () => [await selfSigned('client', CLIENT)], FAILS],
    [
      'two CAs in a circle',
      async () => {
        const [one, two] = [await root('one'), await root('two')]
        const [over, under] = [
          await two.issueCa('one', { keys: one.keys }),
          await one.issueCa('two', { keys: two.keys }),
        ]
        return [await over.issue('client', CLIENT), over, under]
      },
      FAILS,
    ],
    [
      'a stranger, beside one who is known',
      async () => [await (await root('sub')).issue('client', CLIENT), leaf, sub],
      FAILS,
    ],
  ],
}

/** Key identifiers, its own and that of its issuer: else a CA that issued to its own name looks self-signed. */
function keyed(own: string, issuer?: string) {
  const named = implicit(0, Buffer.from(issuer ?? '', 'hex'))
  return [
    extension('2.5.29.14', false, octets(Buffer.from(own, 'hex')).toString('hex')),
    ...(issuer === undefined
      ? []
      : [extension('2.5.29.35', false, sequence(named).toString('hex'))]),
  ]
}

const dns = (name: string) => implicit(2, name)
const mail = (name: string) => implicit(1, name)
const uri = (name: string) => implicit(6, name)
const ip = (hex: string) => implicit(7, Buffer.from(hex, 'hex'))
const registered = (id: string) => implicit(8, oid(id).subarray(2))
const subject = (name: string) => explicit(4, sequence(set(sequence(oid('2.5.4.3'), utf8(name)))))

const DEMANDED = extension('2.5.29.36', true, sequence(implicit(0, Buffer.of(0))).toString('hex'))

function policies(...ids: readonly string[]) {
  return extension(
    '2.5.29.32',
    false,
    sequence(...ids.map((id) => sequence(oid(id)))).toString('hex'),
  )
}

function alternative(names: readonly Buffer[]) {
  return extension('2.5.29.17', false, sequence(...names).toString('hex'))
}

/** @param kind 0: what is permitted; 1: what is excluded. */
function constraints(names: readonly Buffer[], kind = 0) {
  const trees = explicit(kind, ...names.map((name) => sequence(name)))
  return extension('2.5.29.30', true, sequence(trees).toString('hex'))
}

function constrained(by: readonly Buffer[], names: readonly Buffer[], kind = 0) {
  const ofClient = names.length === 0 ? [] : [alternative(names)]
  return below({ extensions: [constraints(by, kind)] }, { ...CLIENT, extensions: ofClient })
}

describe.each(Object.entries(GROUPS))('RFC 5280 §6.1, %s', (_group, cases) => {
  test.each(cases)('%s', async (_title, make, inHandshake, behindProxy = inHandshake) => {
    const [of, ...beside] = await make()
    const outcomes = [await askShaken(of!, beside), await askProxied(of!, beside)]
    expect(outcomes).toEqual([inHandshake, behindProxy])
  })
})
