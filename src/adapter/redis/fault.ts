/**
 * Why the store did not do what was asked of it. None of this says anything about a proof: whatever is
 * found here, it was not "not used before".
 *
 * @module
 */

import type { ErrorReply } from './reply.ts'

export const STORE_FAULTS = [
  /** No answer in time, or not asked since the answers before are missing. */
  'timeout',
  /** There is no connection, or it ended before the answer: whether it was done, nobody knows. */
  'connection',
  /** As many commands wait for an answer as may. */
  'busy',
  /** What came is no answer. */
  'protocol',
  /** The user is not known, or may not do this. */
  'denied',
  'loading',
  /** A replica, or a master that became one. */
  'read_only',
  'out_of_memory',
  /** Keys are elsewhere in the cluster, or nowhere. */
  'moved',
  /** Too few replicas have it. */
  'not_replicated',
  /** It forgets what it should remember, to make room. */
  'evicting',
  /** Its clock and ours differ by too much. */
  'clock',
  /** What was stored there may be lost. */
  'reset',
  /** Another error. */
  'refused',
] as const

export type StoreFaultKind = (typeof STORE_FAULTS)[number]

const KINDS: ReadonlyMap<string, StoreFaultKind> = new Map([
  ['NOAUTH', 'denied'],
  ['WRONGPASS', 'denied'],
  ['NOPERM', 'denied'],
  ['LOADING', 'loading'],
  ['READONLY', 'read_only'],
  ['MASTERDOWN', 'read_only'],
  ['OOM', 'out_of_memory'],
  ['MOVED', 'moved'],
  ['ASK', 'moved'],
  ['TRYAGAIN', 'moved'],
  ['CLUSTERDOWN', 'moved'],
  ['CROSSSLOT', 'moved'],
  ['NOREPLICAS', 'not_replicated'],
])

/** Thrown while a connection is made; a value where a request waits for it. */
export class StoreFault extends Error {
  readonly kind: StoreFaultKind

  /** @param message For the log and /readyz: names no key, no value and no password. */
  constructor(kind: StoreFaultKind, message: string) {
    super(message)
    this.kind = kind
  }
}

/** @param command Its name alone. The server's own words are not repeated: they may name a key or a user. */
export function faultOf({ code }: ErrorReply, command: string): StoreFault {
  const word = /^[A-Z]{2,32}$/.test(code) ? code : 'an error'
  return new StoreFault(KINDS.get(code) ?? 'refused', `${command} was answered with ${word}`)
}

/** Whatever else is thrown is a bug, and no reason to go on as if the store could be trusted. */
export function faultFrom(error: unknown): StoreFault {
  if (error instanceof StoreFault) return error
  return new StoreFault('refused', `a bug: ${error instanceof Error ? error.name : typeof error}`)
}
