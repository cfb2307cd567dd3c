import { describe, expect, test } from 'vitest'
import { ERRORS } from '../../src/failure/errors.ts'

const rows = Object.entries(ERRORS)

describe('ERRORS', () => {
  test.each([
    ['RFC 6750 §3.1', 'invalid_request', 400],
    ['RFC 6750 §3.1', 'invalid_token', 401],
    ['RFC 6750 §3.1', 'insufficient_scope', 403],
    ['RFC 9449 §7.1', 'invalid_dpop_proof', 401],
    ['RFC 9449 §9', 'use_dpop_nonce', 401],
  ] as const)('%s: %s is answered with %i and named in a challenge', (_clause, error, status) => {
    expect(ERRORS[error]).toEqual({ status, challenge: 'error' })
  })

  test('RFC 6750 §3.1: without credentials the schemes are named and no error is', () => {
    expect(ERRORS.missing_token).toEqual({ status: 401, challenge: 'schemes' })
  })

  test.each([
    ['RFC 9110 §15.5.5', 'not_found', 404],
    ['RFC 9110 §15.5.6', 'method_not_allowed', 405],
    ['RFC 9110 §15.5.9', 'request_timeout', 408],
    ['RFC 9110 §15.5.14', 'content_too_large', 413],
    ['RFC 9110 §15.5.15', 'uri_too_long', 414],
    ['RFC 9110 §15.5.16', 'unsupported_media_type', 415],
    ['RFC 9110 §15.5.18', 'expectation_failed', 417],
    ['RFC 9110 §15.5.20', 'misdirected_request', 421],
    ['RFC 6585 §5', 'header_fields_too_large', 431],
    ['RFC 9110 §15.6.1', 'server_error', 500],
    ['RFC 9110 §15.6.3', 'bad_gateway', 502],
    ['RFC 9110 §15.6.4', 'temporarily_unavailable', 503],
    ['RFC 9110 §15.6.4', 'upstream_unavailable', 503],
    ['RFC 9110 §15.6.5', 'gateway_timeout', 504],
    ['RFC 5842 §7.2', 'loop_detected', 508],
  ] as const)('%s: %s is %i, and says nothing about credentials', (_clause, error, status) => {
    expect(ERRORS[error]).toEqual({ status, challenge: 'none' })
  })

  test.each(rows.filter(([, { status }]) => status === 401))(
    'RFC 9110 §15.5.2: %s, which is a 401, has a challenge',
    (_error, { challenge }) => {
      expect(challenge).not.toBe('none')
    },
  )

  test.each(rows)(
    'RFC 9110 §15: %s is an error of the client or of a server',
    (_error, { status }) => {
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(600)
    },
  )
})
