/**
 * P4: every request with a JWT that was never seen, signed with ES256.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import { startHaproxy } from '../subjects/haproxy.ts'
import { certificateBoundTokens, loadWithTokens, refusesForgery } from './bound-tokens.ts'
import { gatewayWithBoundTokens } from './p02-certificate-bound-token.ts'
import type { ComparedRow } from './row.ts'

const prepare: Contender['prepare'] = (rig, { port }, seconds, rate) => {
  const tokens = certificateBoundTokens(rig, Math.ceil(rate * seconds))
  return loadWithTokens(rig, port, seconds, tokens, true)
}

export const newTokens: ComparedRow = {
  kind: 'compared',
  id: 'P4',
  title: 'every request with a JWT never seen (ES256)',
  gateway: (build) => ({ ...gatewayWithBoundTokens(build), prepare }),
  others: () => [
    {
      contender: {
        name: 'HAProxy jwt_verify',
        start: startHaproxy,
        prepare,
        mustRefuse: refusesForgery,
      },
      atMost: 1.8,
    },
  ],
}
