/**
 * A gateway that runs, as whoever started it sees it: in one process or in several.
 *
 * @module
 */

import type { Configuration } from '../config/configuration.ts'
import type { Readiness } from './admin.ts'

export interface Running {
  /** Settled when it can serve no longer, and is to be closed. Where there is none, that is a crash. */
  readonly failed?: Promise<void>
  /** `https://address:port` of each listener, in the configuration's order. */
  readonly addresses: readonly string[]
  readonly adminAddress: string | undefined
  /** Whether requests can be decided: what `/readyz` says. */
  isReady(): boolean | Promise<boolean>
  /** Puts another configuration in force, or says why that needs a restart and changes nothing. */
  reload(configuration: Configuration): Promise<string | undefined>
  /** Turns readiness off, answers what is under way, and ends. True if nothing had to be cut off. */
  close(): Promise<boolean>
}

/** Another configuration, ready to be put in force. */
export interface Prepared {
  commit(): void
  abandon(): Promise<void>
}

/** A process that serves. */
export interface RunningProcess extends Running {
  isReady(): boolean
  /** What has to hold before requests can be decided. */
  readiness(): readonly Readiness[]
  /** The first half of a reload: everything that can fail. A text says why it did. */
  prepare(configuration: Configuration): Promise<Prepared | string>
  /** @param readyOffFor Seconds, instead of those of the configuration. */
  close(readyOffFor?: number): Promise<boolean>
}
