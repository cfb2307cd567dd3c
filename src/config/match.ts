/**
 * `match`: which requests a route is for.
 *
 * @module
 */

import { isFieldName } from '../http/field.ts'
import { PatternFault, parsePattern } from '../http/path-pattern.ts'
import type { Path } from './document.ts'
import { type ConfigReader, nameOf } from './reading.ts'
import type { RouteInput } from './route-schema.ts'
import { suggest } from './suggestion.ts'

export interface Match {
  readonly hosts: readonly string[] | undefined
  readonly paths: readonly string[]
  readonly methods: readonly string[] | undefined
}

/** The methods of RFC 9110 §9.3 and RFC 5789 that can be routed. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']
/** RFC 9110 §9.3.6, §9.3.8: one is for proxies, the other would send a client's token back to it. */
const NEVER = ['CONNECT', 'TRACE']

/** @param known The hosts that the listeners serve. What is wrong is reported; undefined: nothing is left. */
export function compileMatch(
  match: RouteInput['match'],
  path: Path,
  known: readonly string[],
  reader: ConfigReader,
): Match | undefined {
  if (typeof match === 'string') return compileShort(match, path, reader)
  const { paths, methods, hosts } = match
  const hasPaths = paths.map((text, index) => checkPath(text, [...path, 'paths', index], reader))
  const hasMethods = methods?.map((name, index) =>
    checkMethod(name, [...path, 'methods', index], reader),
  )
  const hasHosts = hosts?.map((name, index) =>
    checkHost(name, [...path, 'hosts', index], known, reader),
  )
  const holds = [...hasPaths, ...(hasMethods ?? []), ...(hasHosts ?? [])].every((good) => good)
  if (!holds) return undefined
  return {
    hosts: hosts?.map((host) => host.toLowerCase()),
    paths: [...new Set(paths)],
    methods: methods === undefined ? undefined : withHead(methods),
  }
}

/** `GET /accounts/**`, `GET,POST /payments` or `/status`. */
function compileShort(text: string, path: Path, reader: ConfigReader): Match | undefined {
  const [, list, pattern = ''] = /^(?:([^\s/]+(?:\s*,\s*[^\s/]+)*)\s+)?(\/\S*)$/.exec(text) ?? []
  if (pattern === '') {
    const message = `${nameOf(path)}: wants methods and a path, such as GET /accounts/**`
    reader.diagnostics.error('invalid-value', reader.document.at(path), message)
    return undefined
  }
  const methods = list?.split(',').map((name) => name.trim())
  const hasMethods = methods?.map((name) => checkMethod(name, path, reader)) ?? []
  const hasPath = checkPath(pattern, path, reader)
  if (!hasPath || hasMethods.includes(false)) return undefined
  const all = methods === undefined ? undefined : withHead(methods)
  return { hosts: undefined, paths: [pattern], methods: all }
}

/** RFC 9110 §9.3.2: who may GET may HEAD; the same is asked of both. */
function withHead(methods: readonly string[]): string[] {
  return [...new Set(methods.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])))]
}

function checkPath(text: string, path: Path, { document, diagnostics }: ConfigReader): boolean {
  const pattern = parsePattern(text)
  if (!(pattern instanceof PatternFault)) return true
  diagnostics.error('invalid-value', document.at(path), `${nameOf(path)}: ${pattern.message}`)
  return false
}

function checkMethod(name: string, path: Path, { document, diagnostics }: ConfigReader): boolean {
  const isNever = NEVER.includes(name.toUpperCase())
  if (!isNever && isFieldName(name) && name === name.toUpperCase()) return true
  const near = isNever ? undefined : suggest(name.toUpperCase(), METHODS)
  const message = isNever
    ? `${nameOf(path)}: ${name} is never served`
    : `${nameOf(path)}: ${name} is not a method; they are written in capital letters`
  const note = near === undefined ? undefined : `did you mean "${near}"?`
  diagnostics.error('invalid-value', document.at(path), message, note)
  return false
}

/** Where no host is known, that has been said of the listeners. */
function checkHost(
  name: string,
  path: Path,
  known: readonly string[],
  { document, diagnostics }: ConfigReader,
): boolean {
  if (known.length === 0 || known.includes(name.toLowerCase())) return true
  const near = suggest(name, known)
  const message = `${nameOf(path)}: no listener has a public URL with the host ${name}`
  const note = near === undefined ? `there are: ${known.join(' ')}` : `did you mean "${near}"?`
  diagnostics.error('unknown-reference', document.at(path), message, note)
  return false
}
