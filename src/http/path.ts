/**
 * The target of a request, and the one canonical path (RFC 3986 §6.2.2, RFC 9112 §3.2).
 *
 * Where a path has two readings, one of them passes the gateway and the other reaches the upstream. So
 * there is one reading: a path that any server is known to read differently is refused, and what is
 * matched with the routes is, byte for byte, what is forwarded.
 *
 * @module
 */

import { isUtf8 } from 'node:buffer'
import { type Failure, fail } from '../failure/failure.ts'

export interface RequestTarget {
  /** Of an absolute-form target, as sent and not judged yet; undefined for origin-form. */
  readonly authority: string | undefined
  /** The canonical path. */
  readonly path: string
  /** With its leading `?`, byte for byte as sent; or empty. */
  readonly query: string
}

/** A path in which nothing has to be changed or refused: no `%`, and no segment begins with a dot. */
const ORDINARY = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)*\/?$/

/** RFC 3986 §3.3: `pchar`, without `;`. */
const PATH_CHARACTERS = /^[\w\-.~!$&'()*+,=:@%/]*$/

/** Also with what a server of Java's family would cut off as a path parameter. */
const DOT_SEGMENT = /\/\.{1,2}(?:%3B[^/]*)?(?:\/|$)/

/**
 * Reads a request target in origin-form, or in absolute-form with the scheme `https`.
 *
 * Case and a trailing slash are significant. The length is not checked, nor is the authority of an
 * absolute-form target: it takes the place of `Host` (RFC 9112 §3.2.2) and is read the same way.
 */
export function parseRequestTarget(target: string): RequestTarget | Failure {
  // RFC 9112 §3.2: a target has no fragment. Some parsers drop what follows, the query included.
  if (target.includes('#')) return fail('bad_request', 'path_fragment')

  const [, authority, rest = ''] = /^(?:https:\/\/([^/?]+))?(.*)$/is.exec(target) ?? []
  const mark = rest.indexOf('?')
  const rawPath = mark === -1 ? rest : rest.slice(0, mark)
  const query = mark === -1 ? '' : rest.slice(mark)

  // RFC 3986 §6.2.3: the empty path of an absolute-form target is `/`.
  const path = canonicalPath(authority !== undefined && rawPath === '' ? '/' : rawPath)
  if (typeof path !== 'string') return path

  // RFC 9112 §3.2: visible ASCII and nothing else. Beyond that a query is its upstream's business.
  if (/[^\x21-\x7e]/.test(query)) return fail('bad_request', 'path_query_character')
  return { authority, path, query }
}

function canonicalPath(raw: string): string | Failure {
  // RFC 9112 §3.2.3, §3.2.4: `authority:port` and `*` belong to methods that are not served.
  if (!raw.startsWith('/')) return fail('bad_request', 'path_form_not_supported')
  if (ORDINARY.test(raw)) return raw

  if (raw.includes('\\')) return fail('bad_request', 'path_backslash')
  // Tomcat and its kin cut parameters off a segment before they look for dots.
  if (raw.includes(';')) return fail('bad_request', 'path_parameter')
  // RFC 3986 §3.3.
  if (!PATH_CHARACTERS.test(raw)) return fail('bad_request', 'path_character')
  // RFC 3986 §2.1.
  if (/%(?![0-9a-f]{2})/i.test(raw)) return fail('bad_request', 'path_percent_malformed')

  // RFC 3986 §6.2.2.1, §6.2.2.2.
  const path = normalisePercentEncoding(raw)
  if (path.includes('//')) return fail('bad_request', 'path_empty_segment')
  if (DOT_SEGMENT.test(path)) return fail('bad_request', 'path_dot_segment')
  if (/%(?:2F|5C)/.test(path)) return fail('bad_request', 'path_encoded_separator')
  if (/%(?:[01][0-9A-F]|7F)/.test(path)) return fail('bad_request', 'path_encoded_control')
  // RFC 3986 §2.4: what is decoded twice is read twice.
  if (/%25[0-9A-Fa-f]{2}/.test(path)) return fail('bad_request', 'path_double_encoding')
  // RFC 3629 §3: an overlong form is a second spelling, of a slash for one.
  if (!isEncodedUtf8(path)) return fail('bad_request', 'path_not_utf8')
  return path
}

/**
 * RFC 3986 §6.2.2.1, §6.2.2.2: decodes what need not be encoded and writes the rest in upper case.
 *
 * @param text Every `%` in it is followed by two hexadecimal digits.
 */
export function normalisePercentEncoding(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (encoded, digits) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    return /[A-Za-z0-9\-._~]/.test(character) ? character : encoded.toUpperCase()
  })
}

function isEncodedUtf8(path: string): boolean {
  const bytes = path.replace(/%([0-9A-F]{2})/g, (_, digits) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
  return isUtf8(Buffer.from(bytes, 'latin1'))
}
