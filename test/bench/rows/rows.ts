/**
 * All rows, in the order of the table.
 *
 * @module
 */

import { publicRoute } from './p01-public-route.ts'
import { certificateBoundToken } from './p02-certificate-bound-token.ts'
import { dpop } from './p03-dpop.ts'
import { newTokens } from './p04-new-tokens.ts'
import { opaqueTokens } from './p05-opaque-tokens.ts'
import { latency } from './p06-latency.ts'
import { memory } from './p07-memory.ts'
import { handshakes } from './p08-handshakes.ts'
import { manyRoutes } from './p09-many-routes.ts'
import { bulk } from './p10-bulk.ts'
import { processes } from './p11-processes.ts'
import { usedProofs } from './p12-used-proofs.ts'
import type { Row } from './row.ts'

export const ROWS: readonly Row[] = [
  publicRoute,
  certificateBoundToken,
  dpop,
  newTokens,
  opaqueTokens,
  latency,
  memory,
  handshakes,
  manyRoutes,
  bulk,
  processes,
  usedProofs,
]
