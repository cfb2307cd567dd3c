/**
 * Was the DPoP proof made for this request, by the holder of its key? (RFC 9449 §4.3)
 *
 * Whether the key is the token's, and when the proof was made, is asked by later checks.
 *
 * @module
 */

import { z } from 'zod'
import { ALGORITHM_NAMES } from '../jose/algorithm.ts'
import { anyOf } from '../policy/field.ts'
import { parseSignedProof } from '../sender-constraint/dpop/header.ts'
import { checkProofClaims } from '../sender-constraint/dpop/proof.ts'
import { defineCheck } from './check.ts'

export const dpopProof = defineCheck({
  name: 'dpop_proof',
  question: 'Was the DPoP proof made for this request and token, by the holder of its key?',

  policy: z.strictObject({
    algorithms: anyOf(ALGORITHM_NAMES).describe('JWS algorithms of DPoP proofs.'),
  }),

  compile: ({ algorithms }, { isPublic, schemes, services }) => {
    if (isPublic || !schemes.includes('DPoP')) return undefined
    return (request) => {
      if (request.scheme !== 'DPoP') return undefined
      const signed = parseSignedProof(request.rawFields, algorithms, services.proofKeys)
      if ('reason' in signed) return signed

      const proof = checkProofClaims(signed, {
        method: request.method,
        targetUri: request.targetUri,
        accessTokenHash: request.credentialsDigest ?? '',
      })
      if ('reason' in proof) return proof
      request.proof = proof
      return undefined
    }
  },
})
