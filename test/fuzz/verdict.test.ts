import { describe, expect, test } from 'vitest'
import { parseAnswers } from './exchange.ts'
import { isComparable, isRefusedByAll } from './peers.ts'
import { readStrictly, type StrictRequest } from './strict-reader.ts'
import { judge, type Seen, type Sent } from './verdict.ts'

const ID = '00000000-0000-4000-8000-000000000000'
const filling = { mtls: 'm', dpop: 'd', proofs: { GET: 'p' }, path: '/accounts/1' }
const BOUND = 'GET /accounts/1 HTTP/1.1\r\nAuthorization: Bearer m\r\n\r\n'
const PROVEN = 'GET /accounts/1 HTTP/1.1\r\nAuthorization: DPoP d\r\nDPoP: p\r\n\r\n'

const reading = (text: string) => readStrictly(Buffer.from(text, 'latin1'))
const sent: Sent = { reading: reading(BOUND), filling, isAuthorized: true, honest: 1 }

const forwarded = (line: string, fields: readonly string[] = []): StrictRequest => {
  const ours = ['Host: up', 'X-Forwarded-For: 127.1.0.1', `x-fapi-interaction-id: ${ID}`]
  const head = [`${line} HTTP/1.1`, ...ours, 'Forwarded: for=127.1.0.1', ...fields]
  return reading(`${head.join('\r\n')}\r\n\r\n`).requests[0]!
}
const answered = (...statuses: number[]) => statuses.map((status) => ({ status, head: '' }))
const seen: Seen = {
  answers: answered(200),
  isSlow: false,
  upstream: [forwarded('GET /accounts/1', ['Connection: keep-alive'])],
  access: [{ interaction_id: ID, method: 'GET', status: 200, sender: 'mtls', upstream: 'u' }],
}
const rules = (...[one, other]: Parameters<typeof judge>) =>
  judge(one, other).map(({ rule }) => rule)

test('nothing is wrong with an honest request that is forwarded as it is', () => {
  expect(judge(sent, seen)).toEqual([])
})

test('nothing is wrong with one that is refused', () => {
  const nothing = { answers: answered(401), isSlow: false, upstream: [], access: [] }
  expect(judge({ ...sent, isAuthorized: false, honest: undefined }, nothing)).toEqual([])
})

test('a path may be forwarded in its canonical spelling, and an absolute target without its host', () => {
  const absolute = BOUND.replace('/accounts/1', 'https://a.example/acc%6funts/1')
  expect(judge({ ...sent, reading: reading(absolute) }, seen)).toEqual([])
})

describe('what is wrong is found', () => {
  const line = seen.access[0]!
  test.each<[string, string, Partial<Sent>, Partial<Seen>]>([
    ['forwarded with broken credentials', 'forwarded_unauthorized', { isAuthorized: false }, {}],
    [
      'forwarded though no head says it',
      'forwarded_what_was_not_said',
      {},
      { upstream: [forwarded('GET /accounts/2')] },
    ],
    [
      'forwarded with another method',
      'forwarded_what_was_not_said',
      {},
      { upstream: [forwarded('DELETE /accounts/1')], access: [{ ...line, method: 'DELETE' }] },
    ],
    [
      'two forwarded for one head',
      'forwarded_what_was_not_said',
      { honest: undefined },
      { upstream: [...seen.upstream, ...seen.upstream] },
    ],
    ...[
      ['a head without credentials', BOUND.replace(/Auth.*\r\n/, '')],
      ['a head with half a token', BOUND.replace('Bearer m', 'Bearer ')],
      ['a head with two tokens', BOUND.replace(/Auth.*\r\n/, '$&$&')],
      ['a DPoP token as a bearer', PROVEN.replace('DPoP d', 'Bearer d')],
      ['a DPoP token without its proof', PROVEN.replace('DPoP: p', 'DPoP: q')],
      ['a proof for another path', PROVEN.replace('accounts/1', 'accounts/2')],
      ['a malformed head', BOUND.replace('HTTP/1.1', 'HTTP/0.9')],
    ].map(([name, text]): [string, string, Partial<Sent>, Partial<Seen>] => [
      `forwarded for ${name}`,
      'forwarded_what_was_not_said',
      { reading: reading(text!) },
      {},
    ]),
    ['no access line', 'forwarded_unlogged', {}, { access: [] }],
    [
      'an access line of another method',
      'forwarded_unlogged',
      {},
      { access: [{ ...line, method: 'POST' }] },
    ],
    [
      'an access line of a refusal',
      'forwarded_unlogged',
      {},
      { access: [{ interaction_id: ID, method: 'GET', status: 401 }] },
    ],
    ...['DPoP: p', 'Connection: x', 'X-Forwarded-For: 127.9.9.9', 'Client-Cert: a'].map(
      (field): [string, string, Partial<Sent>, Partial<Seen>] => [
        `forwarded with ${field}`,
        'forwarded_field',
        {},
        { upstream: [forwarded('GET /accounts/1', [field])] },
      ],
    ),
    ['a 500', 'server_error', {}, { answers: answered(500) }],
    ['a 502 in the log', 'server_error', {}, { access: [line, { ...line, status: 502 }] }],
    ['an answer that is late', 'slow', {}, { isSlow: true }],
    ['an honest request refused', 'honest_request_refused', {}, { answers: answered(401) }],
    ['an honest request not forwarded', 'honest_request_refused', {}, { upstream: [] }],
    ['an honest request not answered', 'slow', {}, { answers: [] }],
  ])('%s: %s', (_, rule, ofSent, ofSeen) => {
    expect(rules({ ...sent, ...ofSent }, { ...seen, ...ofSeen })).toContain(rule)
  })

  test('forwarded to a path with a second reading: forwarded_path', () => {
    for (const path of ['/a//b', '/a/../b', '/a/%2e%2e/b', '/a;x', '/a%2fb', 'a']) {
      const upstream = [forwarded(`GET ${path}`)]
      expect(rules(sent, { ...seen, upstream })).toContain('forwarded_path')
    }
  })

  test('two requests forwarded with one proof: proof_used_twice', () => {
    const twice = { ...sent, reading: reading(PROVEN + PROVEN), honest: undefined }
    const access = [{ ...seen.access[0]!, sender: 'dpop' }]
    expect(judge(twice, { ...seen, access })).toEqual([])
    const both = { ...seen, upstream: [...seen.upstream, ...seen.upstream] }
    expect(rules(twice, { ...both, access: [...access, ...access] })).toEqual(['proof_used_twice'])
  })
})

describe('beside the peers', () => {
  const ours = parseAnswers(
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-Recorded: yes\r\n\r\nokHTTP/1.1 400 Bad\r\n\r\n',
  )

  test('interim answers are not counted', () => {
    expect(ours.map(({ status }) => status)).toEqual([200, 400])
  })

  test('what one of them forwards may be forwarded', () => {
    expect(isRefusedByAll(ours, [answered(200), answered(400)])).toBe(false)
    expect(isRefusedByAll(ours, [answered(200, 400), answered(200, 400)])).toBe(false)
    expect(isRefusedByAll(ours, [answered(400), answered(200, 400)])).toBe(false)
  })

  test('what all of them refuse may not', () => {
    expect(isRefusedByAll(ours, [answered(400), answered(400)])).toBe(true)
  })

  test('what they refuse for other reasons than its form is not compared', () => {
    const [bound] = reading(BOUND).requests
    const [lenient] = reading(`\n${BOUND}`).requests
    expect(isComparable(bound!)).toBe(true)
    expect(isComparable(forwarded('GET /', ['Upgrade: WebSocket']))).toBe(false)
    expect(isComparable(lenient!)).toBe(false)
  })

  test('without peers, or with nothing forwarded, there is nothing to compare', () => {
    expect(isRefusedByAll(ours, [])).toBe(false)
    expect(isRefusedByAll(answered(400), [answered(400)])).toBe(false)
  })
})
