/**
 * Answers to bytes that are not a request: the parser gave up, so there is no exchange, and the answer is
 * written by hand (RFC 9112 §2.2, §6.3, RFC 6585 §5).
 *
 * @module
 */

import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { ERRORS } from '../failure/errors.ts'
import { type Failure, fail } from '../failure/failure.ts'
import { bodyOf } from '../gateway/respond.ts'
import { HSTS, hstsOf } from '../http/hsts.ts'
import { INTERACTION_ID } from '../http/interaction-id.ts'

/** For how long the client may take to read the answer before the connection is gone. */
const LINGER_MS = 1000

/** What the parser found wrong, in our words. */
export function failureOfParser(error: Error): Failure {
  const code = 'code' in error ? error.code : ''
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusedAsLarge()
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return fail('content_too_large', 'chunk_extensions_too_long')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusedAsSlow()
    default:
      return fail('bad_request', 'http_malformed')
  }
}

export function refusedAsLarge(): Failure {
  return fail('header_fields_too_large', 'header_bytes_too_many')
}

export function refusedAsSlow(): Failure {
  return fail('request_timeout', 'request_too_slow')
}

/** RFC 9110 §9.3.6: no tunnels, in no version of HTTP. */
export function refusedTunnel(): Failure {
  return fail('method_not_allowed', 'method_connect')
}

export interface Refusal {
  readonly status: number
  /** Names and values in turn. */
  readonly fields: readonly string[]
  readonly body: string
}

/**
 * The answer to what is no request: as complete as one to a request.
 *
 * @param hsts Seconds, where browsers are told to keep to https.
 */
export function refusalOf(
  failure: Failure,
  interactionId: string,
  hsts: number | undefined,
): Refusal {
  const { status } = ERRORS[failure.error]
  const body = bodyOf(failure, interactionId)
  const fields = [
    'Date',
    new Date().toUTCString(),
    INTERACTION_ID,
    interactionId,
    'Cache-Control',
    'no-store',
    'Content-Type',
    'application/json',
    'Content-Length',
    String(Buffer.byteLength(body)),
  ]
  // RFC 9110 §15.5.6: of a tunnel, which is what is refused here, no method is allowed.
  if (status === 405) fields.push('Allow', '')
  if (hsts !== undefined) fields.push(HSTS, hstsOf(hsts))
  return { status, fields, body }
}

/** Writes the refusal and ends the connection: what else comes on it cannot be trusted. */
export function refuseRaw(
  socket: Duplex,
  failure: Failure,
  interactionId: string,
  hsts: number | undefined,
): void {
  const { status, fields, body } = refusalOf(failure, interactionId, hsts)
  // Nobody else listens to a socket that was taken from its parser.
  socket.on('error', () => {})
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`]
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`)
  socket.end([...lines, 'Connection: close', '', body].join('\r\n'))
}
