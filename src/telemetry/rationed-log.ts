/**
 * Lines about one fault, of which a great many may come at once: the first is written, and then one in a
 * while, with the number of those that were not.
 *
 * @module
 */

import type { Logger } from './log.ts'

export class RationedLog {
  readonly #logger: Logger
  readonly #pause: number
  readonly #clock: () => number
  #writtenAt = Number.NEGATIVE_INFINITY
  #suppressed = 0

  /**
   * @param pause Seconds between two lines.
   * @param clock Seconds of a clock that never jumps.
   */
  constructor(logger: Logger, pause: number, clock: () => number) {
    this.#logger = logger
    this.#pause = pause
    this.#clock = clock
  }

  write(level: 'warn' | 'error', facts: object, message: string): void {
    const now = this.#clock()
    if (now - this.#writtenAt < this.#pause) {
      this.#suppressed += 1
      return
    }
    const suppressed = this.#suppressed === 0 ? {} : { suppressed: this.#suppressed }
    this.#writtenAt = now
    this.#suppressed = 0
    this.#logger[level]({ ...facts, ...suppressed }, message)
  }
}
