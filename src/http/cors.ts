/**
 * Cross-origin requests of JavaScript clients (Fetch Standard, "CORS protocol"; FAPI 1.0 Baseline
 * §6.2.1-14; RFC 9449 §7.1, §8.2).
 *
 * Credentials in the browser's sense, cookies and certificates that it adds by itself, are never allowed:
 * a token is put in its field by the client's own code.
 *
 * @module
 */

import { soleField } from './field.ts'

export interface CorsPolicy {
  /** Origins that may call, as browsers write them: `https://app.example`. */
  readonly origins: readonly string[]
  /** Fields that a client may send besides those that are always allowed. */
  readonly fields: readonly string[]
  /** Seconds for which a browser may remember a preflight. */
  readonly maxAge: number
}

/** What clients of this gateway have to send. */
const REQUEST_FIELDS = [
  'Authorization',
  'DPoP',
  'Content-Type',
  'x-fapi-interaction-id',
  'x-fapi-auth-date',
  'x-fapi-customer-ip-address',
]

/** RFC 9449 §7.1, §8.2: what a client has to see, and a browser keeps from it unless told. */
const EXPOSED = 'WWW-Authenticate, DPoP-Nonce, x-fapi-interaction-id'

/** The origin of a request, if the policy names it. */
export function allowedOrigin(
  { origins }: CorsPolicy,
  rawFields: readonly string[],
): string | undefined {
  const origin = soleField(rawFields, 'origin')
  return typeof origin === 'string' && origins.includes(origin) ? origin : undefined
}

/** The method that a preflight asks about; undefined if the request is none. */
export function preflightedMethod(
  method: string,
  rawFields: readonly string[],
): string | undefined {
  if (method !== 'OPTIONS') return undefined
  const asked = soleField(rawFields, 'access-control-request-method')
  return typeof asked === 'string' ? asked : undefined
}

/** Fields of an answer, names and values in turn. The answer differs by origin, whoever asked. */
export function corsFields(policy: CorsPolicy, rawFields: readonly string[]): string[] {
  const origin = allowedOrigin(policy, rawFields)
  const varies = ['Vary', 'Origin']
  if (origin === undefined) return varies
  return [
    ...varies,
    ...['Access-Control-Allow-Origin', origin],
    ...['Access-Control-Expose-Headers', EXPOSED],
  ]
}

/** Fields of the answer to a preflight from an allowed origin. */
export function preflightFields(
  policy: CorsPolicy,
  rawFields: readonly string[],
  methods: readonly string[],
): string[] {
  return [
    ...corsFields(policy, rawFields),
    ...['Access-Control-Allow-Methods', methods.join(', ')],
    ...['Access-Control-Allow-Headers', [...REQUEST_FIELDS, ...policy.fields].join(', ')],
    ...['Access-Control-Max-Age', String(policy.maxAge)],
  ]
}
