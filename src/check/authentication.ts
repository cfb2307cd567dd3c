/**
 * Was the user authenticated well enough, and recently enough? (RFC 9470 §3, §6)
 *
 * Asked only of a token that is good in every other way: a stranger is not taught what a route wants
 * (RFC 9470 §9).
 *
 * @module
 */

import { z } from 'zod'
import { fail } from '../failure/failure.ts'
import { added, limit } from '../policy/field.ts'
import { isAuthenticatedAs, isAuthenticatedSince } from '../token/authentication.ts'
import { defineCheck } from './check.ts'

/** What can stand in a quoted string as it is, and holds no space: the list in a challenge has them. */
const acr = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'wants one acr value: no space, quote or backslash')

export const authentication = defineCheck({
  name: 'authentication',
  question: 'Was the user authenticated well enough, and recently enough?',

  policy: z.strictObject({
    acr_values: added(z.array(acr).min(1)).describe(
      'Authentication context classes of which a token has to name one.',
    ),
    max_age: limit().describe("Longest time since the user's authentication."),
  }),

  compile: ({ acr_values, max_age }, { isPublic }) => {
    if (isPublic || (acr_values === undefined && max_age === undefined)) return undefined
    return ({ token, receivedAt }) => {
      if (acr_values !== undefined && !isAuthenticatedAs(token.claims, acr_values)) {
        return fail('insufficient_user_authentication', 'acr_insufficient')
      }
      if (max_age !== undefined && !isAuthenticatedSince(token.claims, receivedAt - max_age)) {
        return fail('insufficient_user_authentication', 'auth_too_old')
      }
      return undefined
    }
  },
})
