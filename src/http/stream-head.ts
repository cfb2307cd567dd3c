/**
 * The head of a request in HTTP/2, as the rest of the program reads heads (RFC 9113 §8).
 *
 * What travels on as HTTP/1.1 has to mean there what it meant here: no field that frames messages or
 * connections, no character that ends a line, one host. The library below refuses most of that; nothing
 * here relies on it.
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'
import { parseAuthority } from './target-uri.ts'

export interface StreamHead {
  readonly method: string
  /** In origin-form, or `*`. */
  readonly target: string
  /** Names and values in turn, `host` first where the client named one: without pseudo-fields. */
  readonly fields: string[]
}

/** RFC 9113 §8.2.1: a token in lower case. */
const NAME = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/
/** RFC 9113 §8.2.1: nothing that could end a line, and no white space around it. */
const VALUE = /^(?![ \t])[^\0-\x08\x0a-\x1f\x7f]*(?<![ \t])$/

/** RFC 9113 §8.2.2: what speaks of a connection of HTTP/1. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

interface Pseudo {
  method: string | undefined
  scheme: string | undefined
  authority: string | undefined
  path: string | undefined
}

/**
 * Reads a head.
 *
 * CONNECT is refused like any request that lacks its path. How long the content is, whether fields came
 * twice, and the target itself are not looked at.
 *
 * @param rawFields Names and values in turn, pseudo-fields among them, as they came.
 */
export function parseStreamHead(rawFields: readonly string[]): StreamHead | Failure {
  const pseudo: Pseudo = {
    method: undefined,
    scheme: undefined,
    authority: undefined,
    path: undefined,
  }
  let at = 0
  // RFC 9113 §8.3: they stand before all others, those of a request alone, each once.
  for (; at < rawFields.length && rawFields[at]!.startsWith(':'); at += 2) {
    const name = rawFields[at]!.slice(1)
    if (!isPseudo(name) || pseudo[name] !== undefined) {
      return fail('bad_request', 'pseudo_field_unexpected')
    }
    pseudo[name] = rawFields[at + 1]!
  }
  const { method, scheme, authority, path } = pseudo
  // RFC 9113 §8.3.1: the target is a path. An absolute URL would be a second authority.
  if (method === undefined || !NAME_OF_METHOD.test(method) || !path || !/^(?:\/|\*$)/.test(path)) {
    return fail('bad_request', 'pseudo_field_malformed')
  }
  if (scheme !== 'https') return fail('bad_request', 'scheme_not_https')

  const fields = regularFields(rawFields, at, authority)
  return Array.isArray(fields) ? { method, target: path, fields } : fields
}

/** RFC 9110 §9.1: case counts, so a `post` is no POST, and some upstreams take it for one. */
const NAME_OF_METHOD = /^[A-Z0-9!#$%&'*+\-.^_`|~]+$/

function isPseudo(name: string): name is keyof Pseudo {
  return name === 'method' || name === 'scheme' || name === 'authority' || name === 'path'
}

function regularFields(
  rawFields: readonly string[],
  from: number,
  authority: string | undefined,
): string[] | Failure {
  const fields = authority === undefined ? [] : ['host', authority]
  /** Where the value of the one cookie field is. */
  let cookie: number | undefined
  for (let at = from; at < rawFields.length; at += 2) {
    const name = rawFields[at]!
    const value = rawFields[at + 1]!
    if (!NAME.test(name) || !VALUE.test(value)) return fail('bad_request', 'field_malformed')
    // RFC 9113 §8.2.2: what could be read as framing behind us is malformed, and not only left out.
    if (CONNECTION_SPECIFIC.has(name) || (name === 'te' && value.toLowerCase() !== 'trailers')) {
      return fail('bad_request', 'field_of_connection')
    }
    if (name === 'host' && authority !== undefined) {
      // RFC 9113 §8.3.1: it says the same or it is an attack.
      if (!isSameAuthority(value, authority)) return fail('bad_request', 'host_is_not_authority')
    } else if (name === 'cookie' && cookie !== undefined) {
      // RFC 9113 §8.2.3: crumbs of one field, which HTTP/1.1 has to see as one.
      fields[cookie] += `; ${value}`
    } else {
      if (name === 'cookie') cookie = fields.length + 1
      fields.push(name, value)
    }
  }
  return fields
}

function isSameAuthority(one: string, other: string): boolean {
  if (one === other) return true
  const [left, right] = [parseAuthority(one), parseAuthority(other)]
  if (left === undefined || right === undefined) return false
  return left.host === right.host && (left.port ?? 443) === (right.port ?? 443)
}
