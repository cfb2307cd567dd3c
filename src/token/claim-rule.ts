/**
 * Rules on single claims of a token.
 *
 * @module
 */

import type { Claims } from './claims.ts'

type Plain = string | number | boolean

/** `present`: there and not null. `equals`, `one_of`: the value, or one element where it is an array. */
export type ClaimRule =
  | 'present'
  | { readonly equals: Plain }
  | { readonly one_of: readonly Plain[] }

/** Whether a token's claim is as a rule wants it. A claim that is not there never is. */
export function satisfiesClaimRule(claims: Claims, name: string, rule: ClaimRule): boolean {
  // An own property only: `constructor` is not a claim because objects have one.
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  if (value === undefined || value === null) return false
  if (rule === 'present') return true
  const wanted: readonly unknown[] = 'equals' in rule ? [rule.equals] : rule.one_of
  return Array.isArray(value)
    ? value.some((element) => wanted.includes(element))
    : wanted.includes(value)
}
