import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { get, type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'
import { expectClosingRefusal } from '../support/raw-socket.ts'

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway(`  - { id: pub, match: /pub/**, public: true, upstream: raw }
  - { id: accounts, match: /accounts/**, scopes: [accounts], upstream: raw }
  - { id: literal, match: "/x/a:b", scopes: [accounts], upstream: raw }
  - { id: beside, match: /x/**, public: true, upstream: raw }
  - { id: based, match: /based/**, public: true, upstream: "$UPSTREAM/api/v1" }
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
`)
})
afterAll(() => open.close())

const CLOSE = 'Connection: close'

/** What a path is for a gateway that has two readings of it. */
const AMBIGUOUS: readonly [string, string][] = [
  ['/pub/../accounts', 'path_dot_segment'],
  ['/pub/./accounts', 'path_dot_segment'],
  ['/pub/..', 'path_dot_segment'],
  ['/..', 'path_dot_segment'],
  ['/pub/%2e%2e/accounts', 'path_dot_segment'],
  ['/pub/%2E%2E/accounts', 'path_dot_segment'],
  ['/pub/%2e./accounts', 'path_dot_segment'],
  ['/pub/.%2E/accounts', 'path_dot_segment'],
  ['/pub/%2e%2e%2faccounts', 'path_encoded_separator'],
  ['/pub/..%3b/accounts', 'path_dot_segment'],
  ['/pub/..%3B/accounts', 'path_dot_segment'],
  ['/pub/..;/accounts', 'path_parameter'],
  ['/pub/..;x=y/accounts', 'path_parameter'],
  ['/pub;/accounts', 'path_parameter'],
  ['/accounts;jsessionid=1', 'path_parameter'],
  ['/pub/..%2faccounts', 'path_encoded_separator'],
  ['/pub/..%2Faccounts', 'path_encoded_separator'],
  ['/pub%2f..%2faccounts', 'path_encoded_separator'],
  ['/pub/..%5caccounts', 'path_encoded_separator'],
  ['/pub/..%5Caccounts', 'path_encoded_separator'],
  ['/pub/..\\accounts', 'path_backslash'],
  ['/pub\\..\\accounts', 'path_backslash'],
  ['//accounts', 'path_empty_segment'],
  ['///accounts', 'path_empty_segment'],
  ['/pub//accounts', 'path_empty_segment'],
  ['//evil.example/accounts', 'path_empty_segment'],
  ['/pub/%252e%252e/accounts', 'path_double_encoding'],
  ['/pub/%252E%252E/accounts', 'path_double_encoding'],
  ['/pub/%252faccounts', 'path_double_encoding'],
  ['/accounts%00', 'path_encoded_control'],
  ['/pub/%00/../accounts', 'path_dot_segment'],
  ['/accounts%0a', 'path_encoded_control'],
  ['/accounts%0D%0AX:y', 'path_encoded_control'],
  ['/accounts%09', 'path_encoded_control'],
  ['/accounts%7f', 'path_encoded_control'],
  ['/accounts%7F', 'path_encoded_control'],
  ['/pub/%c0%ae%c0%ae/accounts', 'path_not_utf8'],
  ['/pub/%C0%AE%C0%AE/accounts', 'path_not_utf8'],
  ['/pub/%e0%80%ae%e0%80%ae/accounts', 'path_not_utf8'],
  ['/pub/%c0%afaccounts', 'path_not_utf8'],
  ['/accounts%ff', 'path_not_utf8'],
  ['/pub/%', 'path_percent_malformed'],
  ['/pub/%2', 'path_percent_malformed'],
  ['/pub/%zz', 'path_percent_malformed'],
  ['/pub/%u002e%u002e/accounts', 'path_percent_malformed'],
  ['/pub/%%32e%%32e/accounts', 'path_percent_malformed'],
  ['/accounts#pub', 'path_fragment'],
  ['/pub?a=1#/../accounts', 'path_fragment'],
  ['/pub/"', 'path_character'],
  ['/pub/<a>', 'path_character'],
  ['/pub/[a]', 'path_character'],
  ['/pub/a|b', 'path_character'],
]

describe('RFC 3986 §6.2.2: a path with two readings is answered 400 and not forwarded [HTTP-20, P01, P02, P03, P04, P05, P06, P08, PF-2, PF-39]', () => {
  test.each(AMBIGUOUS)('%s', async (path, reason) => {
    const before = open.upstream.requests.length
    const answers = await open.send(get(path))
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 400, reason)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test.each([...'\x01\x09\x0b\x0c\x1f\x7f\x80\xaf\xff'].map((character) => [character]))(
    'a target with the byte %j',
    async (character) => {
      const before = open.upstream.requests.length
      const answers = await open.send(get(`/pub/a${character}b`))
      expect(answers.map(({ status }) => status)).toEqual([400])
      expect(await open.reachedSince(before)).toEqual([])
    },
  )
})

describe('GHSA-6jwx-7vp4-9847, RFC 3986 §6.2.2: what is matched is, byte for byte, what the upstream sees [HTTP-20, PF-11, P02]', () => {
  test.each([
    ['/pub', '/pub'],
    ['/pub/', '/pub/'],
    ['/%70ub/%61', '/pub/a'],
    ['/pub/%7euser', '/pub/~user'],
    ['/pub/a%2dB%5f', '/pub/a-B_'],
    ['/pub/%c3%a4', '/pub/%C3%A4'],
    ['/pub/a%20b', '/pub/a%20b'],
    ['/pub/a%3ab', '/pub/a%3Ab'],
    ['/pub/...', '/pub/...'],
    ['/pub/.well-known', '/pub/.well-known'],
    ['/pub/%25', '/pub/%25'],
    ['/pub/%EF%BC%8E%EF%BC%8E/x', '/pub/%EF%BC%8E%EF%BC%8E/x'],
    ['/pub?a=/../accounts&b=%2f%2E', '/pub?a=/../accounts&b=%2f%2E'],
    ['/pub?', '/pub?'],
    ['/pub?a?b', '/pub?a?b'],
    ['/based/a', '/api/v1/based/a'],
  ])('%s is forwarded as %s', async (path, seen) => {
    const before = open.upstream.requests.length
    expect((await open.send(get(path, [CLOSE])))[0]?.status).toBe(200)
    expect(await open.reachedSince(before)).toEqual([`GET ${seen}`])
  })
})

describe('a public route beside a protected one is no way around it', () => {
  test.each([
    '/accounts',
    '/accounts/',
    '/accounts?x=/pub/',
    '/accounts/pub',
    '/%61ccounts',
    '/%61%63%63%6f%75%6e%74%73/1',
    '/x/a:b',
    '/x/a%3Ab',
    '/x/a%3ab',
    '/%78/a:b',
    '/x/%61:b',
  ])('GHSA-r8x2-fhmf-6mxp: %s asks for a token [PF-8]', async (path) => {
    const before = open.upstream.requests.length
    const [answer] = await open.send(get(path, [CLOSE]))
    expect(answer?.status).toBe(401)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test.each([
    '/Accounts',
    '/ACCOUNTS',
    '/accountsX',
    '/accounts-internal',
    '/accounts.',
    '/accounts%20',
    '/pubaccounts',
    '/PUB',
    '/',
    '/admin',
  ])('%s is no path of either [P07, P09]', async (path) => {
    const before = open.upstream.requests.length
    const [answer] = await open.send(get(path, [CLOSE]))
    expect(answer?.status).toBe(404)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test.each(['/x/a:b/', '/x/a:bc', '/x/a', '/x/A:b'])('%s is of the public one', async (path) => {
    expect((await open.send(get(path, [CLOSE])))[0]?.status).toBe(200)
  })

  test.each([
    'X-Original-URL: /pub',
    'X-Rewrite-URL: /pub',
    'X-Forwarded-Uri: /pub',
    'X-HTTP-Method-Override: OPTIONS',
    'X-Forwarded-Prefix: /pub',
  ])('CVE-2026-40575: %s changes nothing [P12, PF-18]', async (field) => {
    const before = open.upstream.requests.length
    expect((await open.send(get('/accounts', [field, CLOSE])))[0]?.status).toBe(401)
    expect((await open.send(get('/pub', [field, CLOSE])))[0]?.status).toBe(200)
    const [request] = await open.forwardedSince(before)
    const names = request?.message.fields.map((name) => name.toLowerCase())
    expect(names).not.toContain(field.split(':')[0]?.toLowerCase())
  })
})
