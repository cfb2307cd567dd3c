/**
 * Does the token authorize this access? (RFC 6750 §3.1, FAPI 1.0 Baseline §6.2.1-5, FAPI 2.0 SP §5.3.4-4)
 *
 * @module
 */

import { z } from 'zod'
import { fail } from '../failure/failure.ts'
import { added, allOf, demand } from '../policy/field.ts'
import { satisfiesClaimRule } from '../token/claim-rule.ts'
import { areDetailsSufficient } from '../token/details.ts'
import { speaksForUser } from '../token/subject.ts'
import { defineCheck } from './check.ts'

/** RFC 6749 §3.3. It is also what a quoted string of a challenge can hold as it is. */
const scopeToken = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'wants one scope: no space, quote or backslash')
const plain = z.union([z.string(), z.number(), z.boolean()])
const claimRule = z.union([
  z.literal('present'),
  z.strictObject({ equals: plain }),
  z.strictObject({ one_of: z.array(plain).min(1) }),
])

const words = z.array(z.string().min(1)).min(1).optional()
const detailsRule = z.strictObject({
  type: z.string().min(1).describe('Type of the object.'),
  actions: words.describe('Actions that it has to allow, all of them.'),
  locations: words.describe('Locations that it has to name, all of them.'),
  datatypes: words.describe('Kinds of data that it has to name, all of them.'),
  privileges: words.describe('Privileges that it has to grant, all of them.'),
  members: z
    .record(z.string().min(1), z.strictObject({ path_segment: z.int().min(1).max(32) }))
    .optional()
    .describe('Members that have to be, or to hold, a segment of the path, counted from 1.'),
})

export const authorization = defineCheck({
  name: 'authorization',
  question: 'Does the token authorize this access?',

  policy: z.strictObject({
    scopes: allOf(scopeToken).describe('Scopes that a token needs, all of them.'),
    any_scope: added(z.array(scopeToken).min(1)).describe('Scopes of which a token needs one.'),
    authorization_details: added(detailsRule).describe(
      'What one object of authorization_details has to grant (RFC 9396).',
    ),
    user_required: demand().describe('Refuse tokens that speak for a client alone.'),
    claims: added(z.record(z.string().min(1), claimRule)).describe(
      'Claims that a token needs: present, { equals: value } or { one_of: [values] }.',
    ),
  }),

  compile: (policy, { isPublic }) => {
    if (isPublic) return undefined
    const { scopes, any_scope, authorization_details, user_required } = policy
    const rules = Object.entries(policy.claims ?? {})
    return ({ token, path }) => {
      // RFC 6750 §3.1, RFC 6749 §3.3.
      if (!scopes.every((scope) => token.scopes.includes(scope))) {
        return fail('insufficient_scope', 'scope_insufficient')
      }
      if (any_scope !== undefined && !any_scope.some((scope) => token.scopes.includes(scope))) {
        return fail('insufficient_scope', 'scope_none_of')
      }
      // RFC 9396 §9.
      if (
        authorization_details !== undefined &&
        !areDetailsSufficient(token.claims, authorization_details, path)
      ) {
        return fail('insufficient_scope', 'authorization_details_insufficient')
      }
      // FAPI 2.0 SP §6.7.
      if (user_required && !speaksForUser(token)) {
        return fail('insufficient_scope', 'user_missing')
      }
      for (const [name, rule] of rules) {
        if (!satisfiesClaimRule(token.claims, name, rule)) {
          return fail('insufficient_scope', 'claim_mismatch', { claim: name })
        }
      }
      return undefined
    }
  },
})
