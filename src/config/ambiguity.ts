/**
 * Routes that match the same requests: which of them wins, and whether that is what one would expect.
 *
 * The most specific wins. A route that names the host is more specific than one that does not; then, segment
 * by segment, a literal than `*` than `**`; then a route that names its methods.
 *
 * @module
 */

import {
  comparePatterns,
  type PathPattern,
  PatternFault,
  parsePattern,
  patternsOverlap,
} from '../http/path-pattern.ts'
import type { RouteConfig } from './configuration.ts'
import type { Diagnostics } from './diagnostic.ts'

/** @param routes In the order of the file. */
export function checkAmbiguity(routes: readonly RouteConfig[], diagnostics: Diagnostics): void {
  for (const [index, later] of routes.entries()) {
    for (const earlier of routes.slice(0, index)) checkPair(earlier, later, diagnostics)
  }
}

function checkPair(earlier: RouteConfig, later: RouteConfig, diagnostics: Diagnostics): void {
  if (!overlap(earlier.methods, later.methods) || !overlap(earlier.hosts, later.hosts)) return
  for (const one of patternsOf(earlier)) {
    for (const other of patternsOf(later)) {
      if (!patternsOverlap(one, other)) continue
      const order = compare(earlier, one, later, other)
      if (order === 0) {
        const message = `"${later.id}" and "${earlier.id}" both match ${other.text}, and neither is more specific`
        diagnostics.error('ambiguous-route', later.position, message)
      }
      // Who reads from top to bottom expects the earlier one to win.
      if (order > 0) {
        const message = `${one.text} also matches what "${later.id}" matches; "${later.id}" wins`
        diagnostics.warn('shadowed-route', earlier.position, message)
      }
      if (order >= 0) return
    }
  }
}

/** Negative where the first wins. */
function compare(
  one: RouteConfig,
  onePattern: PathPattern,
  other: RouteConfig,
  otherPattern: PathPattern,
): number {
  return (
    unnamed(one.hosts) - unnamed(other.hosts) ||
    comparePatterns(onePattern, otherPattern) ||
    unnamed(one.methods) - unnamed(other.methods)
  )
}

function unnamed(names: readonly string[] | undefined): number {
  return names === undefined ? 1 : 0
}

/** Undefined means any. */
function overlap(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): boolean {
  if (one === undefined || other === undefined) return true
  return one.some((name) => other.includes(name))
}

function patternsOf({ paths }: RouteConfig): PathPattern[] {
  return paths
    .map((text) => parsePattern(text))
    .filter((pattern): pattern is PathPattern => !(pattern instanceof PatternFault))
}
