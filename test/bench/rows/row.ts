/**
 * A row of the table of targets: one kind of work, the gateway doing it, and the peers.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import type { Plan } from '../plan.ts'
import type { Finding, Measured } from '../result.ts'
import type { Rig } from '../rig.ts'

/** The compiled gateway of some revision, or its sources under a profiler. */
export interface GatewayBuild {
  readonly name: string
  /** The script to run. */
  program(rig: Rig): string
  readonly nodeOptions?: readonly string[]
}

/** What was found, before it is dated. */
export interface RowFindings {
  readonly measured: readonly Measured[]
  readonly findings: readonly Finding[]
  readonly notes?: readonly string[]
}

/** Whatever the gateway costs a request, compared with peers that do the same. */
export interface ComparedRow {
  readonly kind: 'compared'
  readonly id: string
  readonly title: string
  readonly gateway: (build: GatewayBuild) => Contender
  readonly others: (build: GatewayBuild) => readonly Peer[]
  readonly notes?: readonly string[]
}

export interface Peer {
  readonly contender: Contender
  /** Greatest ratio of the CPU a request of the gateway to that of the peer, if there is a target. */
  readonly atMost: number | undefined
}

/** What is measured in another way. */
export interface SpecialRow {
  readonly kind: 'special'
  readonly id: string
  readonly title: string
  measure(
    rig: Rig,
    build: GatewayBuild,
    plan: Plan,
    say: (text: string) => void,
  ): Promise<RowFindings>
}

export type Row = ComparedRow | SpecialRow
