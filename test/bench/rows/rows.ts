/**
 * All rows, in the order of the table.
 *
 * @module
 */

import { publicRoute } from './p01-public-route.ts'
import { certificateBoundToken } from './p02-certificate-bound-token.ts'
import { dpop } from './p03-dpop.ts'
import type { Row } from './row.ts'

export const ROWS: readonly Row[] = [publicRoute, certificateBoundToken, dpop]
