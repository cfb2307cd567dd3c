/**
 * What an access token is once it has been verified, whatever its format was on the wire.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { isSha256Thumbprint } from '../encoding/base64url.ts'
import { type Failure, fail } from '../failure/failure.ts'
import type { AlgorithmName } from '../jose/algorithm.ts'

/**
 * How the holder of a token proves possession (RFC 7800 §3.1), as far as we can check it. A token bound
 * in both ways is bound in both ways: each has to be proven.
 */
export interface Confirmation {
  /** `x5t#S256` (RFC 8705 §3.1): SHA-256 of the client certificate, base64url. */
  readonly certificateThumbprint: string | undefined
  /** `jkt` (RFC 9449 §6.1): SHA-256 of the proof's key, base64url. */
  readonly keyThumbprint: string | undefined
}

/** An access token that its issuer vouches for. Exists only after verification or introspection. */
export interface AccessToken {
  /** Seconds since the epoch. Judged again on every use, with the issuer's clock skew. */
  readonly expiresAt: number
  readonly subject: string | undefined
  readonly clientId: string | undefined
  readonly audiences: readonly string[]
  /** RFC 6749 §3.3: whole, case-sensitive. Empty where the token has none. */
  readonly scopes: readonly string[]
  /** Undefined for a bearer token. */
  readonly confirmation: Confirmation | undefined
  /** All claims, or all members of the introspection response. */
  readonly claims: Readonly<Record<string, unknown>>
  /** JWS algorithm; undefined for a token that was introspected. */
  readonly algorithm: AlgorithmName | undefined
  /** First eight characters of the SHA-256 of its `jti`: what it is called in logs, its issuer's too. */
  readonly jtiDigest?: string | undefined
}

/** Of an identifier: enough to find it in what the issuer has logged, and nothing that could be sent again. */
export function digestOf(identifier: unknown): string | undefined {
  if (typeof identifier !== 'string') return undefined
  return hash('sha256', identifier, 'base64url').slice(0, 8)
}

/**
 * Reads a `cnf` claim: confirmation methods that we can check, or a failure. To pass over an unknown
 * method would be to accept a bound token unproven, so it is refused.
 */
export function parseConfirmation(cnf: unknown): Confirmation | undefined | Failure {
  if (cnf === undefined) return undefined
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) {
    return fail('invalid_token', 'cnf_malformed')
  }
  const members = Object.entries(cnf)
  if (members.length === 0) return fail('invalid_token', 'cnf_empty')

  let certificateThumbprint: string | undefined
  let keyThumbprint: string | undefined
  for (const [name, value] of members) {
    if (name !== 'x5t#S256' && name !== 'jkt') return fail('invalid_token', 'cnf_method_unknown')
    if (!isSha256Thumbprint(value)) return fail('invalid_token', 'cnf_thumbprint_malformed')
    if (name === 'jkt') keyThumbprint = value
    else certificateThumbprint = value
  }
  return { certificateThumbprint, keyThumbprint }
}
