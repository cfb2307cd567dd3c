/**
 * The fields of a request as they go to the upstream (RFC 9110 §7.6, RFC 9700 §4.13).
 *
 * First everything is removed that is not the client's to say, then the gateway's own fields are added:
 * in that order, so that no client can have them removed by naming them in `Connection`.
 *
 * @module
 */

import { fieldLines, parseListTokens } from '../http/field.ts'
import { INTERACTION_ID } from '../http/interaction-id.ts'
import { appendClientCert } from './client-cert-fields.ts'
import type { Exchange } from './exchange.ts'
import { appendIdentity } from './identity.ts'
import type { Route } from './route.ts'

/**
 * What the upstream is sent of a request's head: names and values in turn, without `Host`, which the
 * connection pool sets. The request has passed its checks.
 */
export function requestFields(exchange: Exchange, route: Route): string[] {
  const { incoming, request, content, hops, pseudonym, isStream } = exchange
  const { rawHeaders } = incoming
  const named = connectionOptions(rawHeaders)
  const headers: string[] = []

  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (named?.includes(name)) continue
    if (name === INTERACTION_ID) continue
    if (name === 'max-forwards' && hops !== undefined) continue
    if (name === 'authorization') {
      // RFC 9110 §11.6.2: the gateway is the party that the credentials were for.
      if (route.isPublic || route.forward.authorization === 'strip') continue
    } else if (name === 'dpop' || !route.passes(name)) continue
    headers.push(rawHeaders[i]!, rawHeaders[i + 1]!)
  }

  if (content.length !== undefined && content.present) {
    headers.push('Content-Length', String(content.length))
  }
  // RFC 9110 §7.6.2: one fewer.
  if (hops !== undefined) headers.push('Max-Forwards', String(hops - 1))
  headers.push(
    INTERACTION_ID,
    exchange.interactionId,
    'Via',
    `${isStream ? '2.0' : '1.1'} ${pseudonym}`,
  )
  appendForwarded(headers, exchange.clientAddress, exchange.authority)
  if (request?.hasToken) appendIdentity(headers, route.forward, request)
  if (request !== undefined) appendClientCert(headers, route.forward, request)
  return headers
}

/** RFC 9110 §7.6.1: fields named in `Connection` were meant for this hop. */
export function connectionOptions(rawFields: readonly string[]): string[] | undefined {
  const lines = fieldLines(rawFields, 'connection')
  if (lines.length === 0) return undefined
  const options = parseListTokens(lines.join(','))
  return options.length === 1 && (options[0] === 'keep-alive' || options[0] === 'close')
    ? undefined
    : options
}

/** RFC 7239 and its predecessors: replaced, never appended to. Who is trusted in front has been read. */
function appendForwarded(headers: string[], client: string, host: string): void {
  const node = client.includes(':') ? `"[${client}]"` : client
  headers.push(
    'Forwarded',
    `for=${node};host="${host}";proto=https`,
    'X-Forwarded-For',
    client,
    'X-Forwarded-Host',
    host,
    'X-Forwarded-Proto',
    'https',
  )
}
