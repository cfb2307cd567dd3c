/**
 * Writes a failure as a response.
 *
 * @module
 */

import { ERRORS } from '../failure/errors.ts'
import type { Failure } from '../failure/failure.ts'
import { corsFields } from '../http/cors.ts'
import { HSTS } from '../http/hsts.ts'
import { INTERACTION_ID } from '../http/interaction-id.ts'
import { WEBSOCKET_VERSION } from '../http/websocket.ts'
import type { Exchange } from './exchange.ts'
import { endAfterContent } from './linger.ts'

/** Seconds after which a client may ask again (RFC 9110 §10.2.3). */
const RETRY_AFTER = '1'

/** Errors after which nothing more is read from the connection: what follows cannot be trusted. */
const CLOSING: ReadonlySet<string> = new Set([
  'bad_request',
  'content_too_large',
  'header_fields_too_large',
  'uri_too_long',
  'misdirected_request',
])

/** Refuses the request of an exchange. The response has not begun. */
export function refuse(exchange: Exchange, failure: Failure): void {
  const { response, incoming } = exchange
  exchange.failure = failure
  const { status } = ERRORS[failure.error]
  const body = Buffer.from(bodyOf(failure, exchange.interactionId))

  const headers: string[] = []
  // RFC 9110 §11.6.1: a 401 has a challenge; RFC 6750 §3.1: so have 400 and 403 about a token.
  const { route, request, metadataUrl } = exchange
  for (const value of route?.challenges(failure, request?.scheme, metadataUrl) ?? []) {
    headers.push('WWW-Authenticate', value)
  }
  // RFC 9449 §8.1: exactly one nonce; §8.2: then nothing is stored.
  const nonce = request?.nextNonce
  if (nonce !== undefined) headers.push('DPoP-Nonce', nonce)
  if (route?.cors !== undefined) headers.push(...corsFields(route.cors, incoming.rawHeaders))
  // RFC 9110 §15.5.6.
  if (exchange.allow !== undefined) headers.push('Allow', exchange.allow.join(', '))
  if (status === 503) headers.push('Retry-After', RETRY_AFTER)
  // RFC 6455 §4.2.2 (4): and this is the one that is understood.
  if (failure.reason === 'websocket_version_unknown') {
    headers.push('Sec-WebSocket-Version', WEBSOCKET_VERSION)
  }
  // FAPI 1.0 Baseline §6.2.1-11: on every answer.
  headers.push(INTERACTION_ID, exchange.interactionId)
  if (exchange.hsts !== undefined) headers.push(HSTS, exchange.hsts)
  headers.push('Cache-Control', 'no-store')
  headers.push('Content-Type', 'application/json', 'Content-Length', String(body.length))
  if (exchange.isStream) {
    // RFC 9113 §5.4: where a stream ends is never in doubt. Who sends what is malformed is let go all the same.
    response.shouldKeepAlive = failure.error !== 'bad_request'
  } else if (CLOSING.has(failure.error) || exchange.isReceiving) {
    headers.push('Connection', 'close')
    response.shouldKeepAlive = false
  }

  response.writeHead(status, headers)
  if (incoming.method !== 'HEAD') {
    exchange.bytesOut = body.length
    response.write(body)
  }
  endAfterContent(exchange)
}

/**
 * The words of RFC 6750 §3 as JSON, with the id that the operator can look up. Who brought no
 * credentials is given no error information (RFC 6750 §3.1).
 */
export function bodyOf(failure: Failure, interactionId: string): string {
  if (ERRORS[failure.error].challenge === 'schemes') {
    return JSON.stringify({ interaction_id: interactionId })
  }
  return JSON.stringify({
    error: failure.error,
    error_description: failure.description,
    interaction_id: interactionId,
  })
}
