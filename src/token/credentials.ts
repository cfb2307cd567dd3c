/**
 * The access token, from `Authorization` and from nowhere else (RFC 6750 §2.1, RFC 9449 §7.1).
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'
import { isToken68, SEVERAL, soleField } from '../http/field.ts'

/** RFC 6750 and RFC 9449 name them so; on the wire their case does not matter. */
export type Scheme = 'Bearer' | 'DPoP'

export interface Credentials {
  readonly scheme: Scheme
  readonly token: string
}

/**
 * Reads the credentials of a request.
 *
 * Does not judge the token: it may be anything of the token68 alphabet.
 *
 * @param maxLength Longest token that is read, in characters.
 */
export function parseCredentials(
  rawFields: readonly string[],
  maxLength: number,
): Credentials | Failure {
  const value = soleField(rawFields, 'authorization')
  // RFC 6750 §3.1: no authentication information at all is told no error code.
  if (value === undefined) return fail('missing_token', 'token_missing')
  // RFC 9449 §7.2, RFC 9110 §5.3: which of two is meant cannot be known.
  if (value === SEVERAL) return fail('invalid_request', 'authorization_several')

  const space = value.indexOf(' ')
  const scheme = schemeOf(space === -1 ? value : value.slice(0, space))
  if (scheme === undefined) return fail('missing_token', 'scheme_unknown')

  // RFC 6750 §2.1: exactly one space, then one b64token.
  const token = space === -1 ? '' : value.slice(space + 1)
  if (!isToken68(token)) return fail('invalid_request', 'credentials_malformed')
  if (token.length > maxLength) return fail('invalid_request', 'token_too_long')
  return { scheme, token }
}

/** RFC 9110 §11.1: a scheme's name matches in any case. */
function schemeOf(name: string): Scheme | undefined {
  switch (name.toLowerCase()) {
    case 'bearer':
      return 'Bearer'
    case 'dpop':
      return 'DPoP'
    default:
      return undefined
  }
}
