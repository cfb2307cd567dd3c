/**
 * What is measured: a TLS server on loopback that forwards to the upstream.
 *
 * @module
 */

import type { Rig } from '../rig.ts'

export interface Subject {
  readonly port: number
  /** Its processes; those that they start count too. */
  readonly pids: readonly number[]
  close(): Promise<void>
}

/** What a request has to bring. */
export type Protection = 'public' | 'mtls' | 'dpop' | 'introspection'

export type StartSubject = (rig: Rig) => Promise<Subject>
