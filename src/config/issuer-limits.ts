/**
 * What a profile says of issuers: settings that no check asks about and no route can change.
 *
 * @module
 */

import { z } from 'zod'
import { ALGORITHM_NAMES } from '../jose/algorithm.ts'
import { anyOf, atMost } from '../policy/field.ts'

export const issuerLimits = z.strictObject({
  assertion_algorithms: anyOf(ALGORITHM_NAMES).describe(
    'JWS algorithms that the gateway signs its client assertions by: introspection.auth.algorithm.',
  ),
  stale_if_error: atMost(604_800).describe(
    'How long keys are used after they could last be fetched: jwks.stale_if_error.',
  ),
})
