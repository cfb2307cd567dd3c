/**
 * What one worker has of a configuration: its part of what is limited for all of them together.
 *
 * @module
 */

import type { Configuration } from '../../config/configuration.ts'

/**
 * The configuration of one worker. The parts of all workers make up the whole, no more and no less.
 *
 * @param place That of the worker, from 1.
 */
export function shareOf(configuration: Configuration, place: number): Configuration {
  const { workers, limits, upstreams, issuers } = configuration
  const part = (total: number) => Math.floor(total / workers) + (place <= total % workers ? 1 : 0)
  return {
    ...configuration,
    limits: {
      ...limits,
      connections: part(limits.connections),
      connectionsPerAddress: part(limits.connectionsPerAddress),
    },
    upstreams: upstreams.map((one) => ({ ...one, connections: part(one.connections) })),
    issuers: issuers.map(({ introspection, ...rest }) => ({
      ...rest,
      introspection: introspection && {
        ...introspection,
        connections: part(introspection.connections),
      },
    })),
    // The primary's.
    admin: undefined,
  }
}
