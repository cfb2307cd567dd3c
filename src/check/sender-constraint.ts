/**
 * Is this token in the hands it was issued to? (RFC 8705 §3, RFC 9449 §7, FAPI 2.0 SP §5.3.4-5)
 *
 * @module
 */

import { z } from 'zod'
import { anyOf, demand } from '../policy/field.ts'
import { checkPresentation } from '../sender-constraint/presentation.ts'
import { defineCheck } from './check.ts'

export const senderConstraint = defineCheck({
  name: 'sender_constraint',
  question: 'Is the token in the hands it was issued to?',

  policy: z.strictObject({
    required: demand().describe('Refuse tokens that are not bound to a key.'),
    methods: anyOf(['mtls', 'dpop']).describe('Proofs of possession that count.'),
  }),

  compile: (policy, { isPublic, services }) => {
    if (isPublic) return undefined
    return (request) => {
      const { proof, scheme = 'Bearer', certificate } = request
      const presented = { scheme, proof, certificate }
      const failure = checkPresentation(request.token, presented, policy, request.receivedAt)
      if (failure !== undefined) return failure
      if (proof !== undefined) services.proofKeys.set(proof.keyThumbprint, proof.key)
      return undefined
    }
  },
})
