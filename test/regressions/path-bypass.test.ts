/**
 * Ways around a rule by another spelling of its path: the lists of tools for that, made anew here as
 * mutations of one path (GHSA-p224-6x5r-fjpm, CVE-2021-29492, CVE-2026-42272, CVE-2026-42274).
 *
 * @module
 */

import { posix } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Matched, Router } from '../../src/gateway/router.ts'
import { parseRequestTarget } from '../../src/http/path.ts'
import { HOST } from '../support/fixture.ts'
import { get, type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'

const PROTECTED = '/accounts/1'

/** What may mean nothing, a separator, the end, or the folder above to one reader and not to another. */
const INSERTIONS: readonly string[] = [
  ...['/', '//', '///', '/./', '/../', '/.', '/..', './', '../', '.', '..', '...', '/.../'],
  ...[
    ';',
    ';/',
    '/;',
    ';x',
    ';x=y',
    ';/../',
    '/..;/',
    '/.;/',
    '..;',
    '/;/',
    ';%2f..%2f',
    '/..;a=b/',
  ],
  ...['\\', '\\\\', '/\\', '\\..\\', '..\\', '%5c', '%5C', '%5c..%5c', '..%5c', '/%5c/'],
  ...['%2f', '%2F', '%2f%2f', '%2f..%2f', '..%2f', '..%2F', '%2e', '%2E', '%2e%2e', '%2e%2e%2f'],
  ...['/%2e/', '/%2e%2e/', '/%2E%2E/', '/.%2e/', '/%2e./', '%2e%2e;/', '/%2e%2e;/', '%2e/'],
  ...['%252f', '%252e%252e%252f', '/%252e/', '%25', '%2525', '%25%32%66', '%%32%66', '%%32e', '%'],
  ...['%c0%af', '%c0%2f', '%c0%ae', '%c1%9c', '%e0%80%af', '%e0%80%ae', '%f0%80%80%af', '%ff'],
  ...['%u002f', '%u002e', '%u2215', '%ef%bc%8f', '%ef%bc%8e', '%e2%88%95', '%e2%81%84', '%cc%b8'],
  ...[
    '%00',
    '%00/',
    '%01',
    '%08',
    '%09',
    '%0a',
    '%0b',
    '%0c',
    '%0d',
    '%0d%0a',
    '%1f',
    '%7f',
    '%20',
  ],
  ...['\x01', '\x09', '\x0b', '\x0c', '\x1f', '\x7f', '\x80', '\x85', '\xa0', '\xad', '\xff', ' '],
  ...['%80', '%85', '%a0', '%ad', '%c2%a0', '%c2%85', '%e2%80%8b', '%ef%bb%bf', '%e3%80%80'],
  ...[
    '?',
    '??',
    '?/',
    '?/../',
    '%3f',
    '#',
    '#/',
    '#?',
    '%23',
    '&',
    '%26',
    '=',
    '@',
    '%40',
    ':',
    '%3a',
  ],
  ...[
    '*',
    '~',
    '!',
    '$',
    "'",
    '"',
    '(',
    ')',
    '+',
    ',',
    '<',
    '>',
    '[',
    ']',
    '^',
    '`',
    '{',
    '|',
    '}',
  ],
  ...['.json', '.html', '.css', '.php', '.js', '%2ejson', '%20HTTP/1.1', ':443', ':443/', '@evil/'],
]

const HEX = (character: string, upper: boolean) => {
  const digits = character.charCodeAt(0).toString(16).padStart(2, '0')
  return `%${upper ? digits.toUpperCase() : digits}`
}

/** The path with something put into it, in place of something, in another case, or encoded. */
function mutationsOf(path: string): string[] {
  const characters = [...path]
  const at = (index: number, change: (character: string) => string) =>
    characters.map((one, i) => (i === index ? change(one) : one)).join('')
  return [
    ...INSERTIONS.flatMap((one) => [
      one + path,
      `/${one}${path}`,
      `/open${one}${path}`,
      `/open/..${one}${path}`,
      ...characters.map((_, i) => path.slice(0, i + 1) + one + path.slice(i + 1)),
      path.replaceAll('/', one),
      path.replace('s/', `s${one}`),
    ]),
    ...characters.flatMap((_, i) => [
      at(i, (one) => HEX(one, false)),
      at(i, (one) => HEX(one, true)),
      at(i, (one) => `%25${HEX(one, false).slice(1)}`),
      at(i, (one) => `%u00${HEX(one, false).slice(1)}`),
      at(i, (one) => one.toUpperCase()),
      at(i, () => ''),
      at(i, (one) => one + one),
    ]),
    characters.map((one) => HEX(one, false)).join(''),
    path.toUpperCase(),
    `https://${HOST}${path}`,
    `https://${HOST}/${path}`,
    `https://${HOST}:443${path}`,
    `https://user@${HOST}${path}`,
    `http://${HOST}${path}`,
    `${HOST}${path}`,
    `//${HOST}${path}`,
  ]
}

/** How servers read the path that is forwarded to them: each a way that some product has gone. */
const READINGS: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => new URL(path, 'http://upstream.example').pathname,
  (path) => posix.normalize(path),
  (path) => decodeOnce(path),
  (path) => posix.normalize(decodeOnce(path)),
  (path) => posix.normalize(decodeOnce(decodeOnce(path))),
  (path) => posix.normalize(decodeOnce(path).replace(/\\/g, '/')),
  (path) => posix.normalize(decodeOnce(path).replace(/;[^/]*/g, '')),
  (path) => posix.normalize(decodeOnce(path.replace(/;[^/]*/g, ''))),
  (path) =>
    decodeOnce(path)
      .replace(/\/{2,}/g, '/')
      .replace(/\0.*$/, ''),
  (path) => decodeOnce(path).split(/[?#]/)[0] ?? '',
]

function decodeOnce(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (_, digits) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}

describe('a protected route beside a public one, and no token', () => {
  let open: OpenGateway

  beforeAll(async () => {
    open =
      await startOpenGateway(`  - { id: accounts, match: /accounts/**, scopes: [accounts], upstream: raw }
  - { id: based, match: /based/**, public: true, upstream: "$UPSTREAM/api/v1" }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
`)
  })
  afterAll(() => open.close())

  test('GHSA-p224-6x5r-fjpm, CVE-2021-29492: no spelling of its path reaches the upstream [P17, PF-2, PF-39]', {
    timeout: 120_000,
  }, async () => {
    const targets = [...new Set(mutationsOf(PROTECTED))]
    expect(targets.length).toBeGreaterThan(2000)
    const before = open.upstream.requests.length
    const statuses = new Map<number, number>()
    const rest = targets.values()
    const worker = async () => {
      for (const target of rest) {
        const [answer] = await open.send(get(target, ['Connection: close']))
        const status = answer?.status ?? 0
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: 16 }, worker))
    for (const line of await open.reachedSince(before)) {
      const [, path = ''] = /^GET ([^?]*)/.exec(line) ?? []
      for (const read of READINGS) expect(read(path)).toMatch(/^\/open(?:\/|$)/)
    }
    expect([...statuses.keys()].sort()).toEqual([200, 400, 401, 404])
  })

  test('CVE-2021-21321: no spelling climbs out of the base path of an upstream [P14]', {
    timeout: 60_000,
  }, async () => {
    const targets = INSERTIONS.flatMap((one) => [
      `/based${one}x`,
      `/based/..${one}x`,
      `/based/${one}`,
    ])
    const before = open.upstream.requests.length
    const rest = targets.values()
    const worker = async () => {
      for (const target of rest) await open.send(get(target, ['Connection: close']))
    }
    await Promise.all(Array.from({ length: 16 }, worker))
    const paths = (await open.reachedSince(before)).map((line) => /^GET ([^?]*)/.exec(line)?.[1])
    expect(paths.length).toBeGreaterThan(10)
    for (const path of paths) {
      for (const read of READINGS) expect(read(path ?? '')).toMatch(/^\/api\/v1\/based(?:\/|$)/)
    }
  })
})

describe('a public route beside a protected one', () => {
  interface Named extends Matched {
    readonly id: string
  }
  const named = (id: string, path: string): Named => {
    return { id, paths: [path], hosts: undefined, methods: undefined }
  }
  const router = new Router<Named>([named('public', '/pub/**'), named('closed', '/accounts/**')])

  test('CVE-2026-42272, CVE-2026-42274: what is forwarded for the public one is not of the other to any reader [P01, P02, P03, P05, PF-2, PF-5, PF-7]', {
    timeout: 120_000,
  }, () => {
    // Both hexadecimal cases are in the list, and every pair of what is put in.
    const targets = INSERTIONS.flatMap((first) => [
      `/pub${first}accounts/1`,
      `/pub/..${first}accounts/1`,
      `/pub${first}..${first}accounts/1`,
      ...INSERTIONS.flatMap((second) => [
        `/pub${first}${second}accounts/1`,
        `/pub${first}..${second}/accounts/1`,
        `/pub/x${first}/${second}accounts/1`,
      ]),
    ])
    expect(targets.length).toBeGreaterThan(60_000)
    let served = 0
    for (const target of targets) {
      const parsed = parseRequestTarget(target)
      if ('reason' in parsed) continue
      if (router.find(HOST, 'GET', parsed.path).route?.id !== 'public') continue
      served += 1
      for (const read of READINGS) {
        const reading = read(parsed.path)
        if (!/^\/pub(?:\/|$)/.test(reading)) throw new Error(`${target} is read as ${reading}`)
      }
    }
    expect(served).toBeGreaterThan(0)
  })

  test('RFC 3986 §6.2.2: every spelling of a path that is read at all has the route of the path [P02, HTTP-20]', () => {
    const spelled = fc
      .tuple(
        fc.constantFrom('/accounts/1', '/pub/1', '/pub', '/accounts'),
        fc.infiniteStream(fc.nat(3)),
      )
      .map(([path, choices]) => {
        const letters = [...path].map((one) => {
          const choice = one === '/' ? 0 : choices.next().value
          return choice === 1 || choice === 2 ? HEX(one, choice === 1) : one
        })
        return [path, letters.join('')] as const
      })
    fc.assert(
      fc.property(spelled, ([path, target]) => {
        const parsed = parseRequestTarget(target)
        expect(parsed).toMatchObject({ path })
        const found = router.find(HOST, 'GET', 'path' in parsed ? parsed.path : '').route?.id
        expect(found).toBe(path.startsWith('/pub') ? 'public' : 'closed')
      }),
      { numRuns: 2000 },
    )
  })

  test('CVE-2026-42272: both cases of hexadecimal digits are one path, in every character [PF-5]', () => {
    for (let code = 0x21; code < 0x7f; code += 1) {
      const [lower, upper] = [false, true].map((one) => HEX(String.fromCharCode(code), one))
      expect(parseRequestTarget(`/pub/a${lower}b`)).toEqual(parseRequestTarget(`/pub/a${upper}b`))
    }
  })
})
