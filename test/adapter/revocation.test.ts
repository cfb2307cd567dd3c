import { KeyObject } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificateFacts } from '../../src/adapter/certificate-facts.ts'
import { RevocationSources } from '../../src/adapter/revocation.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { type Issued, root, rsa, USAGE } from '../support/certificate-tree.ts'
import { writeRevocationList } from '../support/der-writing.ts'

const NOW = Math.floor(Date.now() / 1000)
const SIGNS_LISTS = { usage: USAGE.issue | USAGE.signLists, key: rsa(2048, 'SHA-256') }
const hours = (count: number) => new Date((NOW + count * 3600) * 1000)

let folder: string
let ca: Issued
let sub: Issued
let leaf: Issued

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revocation-'))
  ca = await root('root', SIGNS_LISTS)
  sub = await ca.issueCa('sub', SIGNS_LISTS)
  leaf = await sub.issue('client')
})
afterAll(() => rm(folder, { recursive: true }))

const factsOf = ({ der }: Issued) => parseCertificate(der)!

/** What is said of a certificate. @param lists Of each authority, what it revoked. */
async function statusOf(
  bundle: readonly Issued[],
  lists: readonly (readonly [Issued, ...Issued[]])[],
  of: Issued = leaf,
) {
  const paths = lists.map(async ([issuer, ...revoked], index) => {
    const path = join(folder, `${index}.crl`)
    const list = writeRevocationList({
      issuer: factsOf(issuer).subject,
      key: KeyObject.from(issuer.keys.privateKey),
      thisUpdate: NOW - 60,
      nextUpdate: NOW + 3600,
      entries: revoked.map((one) => factsOf(one).serialNumber),
    })
    await writeFile(path, list)
    return path
  })
  const config = {
    id: 'of the test',
    lists: await Promise.all(paths),
    refresh: 3600,
    ocsp: undefined,
  }
  const logger = createLogger('silent')
  const parts = { metrics: createMetrics(), logger, now: () => NOW }
  const sources = new RevocationSources(config, bundle.map(({ pem }) => pem).join('\n'), parts)
  await sources.start()
  try {
    return await sources.statusOf(certificateFacts(of.certificate, true, undefined), NOW)
  } finally {
    await sources.close()
  }
}

describe('an authority of which ca has two certificates [MTLS-8, TLS-16]', () => {
  test('that was renewed is revoked where the one in force is, whatever its place', async () => {
    const dates = { notBefore: hours(-3), notAfter: hours(-2) }
    const ended = await ca.issueCa('sub', { ...SIGNS_LISTS, keys: sub.keys, ...dates })
    const bundles = [
      [ca, ended, sub],
      [ca, sub, ended],
    ]
    for (const bundle of bundles) {
      expect(await statusOf(bundle, [[ca], [sub]])).toBe('good')
      expect(await statusOf(bundle, [[ca, sub], [sub]])).toBe('revoked')
      expect(await statusOf(bundle, [[ca, ended], [sub]])).toBe('good')
    }
    expect(await statusOf([ca, ended], [[ca], [sub]])).toBe('unavailable')
  })

  test('by two roots is revoked where either revoked it', async () => {
    const other = await root('other', SIGNS_LISTS)
    const cross = await other.issueCa('sub', { ...SIGNS_LISTS, keys: sub.keys })
    const bundles = [
      [ca, other, sub, cross],
      [ca, other, cross, sub],
    ]
    for (const bundle of bundles) {
      expect(await statusOf(bundle, [[ca], [other], [sub]])).toBe('good')
      expect(await statusOf(bundle, [[ca, sub], [other], [sub]])).toBe('revoked')
      expect(await statusOf(bundle, [[ca], [other, cross], [sub]])).toBe('revoked')
    }
    expect(await statusOf([ca, cross, sub], [[ca], [sub]])).toBe('unavailable')
  })

  test('one of which may not sign lists has those that the other signed', async () => {
    const silent = await root('root', { keys: ca.keys, usage: USAGE.issue })
    expect(await statusOf([silent, ca, sub], [[ca, sub], [sub]])).toBe('revoked')
    expect(await statusOf([silent, ca, sub], [[ca], [sub]])).toBe('good')
  })
})

test('an authority that issued to its own name for another key is no root, and is asked about', async () => {
  const next = await ca.issueCa('root', SIGNS_LISTS)
  const client = await next.issue('client')
  expect(await statusOf([ca, next], [[ca], [next]], client)).toBe('good')
  expect(await statusOf([ca, next], [[ca, next], [next]], client)).toBe('revoked')
})

test('authorities that issued one another are each asked about once', async () => {
  const other = await root('other', SIGNS_LISTS)
  const [one, two] = [
    await ca.issueCa('other', { ...SIGNS_LISTS, keys: other.keys }),
    await other.issueCa('root', { ...SIGNS_LISTS, keys: ca.keys }),
  ]
  expect(await statusOf([one, two, ca, sub], [[ca], [other], [sub]])).toBe('good')
  expect(await statusOf([one, two, ca, sub], [[ca, one], [other], [sub]])).toBe('revoked')
})

describe('RFC 5280 §6.1.3 (a)(3): every certificate of a path but its root is asked about [MTLS-8, TLS-16]', () => {
  test('where no list says of one in between, nobody knows', async () => {
    expect(await statusOf([ca, sub], [[sub]])).toBe('unavailable')
    expect(await statusOf([ca, sub], [[ca]])).toBe('unavailable')
    expect(await statusOf([ca, sub], [[ca], [sub]])).toBe('good')
  })

  test('however many there are', async () => {
    const next = await sub.issueCa('next', SIGNS_LISTS)
    const last = await next.issueCa('last', SIGNS_LISTS)
    const client = await last.issue('client')
    const bundle = [last, next, sub, ca]
    const lists: [Issued, ...Issued[]][] = [[ca], [sub], [next], [last]]
    expect(await statusOf(bundle, lists, client)).toBe('good')
    for (const [index, revoked] of [sub, next, last, client].entries()) {
      const [issuer] = lists[index]!
      expect(await statusOf(bundle, lists.with(index, [issuer, revoked]), client)).toBe('revoked')
      expect(await statusOf(bundle, lists.toSpliced(index, 1), client)).toBe('unavailable')
    }
  })

  test('one that is revoked counts for more than one of which nobody knows', async () => {
    expect(await statusOf([ca, sub], [[ca, sub]])).toBe('revoked')
    expect(await statusOf([sub], [[sub, leaf]])).toBe('revoked')
    expect(await statusOf([sub], [[sub]])).toBe('unavailable')
  })
})
