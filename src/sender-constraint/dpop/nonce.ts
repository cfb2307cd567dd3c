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

/** Nonces of one secret around one moment. */
interface Series {
  readonly secret: Buffer
  readonly current: string
  readonly previous: string
}

export class Nonces {
  readonly #secrets: readonly Buffer[]
  readonly #period: number
  readonly #epoch: () => string
  #step = Number.NaN
  #derivedFor = ''
  #series: readonly Series[] = []

  /**
   * @param secrets At least 16 bytes each (FAPI 2.0 SP §5.4.1: 128 bits of entropy). The first is given
   *   out; what the others would have given out is accepted as well, so that one can take another's place.
   * @param period Seconds after which another nonce is given out.
   * @param epoch Changes when used proofs may have been forgotten: from then on earlier nonces are not good.
   */
  constructor(secrets: readonly Buffer[], period: number, epoch: () => string = () => '') {
    this.#secrets = secrets
    this.#period = period
    this.#epoch = epoch
  }

  /** The nonce to give out now. 1*NQCHAR (RFC 9449 §8.1). */
  current(now: number): string {
    this.#turnTo(now)
    return this.#series[0]?.current ?? ''
  }

  /**
   * Whether a nonce of a proof is one that was given out, and until when it is accepted.
   *
   * @param ahead Seconds by which the clock of another instance may be ahead of ours.
   * @returns Seconds since the epoch at which the nonce ends, or undefined if it is not good.
   */
  acceptedUntil(nonce: string, now: number, ahead = 0): number | undefined {
    this.#turnTo(now)
    for (const { current, previous } of this.#series) {
      if (isEqual(nonce, current)) return (this.#step + 2) * this.#period
      if (isEqual(nonce, previous)) return (this.#step + 1) * this.#period
    }
    // RFC 9449 §8: given out by another instance; by us it cannot have been, and nobody can guess it.
    if (Math.floor((now + ahead) / this.#period) <= this.#step) return undefined
    const isNext = this.#series.some(({ secret }) =>
      isEqual(nonce, derive(secret, this.#derivedFor, this.#step + 1)),
    )
    return isNext ? (this.#step + 3) * this.#period : undefined
  }

  /**
   * When the last nonce ends that can have been given out by now, with whatever secret.
   *
   * @returns Seconds since the epoch.
   */
  lastEnd(now: number): number {
    this.#turnTo(now)
    return (this.#step + 3) * this.#period
  }

  #turnTo(now: number): void {
    const step = Math.floor(now / this.#period)
    const epoch = this.#epoch()
    if (step === this.#step && epoch === this.#derivedFor) return
    this.#step = step
    this.#derivedFor = epoch
    this.#series = this.#secrets.map((secret) => ({
      secret,
      current: derive(secret, epoch, step),
      previous: derive(secret, epoch, step - 1),
    }))
  }
}

function derive(secret: Buffer, epoch: string, step: number): string {
  const named = epoch === '' ? `${step}` : `${step} ${epoch}`
  return createHmac('sha256', secret).update(`dpop-nonce ${named}`).digest('base64url').slice(0, 32)
}

function isEqual(given: string, good: string): boolean {
  if (given.length !== good.length) return false
  const [one, other] = [Buffer.from(given), Buffer.from(good)]
  return one.length === other.length && timingSafeEqual(one, other)
}
