/**
 * P5: an opaque token whose introspection (RFC 7662) is remembered, beside the work of P2.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Contender } from '../contender.ts'
import { expectStatus, probe } from '../probe.ts'
import { PROTECTED, startGateway } from '../subjects/gateway.ts'
import { loadWithTokens, TOKENS } from './bound-tokens.ts'
import { gatewayWithBoundTokens } from './p02-certificate-bound-token.ts'
import type { ComparedRow, GatewayBuild } from './row.ts'

/** Answers are kept for longer than the row takes: what is measured is a token that is known. */
const INTROSPECTION = (endpoint: string) => `tokens: introspection
    introspection:
      endpoint: ${endpoint}/introspect
      auth: { method: client_secret_basic, client_id: gateway, client_secret: bench-bench-bench-bench }
      cache: { ttl: 5m }`

function gatewayWithOpaqueTokens({ program, nodeOptions = [] }: GatewayBuild): Contender {
  const tokens = Array.from({ length: TOKENS }, () => randomBytes(32).toString('base64url'))
  return {
    name: 'opaque tokens',
    start: (rig) =>
      startGateway(rig, {
        program: program(rig),
        nodeOptions,
        routes: PROTECTED,
        issuer: INTROSPECTION(rig.issuer.issuer),
        clientCertificates: true,
      }),
    prepare: (rig, { port }, seconds) => loadWithTokens(rig, port, seconds, tokens),
    async mustRefuse(rig, { port }) {
      await expectStatus('no token', probe(rig, port, [], true), 401)
      const bound = [`Authorization: Bearer ${tokens[0]}`]
      await expectStatus('a token without its certificate', probe(rig, port, bound), 401)
      await expectStatus('a token with its certificate', probe(rig, port, bound, true), 200)
    },
  }
}

export const opaqueTokens: ComparedRow = {
  kind: 'compared',
  id: 'P5',
  title: 'opaque token, its introspection remembered (1,000 in turn)',
  gateway: gatewayWithOpaqueTokens,
  others: (build) => [
    { contender: { ...gatewayWithBoundTokens(build), name: 'JWT (P2)' }, atMost: 1.1 },
  ],
}
