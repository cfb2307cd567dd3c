/**
 * What this build is.
 *
 * @module
 */

import { readFileSync } from 'node:fs'

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string }

/** The version of this package. */
export const VERSION: string = version
