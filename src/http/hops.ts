/**
 * How far a request has come, and how far it may go (RFC 9110 §7.6.2, §7.6.3).
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'
import { fieldLines, SEVERAL, soleField } from './field.ts'

/** Further than any request goes: a larger number is told as this one. */
const MOST_HOPS = 255

/**
 * Reads `Max-Forwards`, of an OPTIONS request: with other methods it may say anything.
 *
 * @returns How many more recipients may forward it; undefined if it does not say.
 */
export function parseMaxForwards(rawFields: readonly string[]): number | Failure | undefined {
  const value = soleField(rawFields, 'max-forwards')
  if (value === undefined) return undefined
  // RFC 9110 §7.6.2: digits alone; of two numbers it cannot be told which.
  if (value === SEVERAL || !/^\d{1,15}$/.test(value)) {
    return fail('bad_request', 'max_forwards_malformed')
  }
  return Math.min(Number(value), MOST_HOPS)
}

/**
 * Whether a request has been forwarded by this very gateway before. Who makes up a `Via` that says so only
 * has its own request refused.
 *
 * @param pseudonym How the gateway calls itself, in lower case.
 */
export function hasPassed(rawFields: readonly string[], pseudonym: string): boolean {
  return fieldLines(rawFields, 'via').some((line) =>
    line.split(',').some((element) => {
      // RFC 9110 §7.6.3: the protocol received, who received it, and a comment perhaps.
      const [, receivedBy] = element.trim().split(/[ \t]+/)
      return receivedBy?.toLowerCase() === pseudonym
    }),
  )
}
