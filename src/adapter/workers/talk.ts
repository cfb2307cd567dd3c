/**
 * What primary and worker say to each other, but for the questions about proofs, which have a way of
 * their own (`replay-record.ts`).
 *
 * @module
 */

import type { Configuration } from '../../config/configuration.ts'
import type { PublicJwk } from '../../jose/jwk.ts'
import type { Readiness } from '../admin.ts'

/** Keys of session tickets, by the ids of listeners. */
export type TicketKeyRing = ReadonlyMap<string, Uint8Array>

/** A `MetricsReport`, which the primary passes on as it is: there may be megabytes of it. */
export type SerializedReport = Uint8Array

/** An issuer's key set as the primary holds it. */
export interface HeldKeys {
  /** Undefined before there was a set. */
  readonly jwks: readonly PublicJwk[] | undefined
  /** Seconds since the issuer gave it out. */
  readonly age: number
  readonly lastFailed: boolean
  /** Seconds for which the issuer is not asked again, whoever wants it. */
  readonly coolsFor: number
}

export interface KeyQuestion {
  readonly of: string
  /** Whether the issuer is asked again, unless that was done just now. */
  readonly anew: boolean
}

/** What a worker begins with. */
export interface Beginning {
  readonly configuration: Configuration
  /** Since when used proofs are known, in seconds since the epoch. */
  readonly since: number
  readonly nonceSecret: Uint8Array
  readonly pseudonym: string
  readonly ticketKeys: TicketKeyRing
}

/** Another configuration. */
export interface Proposal {
  /** No other proposal has had it. */
  readonly number: number
  readonly configuration: Configuration
}

export interface Resolution {
  /** That of the proposal. */
  readonly number: number
  readonly since: number
  readonly ticketKeys: TicketKeyRing
}

/** What a worker leaves. */
export interface Ending {
  /** Whether nothing had to be cut off. */
  readonly inTime: boolean
  readonly report: SerializedReport
}

/** What a worker is asked. */
export interface WorkerTalk extends Record<string, (said: never) => unknown> {
  /** Serve; answered with the addresses, as soon as requests are taken. */
  begin(said: Beginning): Promise<readonly string[]>
  /** Answered at once by whoever does anything at all. */
  isThere(said: undefined): void
  readiness(said: undefined): Promise<readonly Readiness[]>
  report(said: undefined): Promise<SerializedReport>
  /** A text says why it cannot be. What was prepared before is abandoned. */
  prepare(said: Proposal): Promise<string | undefined>
  abandon(said: undefined): Promise<void>
  /** Put what was prepared in force. */
  commit(said: Resolution): void
  since(said: number): void
  ticketKeys(said: TicketKeyRing): void
  /** The primary has tried to fetch these keys. */
  fetched(said: { readonly of: string; readonly held: HeldKeys }): void
  close(said: undefined): Promise<Ending>
}

/** What the primary is asked. */
export interface PrimaryTalk extends Record<string, (said: never) => unknown> {
  /** What is held of these keys, once there was an attempt. Undefined: there are none of this name. */
  keys(said: KeyQuestion): Promise<HeldKeys | undefined>
  /** What the worker has counted so far. */
  reported(report: SerializedReport): void
}
