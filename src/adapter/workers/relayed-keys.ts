/**
 * An issuer's keys in a worker: the primary fetches them, once for all workers.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { IssuerConfig } from '../../config/configuration.ts'
import type { AlgorithmName } from '../../jose/algorithm.ts'
import { type Found, type IssuerKeys, KeySet, parseKeySet } from '../key-set.ts'
import type { HeldKeys, KeyQuestion } from './talk.ts'

/** Seconds that the primary may take beyond the time of its own call. */
const PATIENCE = 1

export interface RelayedKeysParts {
  readonly config: IssuerConfig
  /** Seconds of a clock that never jumps. */
  readonly clock: () => number
  readonly onWithdrawn: () => void
  /** Asks the primary. */
  readonly ask: (question: KeyQuestion, withinMs: number) => Promise<HeldKeys | undefined>
  readonly onClose: (keys: RelayedKeys) => void
}

/**
 * What primary and worker call the keys of an issuer. Two configurations of one issuer have one name if
 * its keys are had, and judged, in the same way.
 */
export function nameOfKeys({ id, issuer, jwksUri, jwks, tls, algorithms }: IssuerConfig): string {
  const text = JSON.stringify([id, issuer, jwksUri, jwks, tls, algorithms])
  return createHash('sha256').update(text).digest('base64url')
}

export class RelayedKeys implements IssuerKeys {
  readonly name: string
  readonly #parts: RelayedKeysParts
  readonly #set: KeySet
  #coolUntil = Number.NEGATIVE_INFINITY
  #pending: Promise<void> | undefined

  constructor(parts: RelayedKeysParts) {
    const { config, clock, onWithdrawn } = parts
    const usableFor = config.jwks.refresh + config.jwks.staleIfError
    this.name = nameOfKeys(config)
    this.#parts = parts
    this.#set = new KeySet({ usableFor, clock, onWithdrawn })
  }

  /** What the primary holds now: told to all workers, whichever of them asked. */
  take({ jwks, age, lastFailed, coolsFor }: HeldKeys): void {
    const keys = parseKeySet(jwks, this.#parts.config.algorithms)
    if (keys !== undefined) this.#set.take(keys, age)
    this.#set.lastFailed = lastFailed
    this.#coolUntil = this.#parts.clock() + coolsFor
  }

  isFresh(): boolean {
    return this.#set.usable !== undefined
  }

  /** One question at a time, and none while the primary would not ask the issuer anyway. */
  renew(): Promise<void> | undefined {
    if (this.#pending !== undefined) return this.#pending
    return this.#parts.clock() < this.#coolUntil ? undefined : this.#ask(true)
  }

  /** What the primary has is taken as it is: a worker that is replaced costs the issuer nothing. */
  start(): Promise<void> {
    return this.#ask(false)
  }

  close(): void {
    this.#parts.onClose(this)
  }

  find(kid: string | undefined, algorithm: AlgorithmName): Found | Promise<Found> {
    return this.#set.find(kid, algorithm, () => this.renew())
  }

  #ask(anew: boolean): Promise<void> {
    this.#pending ??= this.#askOnce(anew).finally(() => {
      this.#pending = undefined
    })
    return this.#pending
  }

  async #askOnce(anew: boolean): Promise<void> {
    const { config, ask } = this.#parts
    try {
      const held = await ask({ of: this.name, anew }, (config.jwks.timeout + PATIENCE) * 1000)
      if (held !== undefined) this.take(held)
      else this.#set.lastFailed = true
    } catch {
      this.#set.lastFailed = true
    }
  }
}
