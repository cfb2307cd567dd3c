/**
 * The fields of an upstream's response as they go to the client (RFC 9110 §7.6, FAPI 1.0 Baseline
 * §6.2.1-11, RFC 9449 §8).
 *
 * @module
 */

import { challengeSchemes } from '../http/challenge-scheme.ts'
import { corsFields } from '../http/cors.ts'
import { parseListTokens } from '../http/field.ts'
import { compileResponseFieldFilter } from '../http/forwardable.ts'
import { HSTS } from '../http/hsts.ts'
import { INTERACTION_ID } from '../http/interaction-id.ts'
import type { Exchange } from './exchange.ts'
import { connectionOptions } from './request-fields.ts'
import type { Route } from './route.ts'

/** What an upstream may not say through us: our own fields, what its software is, and where it runs. */
const passes = compileResponseFieldFilter([
  INTERACTION_ID,
  'dpop-nonce',
  'via',
  'server',
  'x-powered-by',
  'x-aspnet-version',
  'x-aspnetmvc-version',
  'x-generator',
  'x-runtime',
  'x-backend',
  'x-backend-server',
  'x-upstream',
  'x-envoy-upstream-service-time',
  'x-envoy-decorator-operation',
])

/** A response that has no content, though its framing leaves room for some. */
export const RESET_CONTENT = 205

const WITHOUT_LENGTH = [101, 204, RESET_CONTENT]

/**
 * What the client is sent of an upstream's head.
 *
 * @param rawFields Names and values in turn, as they came.
 * @returns The same form. Values are passed on as they are: Node refuses to write those that no client may
 *   be sent.
 */
export function responseFields(
  exchange: Exchange,
  route: Route,
  status: number,
  rawFields: readonly string[],
): string[] {
  const named = connectionOptions(rawFields)
  const nonce = exchange.request?.nextNonce
  const headers: string[] = []
  let challenged = false
  let isDated = false

  for (let i = 0; i < rawFields.length; i += 2) {
    const name = rawFields[i]!.toLowerCase()
    if (!passes(name) || named?.includes(name)) continue
    // RFC 9112 §6.3: a 204 has no content, and so no length; nor has a 101. Of a 205 it is ours to say.
    if (name === 'content-length' && WITHOUT_LENGTH.includes(status)) continue
    // RFC 9110 §6.6.1: one Date. Two would be two answers to when.
    if (name === 'date') {
      if (isDated) continue
      isDated = true
    }
    // RFC 9449 §8.2: a response with a nonce is not stored.
    if (name === 'cache-control' && nonce !== undefined) continue
    // RFC 6797 §8.1: of several only the first is followed, and it is the gateway's TLS that is meant.
    if (name === HSTS && exchange.hsts !== undefined) continue
    // Who may read an answer is said once, by the route.
    if (route.cors !== undefined && name.startsWith('access-control-')) continue
    if (name === 'www-authenticate') {
      if (!route.mayChallenge(challengeSchemes(rawFields[i + 1]!))) continue
      challenged = true
    }
    const value = rawFields[i + 1]!
    headers.push(rawFields[i]!, name === 'vary' && variesOnOurs(value, route) ? '*' : value)
  }

  headers.push(INTERACTION_ID, exchange.interactionId)
  // RFC 9110 §15.3.6: there is no content, and nothing but this says so in HTTP/1.
  if (status === RESET_CONTENT) headers.push('Content-Length', '0')
  if (exchange.hsts !== undefined) headers.push(HSTS, exchange.hsts)
  if (route.cors !== undefined) {
    headers.push(...corsFields(route.cors, exchange.incoming.rawHeaders))
  }
  if (nonce !== undefined) headers.push('DPoP-Nonce', nonce, 'Cache-Control', 'no-store')
  // RFC 9110 §15.5.2: a 401 has a challenge, an upstream's too.
  if (status === 401 && !challenged) {
    for (const value of route.bareChallenges(exchange.metadataUrl))
      headers.push('WWW-Authenticate', value)
  }
  // RFC 9112 §9.6: the client is still sending what nobody will read.
  if (exchange.isReceiving) {
    headers.push('Connection', 'close')
    exchange.response.shouldKeepAlive = false
  }
  return headers
}

/**
 * RFC 9440 §2.4, RFC 9110 §12.5.5: whether an answer was chosen by what the gateway tells the upstream. No
 * client sends those fields, so to a cache in between all requests would be alike.
 */
function variesOnOurs(vary: string, route: Route): boolean {
  return parseListTokens(vary).some((name) => name === INTERACTION_ID || !route.passes(name))
}
