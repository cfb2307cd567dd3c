/**
 * Makes hostile requests out of others. Pure: the same seed and number give the same request.
 *
 * @module
 */

import { HOLDERS, type Holder } from './credential.ts'
import { createRandom, type Random } from './random.ts'
import type { SeedRequest } from './seed-request.ts'

/** A request to be sent, before credentials are filled in. */
export interface Plan {
  readonly index: number
  /** Text of bytes (latin1). */
  readonly template: string
  /** How many requests it is, where nothing was changed and every one has to be answered 200. */
  readonly honest: number | undefined
  /** Whose credentials are filled in. */
  readonly holder: Holder
  /** Bytes that are changed after that: where, as a part of the whole, and into what. */
  readonly damage: readonly (readonly [where: number, byte: number])[]
  /** Sizes of the pieces it is written in; none: at once. */
  readonly pieces: readonly number[]
}

const FRAGMENTS = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    '\t',
    '\x0b',
    '\x7f',
    '\x80',
    '\xff',
    ':',
    ';',
    ',',
    '"',
    '\\',
  ],
  ...['\r\n\r\n', '\r\n ', '0\r\n\r\n', '%2e%2e/', '%2f', '%00', '%', '//', '/../', '#', '?', '@'],
  ...[
    'HTTP/1.0',
    'HTTP/1.1',
    'HTTP/2.0',
    'http/1.1',
    'GET ',
    'HEAD ',
    'POST ',
    'CONNECT ',
    'M-SEARCH ',
  ],
  ...['https://evil.example', '?access_token=1', '{MTLS}', '{DPOP}', '{PROOF GET}', '{PROOF POST}'],
  'a'.repeat(9000),
]

const LINES = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Content-Length: 0',
  'Content-Length: 5',
  'Content-Length: 5, 5',
  'Host: evil.example',
  'Authorization: Bearer x',
  'Authorization: Bearer {MTLS}',
  'DPoP: a.b.c',
  'Connection: close',
  'Connection: keep-alive, Authorization, DPoP, Host',
  'Expect: 100-continue',
  'Expect: 200-ok',
  'Upgrade: h2c',
  'Trailer: Authorization',
  'TE: trailers',
  'Cookie: a=b',
  'Content-Type: application/x-www-form-urlencoded',
  'Content-Encoding: gzip',
  'X-Forwarded-For: 127.9.9.9',
  'x-fapi-interaction-id: {ID}',
  'X-HTTP-Method-Override: DELETE',
  ' folded',
  ': no name',
  'no colon',
]

const NUMBERS = ['0', '00', '-1', '+5', '5,5', '0x5', '1e1', '5.0', '', ' 5', '5 5', '9'.repeat(20)]

type Mutation = (text: string, random: Random, seeds: readonly SeedRequest[]) => string

const MUTATIONS: readonly Mutation[] = [
  // Insert, delete, replace, repeat bytes.
  (text, random) => splice(text, place(text, random), 0, random.pick(FRAGMENTS)),
  (text, random) => splice(text, place(text, random), 1 + random.below(8), ''),
  (text, random) => splice(text, place(text, random), 1, String.fromCharCode(random.below(256))),
  (text, random) => {
    const from = place(text, random)
    return splice(text, from, 0, text.slice(from, from + random.below(2000)))
  },
  // Two requests into one, or behind each other.
  (text, random, seeds) => {
    const other = random.pick(seeds).text
    return text.slice(0, place(text, random)) + other.slice(place(other, random))
  },
  (text, random, seeds) => text + random.pick(seeds).text,
  // Lines: another one, one less, one twice, two with one name.
  (text, random) => splice(text, lineStart(text, random), 0, `${random.pick(LINES)}\r\n`),
  (text, random) => {
    const from = lineStart(text, random)
    return splice(text, from, lineAt(text, from).length, '')
  },
  (text, random) => {
    const line = lineAt(text, lineStart(text, random))
    return splice(text, lineStart(text, random), 0, line)
  },
  (text, random) => {
    const from = lineStart(text, random)
    const [name = ''] = lineAt(text, from).split(':')
    return splice(text, from, 0, `${name}: ${random.pick(NUMBERS)}\r\n`)
  },
  // Case.
  (text, random) => {
    const from = place(text, random)
    const run = text.slice(from, from + 1 + random.below(20))
    return splice(text, from, run.length, random.oneIn(2) ? run.toUpperCase() : run.toLowerCase())
  },
  // Numbers, most of which are lengths.
  (text, random) => {
    const numbers = [...text.matchAll(/(?<=: |\n)\d+|(?<=\n)[0-9a-f]+(?=\r)/g)]
    if (numbers.length === 0) return text
    const { 0: number, index } = random.pick(numbers)
    const near = String(Number.parseInt(number, 10) + random.below(3) - 1)
    return splice(text, index, number.length, random.oneIn(2) ? near : random.pick(NUMBERS))
  },
]

/** The request of this number in the run of this seed. */
export function planRequest(seed: number, index: number, seeds: readonly SeedRequest[]): Plan {
  const random = createRandom(seed, index)
  const { text, honest } = random.pick(seeds)
  const mutations = random.below(5)
  let template = text
  for (let i = 0; i < mutations; i++) template = random.pick(MUTATIONS)(template, random, seeds)

  const isDamaged = random.oneIn(8)
  const isWhole = mutations === 0 && !isDamaged
  return {
    index,
    template,
    honest: isWhole ? honest : undefined,
    // Half of them may be forwarded: the longer way through the gateway.
    holder: random.oneIn(2) ? 'valid' : random.pick(HOLDERS),
    damage: isDamaged ? [[random.below(1_000_000) / 1_000_000, random.below(256)]] : [],
    pieces: random.oneIn(4) ? Array.from({ length: 8 }, () => 1 + random.below(60)) : [],
  }
}

/** The bytes changed that the plan wants changed in what is sent. */
export function damaged(bytes: Buffer, damage: Plan['damage']): Buffer {
  for (const [where, byte] of damage) bytes[Math.floor(where * bytes.length)] = byte
  return bytes
}

function splice(text: string, at: number, remove: number, insert: string): string {
  return text.slice(0, at) + insert + text.slice(at + remove)
}

/** Anywhere, but often where a line begins or ends. */
function place(text: string, random: Random): number {
  return random.oneIn(3) ? lineStart(text, random) : random.below(text.length + 1)
}

function lineStart(text: string, random: Random): number {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
  return random.pick(starts)
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf('\n', start)
  return text.slice(start, end === -1 ? text.length : end + 1)
}
