/**
 * The memory that starting has used: modules read, a configuration parsed and checked. Node would keep the
 * room for as long as little is done, which is a sixth of a process that is idle.
 *
 * @module
 */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects all garbage, once: some tens of milliseconds in which nothing else is done. */
export function releaseStartupMemory(): void {
  // Node hands the function to none but contexts that are made while the flag is set.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', flavor: 'last-resort' })
}
