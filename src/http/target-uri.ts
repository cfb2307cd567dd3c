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
 * @param query With or without its leading `?`.
 * @param name In lower case.
 */
export function hasQueryParameter(query: string, name: string): boolean {
  if (query === '') return false
  return query
    .replace(/^\?/, '')
    .split(/[&;]/)
    .some((parameter) => isReadAs(parameterName(parameter), name))
}

function parameterName(parameter: string): string {
  const name = /^[^=]*/.exec(parameter)![0]
  return name
    .replace(/\+/g, ' ')
    .replace(/%u([0-9A-Fa-f]{4})|%([0-9A-Fa-f]{2})/g, (_, wide, narrow) =>
      String.fromCharCode(Number.parseInt(wide ?? narrow, 16)),
    )
    .replace(/\0.*$/s, '')
    .trim()
    .toLowerCase()
}

function isReadAs(written: string, name: string): boolean {
  return written.replace(/\[.*$/s, '').trim() === name || written.replace(/[ .[]/g, '_') === name
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
