/**
 * How many processes serve, and what they have to share.
 *
 * @module
 */

import { availableParallelism } from 'node:os'
import { z } from 'zod'
import type { Configuration } from './configuration.ts'
import type { Path } from './document.ts'
import type { ConfigReader } from './reading.ts'
import { count } from './setting.ts'

/** More than any machine gains by. */
const MOST = 128

export const workersSchema = z
  .union([z.literal('auto'), count(1, MOST)])
  .describe(
    'Processes that serve. auto: as many as there are processors. 1: no other process. Limits of connections hold for all of them together.',
  )
  .default(1)

/** The number that is meant. @param processors What `auto` stands for on this machine. */
export function compileWorkers(
  workers: z.output<typeof workersSchema>,
  processors: number = availableParallelism(),
): number {
  return workers === 'auto' ? Math.min(processors, MOST) : workers
}

/** Every limit that is divided among workers has to leave one for each: none could be kept otherwise. */
export function checkWorkers(
  { workers, limits, upstreams, issuers }: Configuration,
  reader: ConfigReader,
): void {
  const divided: readonly (readonly [Path, number])[] = [
    [['limits', 'connections'], limits.connections],
    [['limits', 'connections_per_address'], limits.connectionsPerAddress],
    ...upstreams.map(
      ({ id, connections }) =>
        [['upstreams', id, 'pool', 'connections'], connections] satisfies [Path, number],
    ),
    ...issuers.flatMap(({ id, introspection }) =>
      introspection === undefined
        ? []
        : [
            [['issuers', id, 'introspection', 'connections'], introspection.connections] satisfies [
              Path,
              number,
            ],
          ],
    ),
  ]
  for (const [path, total] of divided) {
    if (total >= workers) continue
    const { document, diagnostics } = reader
    const at = document.at(document.has(path) ? path : ['workers'])
    const message = `${path.join('.')}: ${total} cannot be divided among ${workers} workers, each of which needs one`
    diagnostics.error('workers-cannot-share', at, message, `workers: ${total}, or a larger limit`)
  }
}
