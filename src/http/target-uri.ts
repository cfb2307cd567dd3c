/**
 * Authorities and target URIs, in the form in which they are compared (RFC 3986 §6.2, RFC 9110 §4.2.3).
 *
 * The URL standard's parser repairs what it is given: it turns `\` into `/`, drops tabs and decodes
 * dots. Here nothing is repaired, so text reaches it only where it has no freedom left.
 *
 * @module
 */

import { normalisePercentEncoding } from './path.ts'

export interface Authority {
  /** In lower case; an IPv6 literal in its brackets and in its shortest spelling. */
  readonly host: string
  readonly port: number | undefined
}

const REG_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/
const PORT = /^[1-9][0-9]{0,4}$/

/** RFC 3986 §3.3: what a path may consist of. */
const PATH = /^(?:[\w\-.~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/

/**
 * Whether a query has a parameter of this name, however it is spelled: percent-encoded, in another
 * case, between `;` instead of `&`, as an array (`name[]`), cut off at a NUL, or with a character that
 * PHP turns into `_`. Asked in order to refuse, so where readers differ the answer is yes.
 *
 * One pass that makes nothing: a form may have a million parameters.
 *
 * @param query With or without its leading `?`.
 * @param name In lower case.
 */
export function hasQueryParameter(query: string, name: string): boolean {
  if (query === '') return false
  let at = query.charCodeAt(0) === CHAR.question ? 1 : 0
  while (at < query.length) {
    if (isNamed(query, at, name)) return true
    while (at < query.length && !isSeparator(query.charCodeAt(at))) at += 1
    at += 1
  }
  return false
}

const CHAR = {
  plus: 0x2b,
  percent: 0x25,
  ampersand: 0x26,
  dot: 0x2e,
  semicolon: 0x3b,
  equals: 0x3d,
  question: 0x3f,
  bracket: 0x5b,
  underscore: 0x5f,
  u: 0x75,
} as const

function isSeparator(code: number): boolean {
  return code === CHAR.ampersand || code === CHAR.semicolon
}

/** Whether the parameter that begins here is read as this name by anybody. */
function isNamed(query: string, start: number, name: string): boolean {
  let matched = 0
  for (let at = start; at < query.length; ) {
    const raw = query.charCodeAt(at)
    if (raw === CHAR.equals || isSeparator(raw)) break
    const digits = raw === CHAR.percent ? digitsOfEscape(query, at) : 0
    const plain = raw === CHAR.plus ? 0x20 : raw
    at += digits === 0 ? 1 : digits === 2 ? 3 : 6
    const code = digits === 0 ? plain : hex(query, at, digits)
    if (matched === name.length) {
      // For C it ends at a NUL, and for PHP it is an array from the bracket on.
      if (code === 0 || code === CHAR.bracket) return true
      if (!isSpace(code)) return false
    } else if (isReadAs(code, name.charCodeAt(matched))) {
      matched += 1
    } else if (matched > 0 || !isSpace(code)) {
      return false
    }
  }
  return matched === name.length
}

/** How many digits spell one character: `%uXXXX`, `%XX`, or a percent sign that is only that. */
function digitsOfEscape(query: string, at: number): 0 | 2 | 4 {
  if (query.charCodeAt(at + 1) === CHAR.u && hex(query, at + 6, 4) >= 0) return 4
  return hex(query, at + 3, 2) >= 0 ? 2 : 0
}

/** The number that the hexadecimal digits before `end` spell, or less than 0. */
function hex(text: string, end: number, digits: number): number {
  let value = 0
  for (let at = end - digits; at < end; at++) {
    const code = text.charCodeAt(at)
    const lower = code | 0x20
    if (code >= 0x30 && code <= 0x39) value = value * 16 + code - 0x30
    else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57
    else return -1
  }
  return value
}

function isReadAs(code: number, wanted: number): boolean {
  if (code === wanted || (code >= 0x41 && code <= 0x5a && code + 0x20 === wanted)) return true
  if (wanted === CHAR.underscore) {
    return code === 0x20 || code === CHAR.dot || code === CHAR.bracket
  }
  // Of letters beyond ASCII some fold into it.
  return code > 0x7f && String.fromCharCode(code).toLowerCase().charCodeAt(0) === wanted
}

/** What `trim` takes away. */
function isSpace(code: number): boolean {
  if (code <= 0x7f) return code === 0x20 || (code >= 0x09 && code <= 0x0d)
  return String.fromCharCode(code).trim() === ''
}

/**
 * Reads a `Host` value (RFC 9110 §7.2) or the authority of a target, or returns undefined.
 *
 * A final dot is kept: `api.example.` is another host than `api.example`, and is not served in its name.
 */
export function parseAuthority(host: string): Authority | undefined {
  // Before the case is folded: of letters beyond ASCII some fold into it.
  if (/[^\x21-\x7e]/.test(host)) return undefined
  const [, name = '', digits] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(host.toLowerCase()) ?? []
  const parsed = name.startsWith('[') ? parseIpv6(name) : parseRegName(name)
  if (parsed === undefined) return undefined
  if (digits === undefined) return { host: parsed, port: undefined }

  const port = Number(digits)
  return PORT.test(digits) && port <= 65535 ? { host: parsed, port } : undefined
}

function parseRegName(name: string): string | undefined {
  return name.length <= 254 && REG_NAME.test(name) ? name : undefined
}

/** RFC 3986 §3.2.2: an address in brackets, without a zone. */
function parseIpv6(literal: string): string | undefined {
  if (!/^\[[0-9a-f:.]{2,45}\]$/.test(literal)) return undefined
  return URL.parse(`https://${literal}`)?.hostname
}

/**
 * Brings an absolute `http` or `https` URI, without its query and fragment, into the form that two
 * spellings of it share: the comparison that RFC 9449 §4.3 (9) asks for. Returns undefined if it is no
 * such URI, or if it has user information.
 */
export function normaliseTargetUri(uri: string): string | undefined {
  if (/[^\x21-\x7e]|\\/.test(uri)) return undefined
  const parts = /^(https?):\/\/([^/?#]*)([^?#]*)/i.exec(uri)
  if (parts === null) return undefined
  const [, rawScheme = '', rawAuthority = '', rawPath = ''] = parts
  if (!PATH.test(rawPath)) return undefined

  // RFC 3986 §6.2.2.1: scheme and host are not case-sensitive. §6.2.3: a port may be empty.
  const scheme = rawScheme.toLowerCase()
  const authority = parseAuthority(rawAuthority.replace(/:$/, ''))
  if (authority === undefined) return undefined

  // RFC 3986 §6.2.3: the default port is left out, and an empty path is `/`.
  const { host, port } = authority
  const explicit = port === undefined || port === (scheme === 'https' ? 443 : 80) ? '' : `:${port}`
  // RFC 3986 §6.2.2.2, §6.2.2.3.
  const path = removeDotSegments(normalisePercentEncoding(rawPath || '/'))
  return `${scheme}://${host}${explicit}${path}`
}

/** RFC 3986 §5.2.4, for a path that begins with a slash. */
function removeDotSegments(path: string): string {
  if (!path.includes('/.')) return path
  const kept: string[] = []
  const segments = path.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..'
    if (segment === '..') kept.pop()
    if (!isDots) kept.push(segment)
    else if (index === segments.length - 1) kept.push('')
  }
  return `/${kept.join('/')}`
}
