/**
 * Is this proof seen for the first time? (RFC 9449 §11.1)
 *
 * The only check that writes, so it comes last: who is refused for credentials leaves no trace here, and
 * cannot fill the store.
 *
 * @module
 */

import { z } from 'zod'
import { fail } from '../failure/failure.ts'
import { replayKey, type UseOnce } from '../sender-constraint/dpop/replay.ts'
import { defineCheck } from './check.ts'

export const replay = defineCheck({
  name: 'replay',
  question: 'Is the DPoP proof seen for the first time?',

  policy: z.strictObject({}),

  compile: (_, { isPublic, schemes, services }) => {
    if (isPublic || !schemes.includes('DPoP')) return undefined
    return ({ proof, receivedAt }) => {
      if (proof === undefined) return undefined
      const use = services.replay.useOnce(replayKey(proof), proof.acceptableUntil, receivedAt)
      return use instanceof Promise ? use.then(conclude) : conclude(use)
    }
  },
})

function conclude(use: UseOnce) {
  switch (use) {
    case 'first':
      return undefined
    case 'again':
      return fail('invalid_dpop_proof', 'dpop_replayed')
    // What cannot be remembered could be sent again: not let through, and not the client's fault.
    case 'full':
      return fail('temporarily_unavailable', 'replay_store_full')
    case 'unavailable':
      return fail('temporarily_unavailable', 'replay_store_unavailable')
  }
}
