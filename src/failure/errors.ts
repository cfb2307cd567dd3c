/**
 * The error codes a gateway in front of a protected resource answers with, and what each one obliges us
 * to send.
 *
 * This table is closed: its rows come from specifications, so adding a check never adds a row. What a
 * check adds is a *reason*, at the line that finds the fault (see {@link ./failure.ts}).
 *
 * @module
 */

interface ErrorSpec {
  /** HTTP status of the response. */
  readonly status: number
  /** What `WWW-Authenticate` says: nothing at all, the schemes only, or the schemes and the error. */
  readonly challenge: 'none' | 'schemes' | 'error'
}

export const ERRORS = {
  /** RFC 6750 §3.1: a request without credentials is told the schemes, and no error code. */
  missing_token: { status: 401, challenge: 'schemes' },
  /** RFC 6750 §3.1. */
  invalid_request: { status: 400, challenge: 'error' },
  invalid_token: { status: 401, challenge: 'error' },
  insufficient_scope: { status: 403, challenge: 'error' },
  /** RFC 9449 §7.1 and §9. */
  invalid_dpop_proof: { status: 401, challenge: 'error' },
  use_dpop_nonce: { status: 401, challenge: 'error' },
  /** RFC 9470 §3. */
  insufficient_user_authentication: { status: 401, challenge: 'error' },
  /** RFC 9110 §15.5 and RFC 6585 §5: not about credentials, so no challenge. */
  bad_request: { status: 400, challenge: 'none' },
  not_found: { status: 404, challenge: 'none' },
  method_not_allowed: { status: 405, challenge: 'none' },
  request_timeout: { status: 408, challenge: 'none' },
  content_too_large: { status: 413, challenge: 'none' },
  uri_too_long: { status: 414, challenge: 'none' },
  unsupported_media_type: { status: 415, challenge: 'none' },
  expectation_failed: { status: 417, challenge: 'none' },
  misdirected_request: { status: 421, challenge: 'none' },
  header_fields_too_large: { status: 431, challenge: 'none' },
  /** A bug of ours was caught. The words of this row and the next are those of RFC 6749 §4.1.2.1. */
  server_error: { status: 500, challenge: 'none' },
  /** We cannot decide (issuer or replay store out of reach), so we do not let the request pass. */
  temporarily_unavailable: { status: 503, challenge: 'none' },
  /** RFC 9110 §15.6: the upstream's faults. */
  bad_gateway: { status: 502, challenge: 'none' },
  upstream_unavailable: { status: 503, challenge: 'none' },
  gateway_timeout: { status: 504, challenge: 'none' },
  /** RFC 5842 §7.2: the request has come back. */
  loop_detected: { status: 508, challenge: 'none' },
} as const satisfies Record<string, ErrorSpec>

export type ErrorCode = keyof typeof ERRORS
