/**
 * The downgrade table: authentication scheme, confirmation and proof have to agree (RFC 9449 §7.1, §7.2,
 * RFC 8705 §3).
 *
 *     scheme   token bound to     answer
 *     Bearer   nothing            only where the route does not require a binding
 *     Bearer   certificate        certificate checked
 *     Bearer   key, or both       refused: RFC 9449 §7.2
 *     DPoP     nothing            refused: RFC 9449 §7.1
 *     DPoP     certificate        refused: the proof's key is not the token's
 *     DPoP     key                key checked
 *     DPoP     both               key and certificate checked
 *
 * The token decides, not the route: no policy lets a bound token through unproven.
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'
import type { AccessToken } from '../token/access-token.ts'
import type { Scheme } from '../token/credentials.ts'
import type { ClientCertificate } from './certificate.ts'
import type { VerifiedProof } from './dpop/proof.ts'
import { checkCertificateBinding } from './mtls.ts'

export interface Presentation {
  readonly scheme: Scheme
  readonly proof: VerifiedProof | undefined
  readonly certificate: ClientCertificate | undefined
}

export interface BindingPolicy {
  /** Refuse tokens that are bound to nothing. */
  readonly required: boolean
  /** Proofs of possession that count. */
  readonly methods: readonly ('mtls' | 'dpop')[]
}

/**
 * Checks that a token is in the hands it was issued to.
 *
 * @param presented How the token came: `proof` is there exactly if the scheme is DPoP, and verified.
 */
export function checkPresentation(
  token: AccessToken,
  presented: Presentation,
  policy: BindingPolicy,
  now: number,
): Failure | undefined {
  const certificateThumbprint = token.confirmation?.certificateThumbprint
  const keyThumbprint = token.confirmation?.keyThumbprint

  if (presented.scheme === 'DPoP') {
    // RFC 9449 §7.1: the DPoP scheme is for tokens bound to a key.
    if (keyThumbprint === undefined) return fail('invalid_token', 'token_not_dpop_bound')
    // RFC 9449 §4.3 (12.2): the proof's key is the one the token is bound to.
    if (presented.proof?.keyThumbprint !== keyThumbprint) {
      return fail('invalid_token', 'cnf_jkt_mismatch')
    }
  } else if (keyThumbprint !== undefined) {
    // RFC 9449 §7.2: a DPoP-bound token is not accepted as a bearer token.
    return fail('invalid_token', 'dpop_token_as_bearer')
  }

  if (certificateThumbprint !== undefined) {
    const failure = checkCertificateBinding(certificateThumbprint, presented.certificate, now)
    if (failure !== undefined) return failure
  }

  if (token.confirmation === undefined) {
    // FAPI 1.0 Advanced §8.2, FAPI 2.0 SP §5.3.4-5: no binding is not "nothing to check".
    return policy.required ? fail('invalid_token', 'cnf_missing') : undefined
  }
  const counts =
    (certificateThumbprint !== undefined && policy.methods.includes('mtls')) ||
    (keyThumbprint !== undefined && policy.methods.includes('dpop'))
  return counts ? undefined : fail('invalid_token', 'cnf_method_not_accepted')
}
