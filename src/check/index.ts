/**
 * The order table: what is asked of a request, in order. Cheap before costly, reading before deciding,
 * and the one that writes last: a request refused for any other reason leaves no trace.
 *
 * Where two faults meet, the one that stands higher here is answered.
 *
 * @module
 */

import { accessToken } from './access-token.ts'
import { authentication } from './authentication.ts'
import { authorization } from './authorization.ts'
import type { CheckDefinition } from './check.ts'
import { clientCertificate } from './client-certificate.ts'
import { credentials } from './credentials.ts'
import { dpopFreshness } from './dpop-freshness.ts'
import { dpopProof } from './dpop-proof.ts'
import { replay } from './replay.ts'
import { senderConstraint } from './sender-constraint.ts'
import { transport } from './transport.ts'

export const CHECKS = [
  transport,
  credentials, //       establishes scheme and credentials
  dpopProof, //         establishes proof
  accessToken, //       establishes issuer and token     may wait: keys, introspection
  senderConstraint, //  the downgrade table: scheme, binding and proof agree
  clientCertificate, // in force and as the route asks   may wait: OCSP
  dpopFreshness, //     establishes nextNonce
  authentication, //    acr, auth_time
  authorization, //     scope, authorization_details, claims
  replay, //            writes
] as const satisfies readonly CheckDefinition[]
