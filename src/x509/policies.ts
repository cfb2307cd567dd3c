/**
 * Certificate policies (RFC 5280 §6.1): whether a path has one, where a certificate of it says that it must.
 *
 * Nobody here asks for a certain policy, so they matter only where an authority demands that there be one
 * (§4.2.1.11). What is kept is the set of policies that all certificates so far agree on, not the tree
 * of RFC 5280 §6.1.2 (a): a policy that was mapped to another (§4.2.1.5) leaves the set, and the other does not enter it. So
 * some paths with mappings are refused that the tree would let pass, and none passes that it would not.
 *
 * @module
 */

import { type DerReader, primitive, TAG } from '../encoding/der.ts'

/** What a certificate says of policies. */
export interface Policies {
  /** Object identifiers; undefined where it names none. */
  readonly named: readonly string[] | undefined
  /** Those for which the next certificate names others. */
  readonly mapped: readonly string[]
  /** After how many certificates there has to be a policy, and after how many `anyPolicy` is none. */
  readonly explicitAfter: number
  readonly notAnyAfter: number
}

export const ANY_POLICY = '2.5.29.32.0'

/** RFC 5280 §4.2.1.4. Their qualifiers are for people. */
export function readPolicies(reader: DerReader): readonly string[] {
  const policies: string[] = []
  const list = reader.enter(TAG.sequence)
  while (list.hasMore) {
    const policy = list.enter(TAG.sequence)
    policies.push(policy.oid())
    if (policy.hasMore) policy.next(TAG.sequence)
    policy.finish()
  }
  return policies
}

/** RFC 5280 §4.2.1.5. */
export function readMappedPolicies(reader: DerReader): readonly string[] {
  const mapped: string[] = []
  const list = reader.enter(TAG.sequence)
  while (list.hasMore) {
    const pair = list.enter(TAG.sequence)
    const [from, to] = [pair.oid(), pair.oid()]
    pair.finish()
    // RFC 5280 §6.1.4 (a).
    if (from === ANY_POLICY || to === ANY_POLICY) list.break()
    mapped.push(from)
  }
  return mapped
}

/** RFC 5280 §4.2.1.11: requireExplicitPolicy. Mappings are never followed, so nobody has to inhibit them. */
export function readExplicitAfter(reader: DerReader): number {
  const constraints = reader.enter(TAG.sequence)
  const isThere = constraints.isNext(primitive(0))
  const after = isThere ? readCount(constraints, primitive(0)) : Number.POSITIVE_INFINITY
  if (constraints.isNext(primitive(1))) readCount(constraints, primitive(1))
  constraints.finish()
  return after
}

/** An INTEGER from 0 on, under any tag; more than four octets are more than any path has certificates. */
export function readCount(reader: DerReader, tag: number = TAG.integer): number {
  const content = reader.read(tag)
  const [first = 0x80, second = 0x80] = content
  const isPadded = content.length > 1 && first === 0 && second < 0x80
  if (first >= 0x80 || isPadded) reader.break()
  return content.length > 4
    ? Number.POSITIVE_INFINITY
    : Number.parseInt(content.toString('hex'), 16)
}

/** A certificate of a path, as far as policies go. */
export interface Member {
  readonly policies: Policies
  readonly isSelfIssued: boolean
}

/**
 * Whether a path has a policy, or need not.
 *
 * @param members From the one that the trust anchor issued to the end entity. Of the anchor itself nothing is
 *   asked (RFC 5280 §6.1.1 (d)).
 */
export function hasPolicyWhereDemanded(members: readonly Member[]): boolean {
  // RFC 5280 §6.1.2 (a). Undefined: any.
  let agreed: readonly string[] | undefined
  let explicit = members.length + 1
  let notAny = members.length + 1
  for (const [index, { policies, isSelfIssued }] of members.entries()) {
    const isLast = index === members.length - 1
    // RFC 5280 §6.1.3 (d), (e).
    agreed = agreeing(agreed, policies.named, notAny > 0 || (isSelfIssued && !isLast))
    // RFC 5280 §6.1.3 (f).
    if (explicit === 0 && agreed?.length === 0) return false
    // RFC 5280 §6.1.4 (b).
    if (!isLast) agreed = agreed?.filter((policy) => !policies.mapped.includes(policy))
    // RFC 5280 §6.1.4 (h), §6.1.5 (a).
    if (!isSelfIssued || isLast) {
      explicit = Math.max(explicit - 1, 0)
      notAny = Math.max(notAny - 1, 0)
    }
    // RFC 5280 §6.1.4 (i), (j), §6.1.5 (b): of the last one only that it demands one of itself.
    if (!isLast || policies.explicitAfter === 0)
      explicit = Math.min(explicit, policies.explicitAfter)
    notAny = Math.min(notAny, policies.notAnyAfter)
  }
  // RFC 5280 §6.1.5 (g).
  return explicit > 0 || agreed?.length !== 0
}

function agreeing(
  agreed: readonly string[] | undefined,
  named: readonly string[] | undefined,
  takesAny: boolean,
): readonly string[] | undefined {
  if (named === undefined) return []
  if (takesAny && named.includes(ANY_POLICY)) return agreed
  if (agreed === undefined) return named.filter((policy) => policy !== ANY_POLICY)
  return agreed.filter((policy) => named.includes(policy))
}
