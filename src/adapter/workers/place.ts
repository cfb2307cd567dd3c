/**
 * One place among the workers, kept filled: who ends unasked is replaced, at once for the first time and
 * then after longer and longer pauses; who answers nothing any more is ended.
 *
 * @module
 */

import type { Logger } from '../../telemetry/log.ts'
import type { Beginning } from './talk.ts'
import type { WorkerProcess } from './worker-process.ts'

/** Milliseconds before who has ended is replaced: the first time, and then twice as many each time. */
const FIRST_PAUSE_MS = 100
/** Who serves for less long ended as soon as it had begun; so many of them, one after the other, are enough. */
const EARLY_MS = 5000
const MOST_EARLY = 5
/** Milliseconds that a worker may take until it serves. */
const BEGIN_MS = 120_000
/** Milliseconds between two questions whether who serves is there, and for the answer to one of them. */
const CALL_MS = 5000
/** So many of them, one after the other: a primary that was stopped itself finds the first one late. */
const MOST_UNANSWERED = 2

export interface PlaceParts {
  readonly logger: Logger
  /** Milliseconds of a clock that never jumps. */
  readonly clock: () => number
  fork(place: number): WorkerProcess
  beginning(): Beginning
  /** Runs a step while no configuration is being changed. */
  inTurn(step: () => Promise<void>): Promise<void>
  onEnd(place: number, worker: WorkerProcess): void
  /** Whoever is put here ends at once. */
  giveUp(place: number, cause: string): void
}

export class Place {
  /** From 1. */
  readonly number: number
  readonly #parts: PlaceParts
  #worker: WorkerProcess | undefined
  #serves = false
  #early = 0
  #timer: NodeJS.Timeout | undefined
  #call: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(number: number, parts: PlaceParts) {
    this.number = number
    this.#parts = parts
  }

  /** Who is there, serving or about to. */
  get worker(): WorkerProcess | undefined {
    return this.#worker
  }

  /** Who serves. */
  get serving(): WorkerProcess | undefined {
    return this.#serves ? this.#worker : undefined
  }

  /**
   * Starts a worker.
   *
   * @returns The addresses on which it serves.
   * @throws If it could not begin; there is none then.
   */
  async fill(): Promise<readonly string[]> {
    const { fork, beginning, clock, logger } = this.#parts
    const worker = fork(this.number)
    this.#worker = worker
    try {
      const addresses = await worker.channel.ask('begin', beginning(), BEGIN_MS)
      this.#serves = true
      logger.info({ worker: this.number, pid: worker.pid }, 'a worker serves')
      const startedAt = clock()
      this.#watch(worker, 0)
      void worker.ended.then((how) => this.#replace(worker, how, clock() - startedAt < EARLY_MS))
      return addresses
    } catch (error) {
      worker.kill()
      await worker.ended
      this.#leave(worker)
      throw error
    }
  }

  /** Replaces nobody any more. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#call)
  }

  /** Whoever goes round in circles holds its connections for ever, and a core. */
  #watch(worker: WorkerProcess, unanswered: number): void {
    this.#call = setTimeout(async () => {
      const isThere = await worker.channel.ask('isThere', undefined, CALL_MS).then(
        () => true,
        () => false,
      )
      if (this.#isClosed || this.#worker !== worker) return
      if (isThere) this.#watch(worker, 0)
      else if (unanswered + 1 < MOST_UNANSWERED) this.#watch(worker, unanswered + 1)
      else {
        this.#parts.logger.error({ worker: this.number }, 'a worker answers nothing, and is ended')
        worker.kill()
      }
    }, CALL_MS)
  }

  #leave(worker: WorkerProcess): void {
    this.#worker = undefined
    this.#serves = false
    clearTimeout(this.#call)
    this.#parts.onEnd(this.number, worker)
  }

  #replace(worker: WorkerProcess, how: string, wasEarly: boolean): void {
    this.#leave(worker)
    if (!this.#isClosed) this.#goOn(how, wasEarly)
  }

  #goOn(cause: string, wasEarly: boolean): void {
    const { logger, inTurn, giveUp } = this.#parts
    this.#early = wasEarly ? this.#early + 1 : 0
    logger.error({ worker: this.number, cause }, 'a worker has ended, and is replaced')
    if (this.#early >= MOST_EARLY) {
      giveUp(this.number, cause)
      return
    }
    const pause = FIRST_PAUSE_MS * 2 ** this.#early
    const refill = async () => {
      if (!this.#isClosed) await this.fill()
    }
    this.#timer = setTimeout(() => {
      inTurn(refill).catch((error) => {
        if (!this.#isClosed) this.#goOn(error instanceof Error ? error.message : '', true)
      })
    }, pause)
  }
}
