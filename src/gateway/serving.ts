/**
 * What requests are served by and what happens around them: what whoever starts a gateway hands over.
 *
 * @module
 */

import type { LimitsConfig } from '../config/limits.ts'
import type { Exchange } from './exchange.ts'
import type { ResourceMetadata } from './resource-metadata.ts'
import type { Route } from './route.ts'
import type { Router } from './router.ts'
import type { Tunnels } from './tunnel.ts'

/** What a request is served by. A reload swaps it; a request keeps the one it began with. */
export interface Serving {
  readonly router: Router<Route>
  readonly limits: LimitsConfig
  /** `Strict-Transport-Security` of listeners, by their ids (RFC 6797). */
  readonly hsts: ReadonlyMap<string, string>
  /** Undefined where it is not published. */
  readonly metadata: ResourceMetadata | undefined
}

/** What happens around a request, and is not part of deciding it. */
export interface Surroundings {
  /** How this gateway calls itself, in lower case; no other is called so (RFC 9110 §7.6.3). */
  readonly pseudonym: string
  readonly tunnels: Tunnels
  /** Seconds since the epoch. */
  now(): number
  /** Milliseconds of a clock that never jumps. */
  clock(): number
  /** Whether there is no memory left to serve a request in. */
  isFull(): boolean
  /** Called once an exchange, when its response has ended in whatever way. */
  account(exchange: Exchange): void
  /** Called with what was thrown: a bug. */
  bug(error: unknown, interactionId: string): void
}
