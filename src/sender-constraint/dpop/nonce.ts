/**
 * Server nonces (RFC 9449 §8, §9).
 *
 * A nonce is derived from a secret and the clock: nothing is stored, every instance that knows the
 * secret accepts every instance's nonces, and a client that sends several requests at once uses one
 * nonce for all of them. The previous one stays good for one more period; the next one is good a little
 * before it begins, for another instance may be there already.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from 'node:crypto'

export class Nonces {
  readonly #secret: Buffer
  readonly #period: number
  #step: number
  #current: string
  #previous: string

  /**
   * @param secret At least 16 bytes (FAPI 2.0 SP §5.4.1: 128 bits of entropy).
   * @param period Seconds after which another nonce is given out.
   */
  constructor(secret: Buffer, period: number) {
    this.#secret = secret
    this.#period = period
    this.#step = Number.NaN
    this.#current = ''
    this.#previous = ''
  }

  /** The nonce to give out now. 1*NQCHAR (RFC 9449 §8.1). */
  current(now: number): string {
    this.#turnTo(now)
    return this.#current
  }

  /**
   * Whether a nonce of a proof is one that was given out, and until when it is accepted.
   *
   * @param ahead Seconds by which the clock of another instance may be ahead of ours.
   * @returns Seconds since the epoch at which the nonce ends, or undefined if it is not good.
   */
  acceptedUntil(nonce: string, now: number, ahead = 0): number | undefined {
    this.#turnTo(now)
    if (isEqual(nonce, this.#current)) return (this.#step + 2) * this.#period
    if (isEqual(nonce, this.#previous)) return (this.#step + 1) * this.#period
    // RFC 9449 §8: given out by another instance; by us it cannot have been, and nobody can guess it.
    const isNextNear = Math.floor((now + ahead) / this.#period) > this.#step
    const isNext = isNextNear && isEqual(nonce, this.#derive(this.#step + 1))
    return isNext ? (this.#step + 3) * this.#period : undefined
  }

  #turnTo(now: number): void {
    const step = Math.floor(now / this.#period)
    if (step === this.#step) return
    this.#step = step
    this.#current = this.#derive(step)
    this.#previous = this.#derive(step - 1)
  }

  #derive(step: number): string {
    return createHmac('sha256', this.#secret)
      .update(`dpop-nonce ${step}`)
      .digest('base64url')
      .slice(0, 32)
  }
}

function isEqual(given: string, good: string): boolean {
  if (given.length !== good.length) return false
  const [one, other] = [Buffer.from(given), Buffer.from(good)]
  return one.length === other.length && timingSafeEqual(one, other)
}
