/**
 * Commands of many requests on one connection, sent together and answered in time or not at all.
 *
 * What is asked within one turn of the event loop goes out at once, and behind it the question for the
 * marker of this server (see `inspection.ts`). Only when the marker comes back as it was left are the
 * answers before it believed: the store has not been emptied before they were given, and no reply was
 * lost or added on the way, or the marker's would be another's.
 *
 * A server that does not answer in time is asked nothing more until it does; if it goes on like that the
 * connection is given up. Nothing waits for a connection.
 *
 * @module
 */

import type { RedisConnection } from './connection.ts'
import { startDeadline } from './deadline.ts'
import { faultOf, StoreFault, type StoreFaultKind } from './fault.ts'
import { ErrorReply, type Reply } from './reply.ts'

/** A reply that is believed. */
export type Answer = Exclude<Reply, ErrorReply>

export interface Marker {
  readonly key: string
  readonly value: string
}

/** Random, and when it was left, in milliseconds of the server's clock. */
export const MARKER_VALUE = /^[A-Za-z0-9_-]{22}\.(\d{1,15})$/

export interface PipelineLimits {
  readonly timeoutMs: number
  readonly maxInFlight: number
  /** Replicas that must have what is written before it is believed. */
  readonly waitForReplicas: number
}

/** Milliseconds for which a server that is late is waited for, without asking it anything. */
const PATIENCE_MS = 200
/** Part of the time for an answer that replicas have. */
const REPLICAS_SHARE = 0.8

/** These speak of one command, or of a state that passes: the connection is as good as before. */
export const PASSING: ReadonlySet<StoreFaultKind> = new Set<StoreFaultKind>([
  'out_of_memory',
  'not_replicated',
  'moved',
  'refused',
])

interface Entry {
  readonly command: string
  readonly isWrite: boolean
  readonly resolve: (answer: Answer | StoreFault) => void
  reply: Reply | undefined
}

interface Batch {
  readonly entries: Entry[]
  /** What was known when the first of them was asked. */
  readonly marker: Marker
  /** Puts an end to waiting for it. */
  answered: () => void
  /** Replicas that have it; undefined: not asked. */
  replicas: Reply | undefined
  /** Those who asked have been told that no answer came. */
  isLate: boolean
}

export class Pipeline {
  /** Why the last command was not done, until one is. */
  trouble: StoreFault | undefined
  readonly #connection: RedisConnection
  readonly #limits: PipelineLimits
  #marker: Marker
  #open: Batch | undefined
  #inFlight = 0
  /** Batches whose answers are late. */
  #late = 0
  /** Puts an end to the patience with them. */
  #patience: (() => void) | undefined

  constructor(connection: RedisConnection, marker: Marker, limits: PipelineLimits) {
    this.#connection = connection
    this.#marker = marker
    this.#limits = limits
    void connection.lost.then(() => this.#stopPatience())
  }

  /** Whether answers are late: nothing is asked meanwhile. */
  get isStalled(): boolean {
    return this.#late > 0
  }

  set marker(marker: Marker) {
    this.#marker = marker
  }

  /** @param isWrite Whether replicas have to have it, where they have to. */
  run(words: readonly string[], isWrite: boolean): StoreFault | Promise<Answer | StoreFault> {
    if (this.isStalled) return new StoreFault('timeout', 'answers are late')
    if (this.#inFlight >= this.#limits.maxInFlight) {
      return new StoreFault('busy', 'as many commands wait for an answer as may')
    }
    this.#inFlight += 1
    return new Promise((resolve) => {
      // Opened before the command is sent: the turn's other commands come before its end.
      this.#open ??= this.#begin()
      const entry: Entry = { command: words[0] ?? '', isWrite, resolve, reply: undefined }
      this.#open.entries.push(entry)
      this.#connection.send(words, (reply) => {
        entry.reply = reply
      })
    })
  }

  #begin(): Batch {
    const batch: Batch = {
      entries: [],
      marker: this.#marker,
      replicas: undefined,
      answered: () => {},
      isLate: false,
    }
    setImmediate(() => this.#close(batch))
    return batch
  }

  /** Sends a batch, the question for the marker last. */
  #close(batch: Batch): void {
    this.#open = undefined
    const { waitForReplicas, timeoutMs } = this.#limits
    const connection = this.#connection
    if (waitForReplicas > 0 && batch.entries.some(({ isWrite }) => isWrite)) {
      const patience = Math.max(1, Math.floor(timeoutMs * REPLICAS_SHARE))
      connection.send(['WAIT', String(waitForReplicas), String(patience)], (reply) => {
        batch.replicas = reply
      })
    }
    const { key, value } = batch.marker
    connection.send(['GET', key], (reply) => this.#conclude(batch, reply, value))
    connection.flush()
    // From now on: how long we took until here is not the server's fault.
    if (this.#connection.fault === undefined) {
      batch.answered = startDeadline(timeoutMs, () => this.#expire(batch))
    }
  }

  #conclude(batch: Batch, marker: Reply | undefined, expected: string): void {
    batch.answered()
    this.#inFlight -= batch.entries.length
    if (batch.isLate) this.#late -= 1
    if (!this.isStalled) this.#stopPatience()
    const fault = this.#connection.fault ?? markerFault(marker, expected)
    if (this.trouble?.kind === 'timeout') this.trouble = undefined
    for (const entry of batch.entries) {
      const answer = fault ?? this.#answerOf(entry, batch.replicas)
      if (answer instanceof StoreFault) this.trouble = answer
      else if (entry.isWrite) this.trouble = undefined
      if (!batch.isLate) entry.resolve(answer)
    }
    // What is not of passing nature is looked into anew, on another connection.
    const { trouble } = this
    if (trouble !== undefined && !PASSING.has(trouble.kind)) this.#connection.destroy(trouble)
  }

  #answerOf({ command, isWrite, reply }: Entry, replicas: Reply | undefined): Answer | StoreFault {
    if (reply === undefined) return new StoreFault('connection', 'the reply was lost')
    if (reply instanceof ErrorReply) return faultOf(reply, command)
    const { waitForReplicas } = this.#limits
    if (isWrite && waitForReplicas > 0) {
      if (replicas instanceof ErrorReply) return faultOf(replicas, 'WAIT')
      if (typeof replicas !== 'number' || replicas < waitForReplicas) {
        return new StoreFault('not_replicated', 'too few replicas have it')
      }
    }
    return reply
  }

  /** Nobody waits any longer. The commands are still under way, and count as that. */
  #expire(batch: Batch): void {
    batch.isLate = true
    this.#late += 1
    this.trouble = new StoreFault('timeout', 'no answer in time')
    for (const { resolve } of batch.entries) resolve(this.trouble)
    this.#patience ??= startDeadline(PATIENCE_MS, () => {
      this.#connection.destroy(new StoreFault('timeout', 'no answer in time'))
    })
  }

  #stopPatience(): void {
    this.#patience?.()
    this.#patience = undefined
  }
}

function markerFault(marker: Reply | undefined, expected: string): StoreFault | undefined {
  if (marker === expected) return undefined
  if (marker instanceof ErrorReply) return faultOf(marker, 'GET')
  return marker === null || (typeof marker === 'string' && MARKER_VALUE.test(marker))
    ? new StoreFault('reset', 'the marker is another: what was stored may be lost')
    : new StoreFault('protocol', 'another reply came than was due')
}
