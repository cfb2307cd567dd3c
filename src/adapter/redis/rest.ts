/**
 * Pauses of somebody who looks after something as long as the gateway lives.
 *
 * @module
 */

/** One pause at a time. Nothing is left of one that is over, however many there are. */
export class Rest {
  #wake: (() => void) | undefined
  #isOver = false

  /** @returns After so many milliseconds, or as soon as somebody wakes it. It keeps no process alive. */
  take(milliseconds: number): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(wake, milliseconds)
      timer.unref()
      this.#wake = wake
    })
  }

  /** Ends the pause, if there is one. */
  wake(): void {
    this.#wake?.()
  }

  /** From now on no pause takes any time. */
  end(): void {
    this.#isOver = true
    this.wake()
  }
}
