/**
 * A failure as `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1, RFC 9110 §11.6.1).
 *
 * @module
 */

import { ERRORS } from './errors.ts'
import type { Failure } from './failure.ts'

/** What the challenges of one route say. */
export interface Protection {
  readonly realm: string
  /** The schemes that can succeed here. */
  readonly schemes: readonly string[]
  /** Scopes the route asks for, with spaces between; empty if none. */
  readonly scope: string
  /** Authentication context classes that are good enough (RFC 9470 §3), with spaces between; or empty. */
  readonly acrValues: string
  /** Seconds since the user was authenticated, at the most (RFC 9470 §3). */
  readonly maxAge: number | undefined
  /** JWS algorithms of proofs, with spaces between (RFC 9449 §7.1). */
  readonly algs: string
}

/**
 * The field values of a failure, one per scheme: clients parse one challenge a line most reliably.
 *
 * The error goes to the scheme that the client used; the others that are accepted are named beside it
 * (RFC 9449 §7.2). Where it used none, or it cannot be told which, the error goes to all of them.
 *
 * @param presented The scheme the client used, if it used one.
 * @param metadataUrl Where the resource's metadata is (RFC 9728 §5.1), if it is published.
 */
export function challenges(
  failure: Failure,
  protection: Protection,
  presented: string | undefined,
  metadataUrl?: string,
): string[] {
  const spec = ERRORS[failure.error]
  if (spec.challenge === 'none') return []

  const { schemes } = protection
  const ambiguous = presented === undefined || spec.challenge === 'schemes'
  const all = ambiguous ? schemes : [presented, ...schemes.filter((one) => one !== presented)]
  return all.map((scheme) => {
    const own = challenge(failure, protection, scheme, ambiguous || scheme === presented)
    return metadataUrl === undefined ? own : `${own}, resource_metadata="${metadataUrl}"`
  })
}

function challenge(
  failure: Failure,
  protection: Protection,
  scheme: string,
  withError: boolean,
): string {
  let value = `${scheme} realm="${protection.realm}"`
  if (withError && ERRORS[failure.error].challenge === 'error') {
    // RFC 6750 §3: fixed texts of the permitted characters; nothing that the client sent.
    value += `, error="${failure.error}", error_description="${failure.description}"`
    if (failure.error === 'insufficient_scope' && protection.scope !== '') {
      value += `, scope="${protection.scope}"`
    }
    // RFC 9470 §3: what the client should ask of the authorization server.
    if (failure.error === 'insufficient_user_authentication') {
      if (protection.acrValues !== '') value += `, acr_values="${protection.acrValues}"`
      if (protection.maxAge !== undefined) value += `, max_age="${protection.maxAge}"`
    }
  }
  // RFC 9449 §7.1: which algorithms a proof may be signed with.
  if (scheme === 'DPoP') value += `, algs="${protection.algs}"`
  return value
}
