/**
 * Which server sentinels hold for the master.
 *
 * All are asked, and what most of those say that answer is taken: one that was cut off from the others may
 * not have heard. Whether the server sees it likewise is asked of it (`inspection.ts`).
 *
 * @module
 */

import type { StoreAddress } from '../../config/shared-store.ts'
import type { RedisConnection } from './connection.ts'
import { StoreFault } from './fault.ts'
import { portOf, type Reply } from './reply.ts'

/** Milliseconds for a connection, and for an answer. */
const OPEN_MS = 500
const ANSWER_MS = 500

/**
 * @param open Opens a connection to a sentinel.
 * @throws StoreFault if none of them knows.
 */
export async function locateMaster(
  master: string,
  sentinels: readonly StoreAddress[],
  open: (address: StoreAddress, timeoutMs: number) => Promise<RedisConnection>,
): Promise<StoreAddress> {
  const asked = await Promise.allSettled(
    sentinels.map(async (sentinel) => {
      const connection = await open(sentinel, OPEN_MS)
      try {
        const words = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]
        return parseAddress(await connection.call(words, ANSWER_MS))
      } finally {
        connection.destroy(new StoreFault('connection', 'no longer needed'))
      }
    }),
  )
  const said = asked.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []))
  const votes = Map.groupBy(said, ({ host, port }) => `${host} ${port}`)
  const [most] = [...votes.values()].sort((one, other) => other.length - one.length)
  if (most?.[0] !== undefined) return most[0]
  const failed = asked.find(({ status }) => status === 'rejected') as
    | PromiseRejectedResult
    | undefined
  if (failed?.reason instanceof StoreFault) {
    throw new StoreFault(failed.reason.kind, `no sentinel answers: ${failed.reason.message}`)
  }
  throw new StoreFault('moved', `no sentinel knows a master of the name ${master}`)
}

function parseAddress(reply: Reply): StoreAddress | undefined {
  const [host, named] = Array.isArray(reply) ? (reply as readonly Reply[]) : []
  const port = portOf(named)
  return typeof host === 'string' && port !== undefined ? { host, port } : undefined
}
