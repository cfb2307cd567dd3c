/**
 * Rich authorization requests: what a token's `authorization_details` grant (RFC 9396 §2, §9).
 *
 * @module
 */

import type { Claims } from './claims.ts'

/** Most objects of a token that are looked at. */
const MAX_DETAILS = 100

/** What one object has to grant. Members that a rule does not name are not asked for. */
export interface DetailsRule {
  readonly type: string
  readonly actions?: readonly string[] | undefined
  readonly locations?: readonly string[] | undefined
  readonly datatypes?: readonly string[] | undefined
  readonly privileges?: readonly string[] | undefined
  /** Other members: each is, or holds, the segment of the path of this number, counted from 1. */
  readonly members?: Readonly<Record<string, { readonly path_segment: number }>> | undefined
}

const LISTS = ['actions', 'locations', 'datatypes', 'privileges'] as const

/**
 * Whether one object of a token's `authorization_details` grants all that a rule asks. Two objects that
 * grant a part each do not: they were consented to apart.
 *
 * @param path The canonical path of the request.
 */
export function areDetailsSufficient(claims: Claims, rule: DetailsRule, path: string): boolean {
  const { authorization_details: details } = claims
  if (!Array.isArray(details) || details.length > MAX_DETAILS) return false
  const segments = path.slice(1).split('/').map(decodeURIComponent)
  return details.some((object) => isRecord(object) && grants(object, rule, segments))
}

function grants(object: Claims, rule: DetailsRule, segments: readonly string[]): boolean {
  // RFC 9396 §2: the type decides what the other members mean; another one grants nothing here.
  if (object['type'] !== rule.type) return false
  for (const name of LISTS) {
    const granted = object[name]
    const wanted = rule[name] ?? []
    if (wanted.length > 0 && !Array.isArray(granted)) return false
    if (!wanted.every((value) => (granted as unknown[]).includes(value))) return false
  }
  return Object.entries(rule.members ?? {}).every(([name, { path_segment }]) => {
    const segment = segments[path_segment - 1]
    const granted = Object.hasOwn(object, name) ? object[name] : undefined
    if (segment === undefined || segment === '') return false
    return Array.isArray(granted) ? granted.includes(segment) : granted === segment
  })
}

function isRecord(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
