/**
 * A circuit breaker: a server that does not answer is left alone for a while, so that nobody waits for
 * it in vain and it is not run down when it comes back.
 *
 * @module
 */

export interface BreakerConfig {
  /** So many failures, with no success between them, within so many seconds open the circuit. */
  readonly failures: number
  readonly window: number
  /** Seconds after which one call may try again. */
  readonly halfOpenAfter: number
}

export class Breaker {
  readonly #config: BreakerConfig
  readonly #clock: () => number
  /** When calls failed since the last success: the last ones, as many as open the circuit. */
  #failedAt: readonly number[] = []
  /** When the circuit opened, or was last tried; undefined while it is closed. */
  #openSince: number | undefined

  /** @param clock Seconds of a clock that never jumps. */
  constructor(config: BreakerConfig, clock: () => number) {
    this.#config = config
    this.#clock = clock
  }

  /**
   * Whether a call may be made. Where the circuit is open, one call in `halfOpenAfter` seconds may, and
   * what comes of it decides: whoever is let through says so by `succeeded` or `failed`.
   */
  admits(): boolean {
    if (this.#openSince === undefined) return true
    const now = this.#clock()
    if (now - this.#openSince < this.#config.halfOpenAfter) return false
    // The next one waits again, whether or not this one ever says how it went.
    this.#openSince = now
    return true
  }

  succeeded(): void {
    this.#failedAt = []
    this.#openSince = undefined
  }

  failed(): void {
    const now = this.#clock()
    const { failures, window } = this.#config
    this.#failedAt = [...this.#failedAt, now].slice(-failures)
    const isFull = this.#failedAt.length === failures && now - this.#failedAt[0]! <= window
    // One that is open stays so; calls from before it opened, which fail late, do not prolong it.
    if (isFull) this.#openSince ??= now
  }
}
