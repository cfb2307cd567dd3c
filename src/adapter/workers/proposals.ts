/**
 * Reloads as a worker sees them: what it has prepared, and which of several proposals that was.
 *
 * @module
 */

import type { Prepared } from '../running.ts'

export class Proposals {
  /** The one that is wanted now; whatever else is prepared is not. */
  #wanted: number | undefined
  #prepared: Prepared | undefined

  /** @returns Why it cannot be, if it cannot. */
  async prepare(
    number: number,
    start: () => Promise<Prepared | string>,
  ): Promise<string | undefined> {
    await this.abandon()
    this.#wanted = number
    const prepared = await start()
    if (typeof prepared === 'string') return prepared
    // It took so long that it was given up, or another one is wanted.
    if (this.#wanted !== number) {
      await prepared.abandon()
      return 'another configuration is wanted by now'
    }
    this.#prepared = prepared
    return undefined
  }

  async abandon(): Promise<void> {
    const prepared = this.#prepared
    this.#wanted = undefined
    this.#prepared = undefined
    await prepared?.abandon()
  }

  /** @throws If it is not this one that was prepared. */
  commit(number: number): void {
    if (this.#wanted !== number || this.#prepared === undefined) {
      throw new Error('another configuration was prepared')
    }
    this.#prepared.commit()
    this.#wanted = undefined
    this.#prepared = undefined
  }
}
