/**
 * Asks the checks in order until one refuses.
 *
 * Stays synchronous until a check has to wait, so a request whose token, keys and proof are all at hand
 * costs no promise. Nothing is allocated per check.
 *
 * @module
 */

import type { Check, Outcome } from '../check/check.ts'
import type { ResourceRequest } from '../check/request.ts'
import type { Failure } from '../failure/failure.ts'

/**
 * Whether a request may be forwarded, as far as the checks given are concerned.
 *
 * @param from Index of the first check to ask.
 * @returns The first failure; nothing if every check passed. A promise only if a check had to wait. What a
 *   check throws is thrown, or rejects.
 */
export function authorize(checks: readonly Check[], request: ResourceRequest, from = 0): Outcome {
  for (let i = from; i < checks.length; i++) {
    const outcome = checks[i]!(request)
    if (outcome === undefined) continue
    return outcome instanceof Promise ? resume(checks, request, i + 1, outcome) : outcome
  }
  return undefined
}

async function resume(
  checks: readonly Check[],
  request: ResourceRequest,
  next: number,
  pending: Promise<Failure | undefined>,
): Promise<Failure | undefined> {
  return (await pending) ?? authorize(checks, request, next)
}
