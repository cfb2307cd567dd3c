/**
 * P2: a JWT bound to the client's certificate (RFC 8705), seen before: 1,000 of them in turn.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import { startApache } from '../subjects/apache.ts'
import { PROTECTED, startGateway } from '../subjects/gateway.ts'
import { startHaproxy } from '../subjects/haproxy.ts'
import {
  certificateBoundTokens,
  loadWithTokens,
  refusesForgery,
  refusesStrangers,
} from './bound-tokens.ts'
import type { ComparedRow, GatewayBuild } from './row.ts'

/** Its tokens are made once: they are to have been seen before. */
function withSameTokens(): Contender['prepare'] {
  let tokens: string[] | undefined
  return (rig, { port }, seconds) => {
    tokens ??= certificateBoundTokens(rig)
    return loadWithTokens(rig, port, seconds, tokens)
  }
}

export function gatewayWithBoundTokens({
  name,
  program,
  nodeOptions = [],
}: GatewayBuild): Contender {
  return {
    name,
    start: (rig) =>
      startGateway(rig, {
        program: program(rig),
        nodeOptions,
        routes: PROTECTED,
        clientCertificates: true,
      }),
    prepare: withSameTokens(),
    mustRefuse: refusesStrangers,
  }
}

export const certificateBoundToken: ComparedRow = {
  kind: 'compared',
  id: 'P2',
  title: 'JWT bound to the certificate, seen before (1,000 in turn)',
  gateway: gatewayWithBoundTokens,
  others: () => [
    {
      contender: {
        name: 'HAProxy jwt_verify',
        start: startHaproxy,
        prepare: withSameTokens(),
        mustRefuse: refusesForgery,
      },
      atMost: 0.65,
    },
    {
      contender: {
        name: 'mod_oauth2 JWT',
        start: (rig) => startApache(rig, 'none'),
        prepare: withSameTokens(),
        mustRefuse: refusesForgery,
      },
      atMost: 0.5,
    },
    {
      contender: {
        name: 'mod_oauth2 mTLS',
        start: (rig) => startApache(rig, 'mtls'),
        prepare: withSameTokens(),
        mustRefuse: refusesStrangers,
      },
      atMost: undefined,
    },
  ],
  notes: [
    'HAProxy verifies each token anew, and no binding; nor does "mod_oauth2 JWT" verify one. "mod_oauth2 mTLS" does what the gateway does.',
  ],
}
