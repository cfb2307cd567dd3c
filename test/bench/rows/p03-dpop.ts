/**
 * P3: a JWT bound to a key (RFC 9449), seen before, with a fresh proof in each request; used proofs are
 * remembered.
 *
 * The gateway asks for its nonces in the proofs, as the profile has it by default; mod_oauth2 has none.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import { startApache } from '../subjects/apache.ts'
import { PROTECTED, startGateway } from '../subjects/gateway.ts'
import { refusesReplay, withFreshProofs } from './proven-requests.ts'
import type { ComparedRow, GatewayBuild } from './row.ts'

export function gatewayWithProofs(build: GatewayBuild, sections = ''): Contender {
  const { name, program, nodeOptions = [] } = build
  return {
    name,
    start: (rig) =>
      startGateway(rig, { program: program(rig), nodeOptions, routes: PROTECTED, sections }),
    prepare: withFreshProofs(),
    mustRefuse: refusesReplay,
  }
}

export const dpop: ComparedRow = {
  kind: 'compared',
  id: 'P3',
  title: 'JWT bound to a key, seen before, with a fresh DPoP proof',
  gateway: (build) => gatewayWithProofs(build),
  others: () => [
    {
      contender: {
        name: 'mod_oauth2 DPoP',
        start: (rig) => startApache(rig, 'dpop'),
        prepare: withFreshProofs(),
        mustRefuse: refusesReplay,
      },
      atMost: 0.42,
    },
  ],
  notes: ['The replay store of mod_oauth2 is as it is by default, with 1,000 entries.'],
}
