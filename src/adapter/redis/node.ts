/**
 * One server that is written to: reached, looked at, used, and reached again when it is lost.
 *
 * Its state is the circuit: while there is no connection that has passed inspection, or answers are late,
 * nothing is asked, and nobody waits. What tries whether it is back is not a request.
 *
 * @module
 */

import type { StoreAddress } from '../../config/shared-store.ts'
import type { RedisConnection } from './connection.ts'
import { faultFrom, StoreFault } from './fault.ts'
import { type InspectionOrder, inspect, replaceMarker } from './inspection.ts'
import { type Answer, Pipeline, type PipelineLimits } from './pipeline.ts'
import { Rest } from './rest.ts'

/** Milliseconds until there is a connection on which the user is known. */
const OPEN_MS = 1000
/** Milliseconds between two inspections. */
const INSPECT_MS = 2000
/** How many markers are known that others took the place of. */
const MOST_FORMER = 1000
/** Seconds by which our clock may have been set since it was last compared with the server's. */
const CLOCK_STEP = 1
/** Seconds by which the server's clock may go differently from ours, as far as can be told from afar. */
const SERVER_CLOCK_STEP = 2
/** Milliseconds before it is tried again: the first time, and at most. Together with the above under 5 s. */
const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 1000

export interface NodeParts {
  /** Where it is now. @throws StoreFault */
  locate(): Promise<StoreAddress>
  open(address: StoreAddress, timeoutMs: number): Promise<RedisConnection>
  /** What the inspection is to look at, as things are now. */
  order(): InspectionOrder
  readonly limits: PipelineLimits
  /** Seconds since the epoch. */
  readonly now: () => number
  /** Seconds of a clock that never jumps. */
  readonly clock: () => number
  /** Called when it can be used, and when it cannot, and on changes of either. */
  changed(node: RedisNode): void
}

export class RedisNode {
  readonly #parts: NodeParts
  readonly #closing = new AbortController()
  readonly #tried = Promise.withResolvers<void>()
  #living: Promise<void> | undefined
  readonly #rest = new Rest()
  #pipeline: Pipeline | undefined
  #fault: StoreFault | undefined = new StoreFault('connection', 'not connected yet')
  #marker = ''
  /** Markers that others took the place of. */
  readonly #former = new Set<string>()
  #since = 0
  /** Seconds by which the time of day was ahead of the clock that never jumps, here and there. */
  #ours = 0
  #theirs: number | undefined
  /** Whether something may have been lost of which its marker says nothing. */
  #isSuspect = false

  constructor(parts: NodeParts) {
    this.#parts = parts
  }

  get isUp(): boolean {
    return this.#pipeline !== undefined && !this.#pipeline.isStalled
  }

  /** What is wrong with it, if anything is; it may be up nevertheless. */
  get trouble(): StoreFault | undefined {
    return this.#pipeline === undefined ? this.#fault : this.#pipeline.trouble
  }

  /** Another one after all that was stored may have been lost; empty until it was first reached. */
  get epoch(): string {
    return this.#marker
  }

  /** Seconds since the epoch: from when on all that was stored is there. */
  get since(): number {
    return this.#since
  }

  /** The server's time: seconds since the epoch, undefined until it was first reached. */
  get time(): number | undefined {
    return this.#theirs === undefined ? undefined : this.#parts.clock() + this.#theirs
  }

  /** @param isWrite Whether what is stored is for a time that our clock says. */
  run(words: readonly string[], isWrite: boolean): StoreFault | Promise<Answer | StoreFault> {
    const { now, clock } = this.#parts
    const step = Math.abs(now() - clock() - this.#ours)
    if (isWrite && this.#pipeline !== undefined && step > CLOCK_STEP) {
      this.inspect()
      return new StoreFault('clock', 'our clock was set')
    }
    const fault = this.#fault ?? new StoreFault('connection', 'not connected')
    return this.#pipeline?.run(words, isWrite) ?? fault
  }

  /** @returns When it was tried once to reach it, whatever came of that. */
  start(): Promise<void> {
    this.#living ??= this.#live()
    return this.#tried.promise
  }

  /** Has it inspected now. */
  inspect(): void {
    this.#rest.wake()
  }

  /** Has another marker left there, unless somebody does that first: what was stored may be gone. */
  suspect(): void {
    this.#isSuspect = this.#theirs !== undefined
    this.inspect()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#rest.end()
    await this.#living
  }

  async #live(): Promise<void> {
    const { signal } = this.#closing
    let pauseMs = FIRST_PAUSE_MS
    while (!signal.aborted) {
      const fault = await this.#useOnce(() => {
        pauseMs = FIRST_PAUSE_MS
      }).catch(faultFrom)
      this.#pipeline = undefined
      this.#fault = fault
      this.#tried.resolve()
      if (signal.aborted) return
      this.#parts.changed(this)
      // Not all instances at once.
      await this.#rest.take(pauseMs * (0.75 + Math.random() / 2))
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
    }
  }

  /** Reaches it, and uses it until it is lost. */
  async #useOnce(reached: () => void): Promise<StoreFault> {
    const { signal } = this.#closing
    const address = await this.#parts.locate()
    const connection = await this.#parts.open(address, OPEN_MS)
    const end = () => connection.destroy(new StoreFault('connection', 'closed'))
    signal.addEventListener('abort', end)
    let isUsed = true
    // Once for all rests: what waits for a promise that does not settle is never let go.
    void connection.lost.then(() => isUsed && this.inspect())
    try {
      if (signal.aborted) end()
      let lost: StoreFault | undefined
      while (lost === undefined) {
        await this.#look(connection)
        reached()
        if (connection.fault === undefined) await this.#rest.take(INSPECT_MS)
        lost = connection.fault ?? (await this.#whetherMoved(address))
      }
      return lost
    } finally {
      isUsed = false
      signal.removeEventListener('abort', end)
      connection.destroy(new StoreFault('connection', 'given up'))
    }
  }

  async #look(connection: RedisConnection): Promise<void> {
    const { order, limits, now, clock, changed } = this.#parts
    const ours = now() - clock()
    const inspected = await inspect(connection, order()).catch((fault) => {
      // Its clock, and not ours, is elsewhere: what was to be kept for a time may end before it comes back.
      const isTheirs = Math.abs(ours - this.#ours) <= CLOCK_STEP
      if (fault instanceof StoreFault && fault.kind === 'clock' && isTheirs) this.suspect()
      throw fault
    })
    const { marker, since, ahead, trouble } = inspected
    const theirs = ours + ahead
    const isSame = marker.value === this.#marker && this.#theirs !== undefined
    // It has come back, without what was stored while it was away.
    const isFormer = this.#former.has(marker.value)
    const isSet = isSame && Math.abs(theirs - this.#theirs!) > SERVER_CLOCK_STEP
    if (isFormer || (isSame && (isSet || this.#isSuspect))) {
      // What was to be kept for a time was kept for another: whoever relies on it shall know.
      await replaceMarker(connection, marker, clock() + theirs)
      // Not before: where it cannot be replaced, it is as little to be trusted next time.
      this.#theirs = undefined
      this.#isSuspect = false
      throw new StoreFault('clock', isSet ? 'its clock was set' : 'what it held may be lost')
    }
    this.#isSuspect = false
    this.#ours = ours
    this.#theirs = theirs
    if (marker.value !== this.#marker) this.#supersede(marker.value)
    this.#since = since
    if (this.#pipeline === undefined) this.#pipeline = new Pipeline(connection, marker, limits)
    else this.#pipeline.marker = marker
    if (trouble !== undefined) this.#pipeline.trouble = trouble
    else if (this.#pipeline.trouble?.kind !== 'timeout') this.#pipeline.trouble = undefined
    this.#fault = undefined
    this.#tried.resolve()
    changed(this)
  }

  #supersede(marker: string): void {
    if (this.#marker !== '') this.#former.add(this.#marker)
    const [oldest] = this.#former
    if (oldest !== undefined && this.#former.size > MOST_FORMER) this.#former.delete(oldest)
    this.#marker = marker
  }

  /** Another server may be the one to be written to now, and this one not know it yet. */
  async #whetherMoved({ host, port }: StoreAddress): Promise<StoreFault | undefined> {
    const now = await this.#parts.locate().catch(() => undefined)
    const isSame = now === undefined || (now.host === host && now.port === port)
    return isSame ? undefined : new StoreFault('read_only', 'another server is the master now')
  }
}
