/**
 * P8: new connections with client certificates, full handshakes, one request each.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import { startNginx } from '../subjects/nginx.ts'
import { certificateBoundTokens, loadWithTokens } from './bound-tokens.ts'
import { gatewayWithBoundTokens } from './p02-certificate-bound-token.ts'
import type { ComparedRow } from './row.ts'

/** Enough to keep a subject busy; each of them costs the client as much. */
const CONNECTIONS = 8

function prepareHandshakes(): Contender['prepare'] {
  let tokens: string[] | undefined
  return (rig, { port }, seconds) => {
    tokens ??= certificateBoundTokens(rig)
    return loadWithTokens(rig, port, seconds, tokens, false, {
      connections: CONNECTIONS,
      perConnection: 1,
    })
  }
}

export const handshakes: ComparedRow = {
  kind: 'compared',
  id: 'P8',
  title: 'new mTLS connections, full handshake, one request each',
  gateway: (build) => ({ ...gatewayWithBoundTokens(build), prepare: prepareHandshakes() }),
  others: () => [
    {
      contender: {
        name: 'nginx',
        start: (rig) => startNginx(rig, { clientCertificates: true }),
        prepare: prepareHandshakes(),
      },
      atMost: 1.2,
    },
  ],
  notes: ['RSA-2048 certificates on both sides, TLS 1.3.'],
}
