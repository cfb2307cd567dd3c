/**
 * What is measured: a TLS server on loopback that forwards to the upstream.
 *
 * @module
 */

export interface Subject {
  readonly port: number
  /** Its processes; those that they start count too. */
  readonly pids: readonly number[]
  /** Why it refused requests, and how many, where it says so. */
  refusals?(): string
  close(): Promise<void>
}
