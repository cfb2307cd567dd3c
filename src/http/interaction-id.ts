/**
 * `x-fapi-interaction-id` (FAPI 1.0 Baseline §6.2.1-11, FAPI 2.0 Implementation Advice).
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { soleField } from './field.ts'

export const INTERACTION_ID = 'x-fapi-interaction-id'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * The id of an interaction: the client's, byte for byte, or a new one where the client sent none that is
 * one (FAPI 1.0 Baseline §6.2.2-5: an RFC 4122 UUID). Anything else would let a client write into logs.
 */
export function interactionId(rawFields: readonly string[]): string {
  const sent = soleField(rawFields, INTERACTION_ID)
  return typeof sent === 'string' && UUID.test(sent) ? sent : randomUUID()
}
