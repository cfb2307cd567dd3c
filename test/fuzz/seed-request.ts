/**
 * What mutated requests are made from: honest ones, the shapes of known attacks, and, where `CORPORA`
 * names them, those of the parser's own tests.
 *
 * They are templates, in which credentials are filled in when a request is sent; see `credential.ts`.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HOST } from '../support/fixture.ts'

export interface SeedRequest {
  /** Text of bytes (latin1). */
  readonly text: string
  /** How many requests it is, where every one of them has to be answered 200. */
  readonly honest?: number
}

const PATH = '/accounts/{MARK}'
const BOUND = 'Authorization: Bearer {MTLS}'
const PROVEN = ['Authorization: DPoP {DPOP}', 'DPoP: {PROOF GET}']
const FORM = 'Content-Type: application/x-www-form-urlencoded'
const CHUNKS = '5\r\nhello\r\n0\r\n\r\n'

/** What is hidden behind another request, for whoever reads that one's length differently. */
const HIDDEN = request(`GET ${PATH}/hidden`, [BOUND])
const UNAUTHORIZED = request(`GET ${PATH}/admin`, [])

const HONEST: readonly SeedRequest[] = [
  request(`GET ${PATH}`, [BOUND]),
  request(`GET ${PATH}?page=2&from=2026-01-01`, [BOUND, 'Accept: application/json']),
  request(`HEAD ${PATH}`, [BOUND, 'x-fapi-interaction-id: {ID}']),
  request(`POST ${PATH}`, [BOUND, 'Content-Length: 5'], 'hello'),
  request(`POST ${PATH}`, [BOUND, 'Transfer-Encoding: chunked'], CHUNKS),
  request(`PUT ${PATH}`, [BOUND, FORM, 'Content-Length: 3'], 'a=b'),
  request(`DELETE ${PATH}`, [BOUND, 'Connection: close']),
  request(`GET ${PATH}`, [...PROVEN, 'x-fapi-interaction-id: {ID}']),
  request(`GET ${PATH}?page=2`, PROVEN),
  request(`POST ${PATH}`, [PROVEN[0]!, 'DPoP: {PROOF POST}', 'Content-Length: 2'], '{}'),
].map((text) => ({ text, honest: 1 }))

const PIPELINED: readonly SeedRequest[] = [
  { text: HIDDEN + HIDDEN, honest: 2 },
  { text: request(`POST ${PATH}`, [BOUND, 'Content-Length: 5'], 'hello') + HIDDEN, honest: 2 },
]

const HOSTILE: readonly SeedRequest[] = [
  UNAUTHORIZED,
  HIDDEN + UNAUTHORIZED,
  request(`GET ${PATH}`, [BOUND, `Content-Length: ${UNAUTHORIZED.length}`], UNAUTHORIZED),
  ...[
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    ['Transfer-Encoding: identity, chunked'],
    ['Transfer-Encoding : chunked'],
    ['Transfer-Encoding:\x0bchunked'],
    ['Transfer_Encoding: chunked'],
    ['X: y\nTransfer-Encoding: chunked'],
    ['X: y', ' Transfer-Encoding: chunked'],
    ['Content-Length: 5', 'Content-Length: 6'],
    ['Content-Length: +5'],
    ['Content-Length: 0'],
    ['Transfer-Encoding: chunked', 'Trailer: Authorization'],
    ['Transfer-Encoding: chunked', 'Connection: Transfer-Encoding'],
    ['Transfer-Encoding: chunked', 'Connection: Content-Length, close'],
    ['Transfer-Encoding: chunked', 'Expect: 100-continue'],
  ].map((fields) => request(`POST ${PATH}`, [BOUND, ...fields], `${CHUNKS}${UNAUTHORIZED}`)),
  request(`POST ${PATH}`, [BOUND, 'Transfer-Encoding: chunked'], `5;a="\n"\r\nhello\r\n0\r\n\r\n`),
  request(`POST ${PATH}`, [BOUND, 'Transfer-Encoding: chunked'], `0\r\nHost: x\r\n\r\n${HIDDEN}`),
  request(`POST ${PATH}`, [FORM, 'Content-Length: 14'], 'access_token=1'),
  request(`POST ${PATH}`, [BOUND, FORM, 'Content-Length: 21'], 'a=b&access_token={ID}'),
  request(`GET ${PATH}?access_token={MTLS}`, []),
  request(`GET ${PATH}`, [BOUND, ...PROVEN]),
  request(`GET ${PATH}`, [...PROVEN, PROVEN[1]!]),
  request(`GET ${PATH}`, PROVEN) + request(`GET ${PATH}`, PROVEN),
  request(`GET ${PATH}`, ['Authorization: Bearer {DPOP}', PROVEN[1]!]),
  request(`GET ${PATH}`, ['Authorization: DPoP {MTLS}', PROVEN[1]!]),
  request(`GET ${PATH}`, [BOUND, 'Connection: Authorization, X-Client-Id', 'X_Client_Id: evil']),
  request(`GET ${PATH}`, [BOUND, 'X-Forwarded-For: 127.9.9.9', 'Forwarded: for=127.9.9.9']),
  request(`GET ${PATH}`, [BOUND, 'Client-Cert: :AAAA:', 'X-HTTP-Method-Override: DELETE']),
  request(`GET ${PATH}`, [BOUND, 'Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings']),
  request(`GET ${PATH}`, [BOUND, 'Upgrade: websocket', 'Connection: Upgrade']) + UNAUTHORIZED,
  request(`GET ${PATH}/..%2f..%2fadmin`, [BOUND]),
  request(`GET ${PATH}/%2e%2E/admin;a=b`, [BOUND]),
  request(`GET https://${HOST}${PATH}`, [BOUND]),
  request(`GET https://${HOST}@evil.example${PATH}`, [BOUND]),
  request(`GET ${PATH}`, ['Host: evil.example', BOUND]),
  request(`CONNECT ${HOST}:443`, [BOUND]) + HIDDEN,
  request('OPTIONS *', [BOUND]),
  request(`TRACE ${PATH}`, [BOUND, 'Max-Forwards: 0']),
  HIDDEN.replace('HTTP/1.1', 'HTTP/1.0'),
  `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`,
  '\x16\x03\x01\x00\x05hello',
].map((text) => ({ text }))

/**
 * All of them, some more than once: one that is picked at random is picked as often as it stands here.
 *
 * @param corpora The folder of test vectors.
 */
export function readSeedRequests(corpora: string | undefined): SeedRequest[] {
  const known = [...HONEST, ...PIPELINED, ...HOSTILE]
  if (corpora === undefined) return known
  const file = join(corpora, 'http/llhttp-requests.json')
  const { cases }: { cases: { input_b64: string }[] } = JSON.parse(readFileSync(file, 'utf8'))
  const ofParser = cases.flatMap(({ input_b64 }) => {
    const text = Buffer.from(input_b64, 'base64').toString('latin1')
    return [{ text }, { text: asOurs(text) }]
  })
  // Most of those end at the parser. Half of what is sent shall have a way beyond it.
  const times = Math.ceil(ofParser.length / known.length)
  return [...Array.from({ length: times }, () => known).flat(), ...ofParser]
}

/** The corpus is of requests to others, without credentials. */
function asOurs(text: string): string {
  return text
    .replace(/^host *:.*\r\n/gim, '')
    .replace(/^(\S+ \S+ HTTP\/1\.[01]\r\n)/gm, `$1Host: ${HOST}\r\n${BOUND}\r\n`)
}

function request(line: string, fields: readonly string[], content = ''): string {
  const host = fields.some((field) => field.startsWith('Host:')) ? [] : [`Host: ${HOST}`]
  return [`${line} HTTP/1.1`, ...host, ...fields, '', content].join('\r\n')
}
