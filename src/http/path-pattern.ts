/**
 * Patterns of paths, and which of two is the more specific.
 *
 * A pattern consists of literal segments; `*` stands for exactly one segment, and `**`, as the last one,
 * for any number of them, so that `/accounts/**` is `/accounts` and all below it.
 *
 * @module
 */

import { Failure } from '../failure/failure.ts'
import { parseRequestTarget } from './path.ts'

export interface PathPattern {
  readonly text: string
  readonly segments: readonly string[]
}

/** What is wrong with a pattern: said to whoever wrote it, so a sentence and not a reason. */
export class PatternFault {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

/**
 * Reads a pattern. Its literal segments are written as they are matched: in the one canonical form, since
 * nothing else would ever meet them.
 */
export function parsePattern(text: string): PathPattern | PatternFault {
  if (!text.startsWith('/')) return new PatternFault('a path begins with /')
  const segments = text.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    if (segment === '**' && index < segments.length - 1) {
      return new PatternFault('** can only be the last segment')
    }
    if (segment.includes('*') && segment !== '*' && segment !== '**') {
      return new PatternFault('* and ** stand for whole segments')
    }
  }
  const target = parseRequestTarget(text)
  if (target instanceof Failure) {
    return new PatternFault(`no request can have this path (${target.reason})`)
  }
  if (target.query !== '') return new PatternFault('a query is not matched: leave it out')
  if (target.path !== text) return new PatternFault(`write it as ${target.path}`)
  return { text, segments }
}

/**
 * Negative where the first of two patterns that share a path wins, positive where the second does: segment
 * by segment, a literal before `*` before `**`. Zero for two that mean the same.
 */
export function comparePatterns(one: PathPattern, other: PathPattern): number {
  const length = Math.max(one.segments.length, other.segments.length)
  for (let at = 0; at < length; at++) {
    const difference = looseness(one.segments[at]) - looseness(other.segments[at])
    if (difference !== 0) return difference
  }
  return 0
}

function looseness(segment: string | undefined): number {
  if (segment === '**') return 2
  return segment === '*' ? 1 : 0
}

/** Whether there is a path that both patterns match. What somebody means by `*` is no empty segment. */
export function patternsOverlap(one: PathPattern, other: PathPattern): boolean {
  for (let at = 0; ; at++) {
    // Decoded, as the router reads them: `%3A` and `:` are one literal to it.
    const a = decoded(one.segments[at])
    const b = decoded(other.segments[at])
    if (a === '**' || b === '**') return true
    if (a === undefined || b === undefined) return a === b
    if (a !== b && !(a === '*' && b !== '') && !(b === '*' && a !== '')) return false
  }
}

function decoded(segment: string | undefined): string | undefined {
  return segment === undefined ? undefined : decodeURIComponent(segment)
}
