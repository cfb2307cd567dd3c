/**
 * Was the DPoP proof made just now? (RFC 9449 §4.3 (10), (11), §8, §9)
 *
 * @module
 */

import { z } from 'zod'
import { atMost, level } from '../policy/field.ts'
import { checkFreshness } from '../sender-constraint/dpop/freshness.ts'
import { defineCheck } from './check.ts'

export const dpopFreshness = defineCheck({
  name: 'dpop_freshness',
  question: 'Was the DPoP proof made just now?',

  policy: z.strictObject({
    nonce: level(['off', 'optional', 'required']).describe('Whether proofs carry a nonce of ours.'),
    proof_max_age: atMost(300).describe('Oldest iat of a proof that has no nonce.'),
    future_skew: atMost(60).describe("How far a proof's iat may lie ahead of our clock."),
  }),

  compile: ({ nonce, proof_max_age, future_skew }, { isPublic, schemes, services }) => {
    if (isPublic || !schemes.includes('DPoP')) return undefined
    const policy = {
      nonce,
      maxAge: proof_max_age,
      futureSkew: future_skew,
      /** Not fixed: after a change of windows less is known than before. */
      get since() {
        return services.replay.since
      },
    }
    return (request) => {
      const { proof } = request
      if (proof === undefined) return undefined
      if (nonce !== 'off') {
        // RFC 9449 §8.2: a client is handed the next nonce before it is refused for lack of it.
        const current = services.nonces.current(request.receivedAt)
        if (proof.nonce !== current) request.nextNonce = current
      }
      return checkFreshness(proof, policy, services.nonces, request.receivedAt)
    }
  },
})
