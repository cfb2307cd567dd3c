/**
 * Answers of an introspection endpoint that are used again for a bounded time (RFC 7662 §4).
 *
 * @module
 */

import type { IntrospectionConfig } from '../config/configuration.ts'
import { Failure } from '../failure/failure.ts'
import type { AccessToken } from '../token/access-token.ts'
import { BoundedCache } from './bounded-cache.ts'
import type { NamedCache } from './cache-metrics.ts'
import { sizeOfToken } from './token-cache.ts'

export type Verdict = AccessToken | Failure

/** When an answer was asked for, in seconds of either clock. */
export interface Asked {
  readonly at: number
  readonly clock: number
}

export interface Answered {
  readonly verdict: Verdict
  readonly asked: Asked
}

interface Remembered extends Answered {
  /** Seconds for which it is used, counted from when it was asked for. */
  readonly life: number
}

export class RememberedAnswers {
  readonly #config: Pick<IntrospectionConfig, 'ttl' | 'negativeTtl'>
  readonly #active: BoundedCache<Remembered>
  /** Apart, so that made-up tokens cannot push out real ones. */
  readonly #refused: BoundedCache<Remembered>

  constructor(config: Pick<IntrospectionConfig, 'ttl' | 'negativeTtl' | 'cache'>) {
    this.#config = config
    const { entries, bytes } = config.cache
    this.#active = new BoundedCache({ entries, bytes }, sizeOf)
    const tenth = { entries: Math.ceil(entries / 10), bytes: Math.ceil(bytes / 10) }
    this.#refused = new BoundedCache(tenth, sizeOf)
  }

  /** @param issuer Its key in the configuration. */
  cachesOf(issuer: string): readonly NamedCache[] {
    return [
      { name: 'introspection', issuer, cache: this.#active },
      { name: 'introspection_refused', issuer, cache: this.#refused },
    ]
  }

  /** @param maxAge Seconds since which an answer about an active token must not be older. */
  find(digest: string, now: Asked, maxAge?: number): Verdict | undefined {
    const remembered = this.#active.get(digest) ?? this.#refused.get(digest)
    if (remembered === undefined) return undefined
    // A clock that went back would make an answer outlive its time: then it is asked for anew.
    const isOver = now.at < remembered.asked.at || ageOf(remembered.asked, now) >= remembered.life
    return isOver || !isNewEnough(remembered, now, maxAge) ? undefined : remembered.verdict
  }

  /**
   * RFC 7662 §4: never beyond the token's end, which is judged again on use; and not at all where the
   * issuer does not say when that is.
   */
  keep(digest: string, answered: Answered): void {
    const { verdict } = answered
    const isRefused = verdict instanceof Failure
    if (isUndecided(verdict)) return
    // A token that is refused now was perhaps good before: what was remembered of it is over.
    this.#active.delete(digest)
    const life = isRefused
      ? this.#config.negativeTtl
      : lifeOf(verdict, answered.asked, this.#config)
    if (life <= 0) return
    const cache = isRefused ? this.#refused : this.#active
    cache.set(digest, { ...answered, life })
  }

  clear(): void {
    this.#active.clear()
    this.#refused.clear()
  }
}

/** Seconds for which an answer about an active token is used, counted from when it was asked for. */
export function lifeOf(
  token: AccessToken,
  asked: Asked,
  { ttl }: Pick<IntrospectionConfig, 'ttl'>,
): number {
  return token.claims['exp'] === undefined ? 0 : Math.min(ttl, token.expiresAt - asked.at)
}

/** A revocation counts from when the issuer was asked; that a token is refused may be known for longer. */
export function isNewEnough({ verdict, asked }: Answered, now: Asked, maxAge?: number): boolean {
  return verdict instanceof Failure || maxAge === undefined || ageOf(asked, now) < maxAge
}

/** Seconds by whichever clock saw more of them: the time of day may be set back in little steps. */
export function ageOf(asked: Asked, now: Asked): number {
  return Math.max(now.at - asked.at, now.clock - asked.clock)
}

/** Whether a verdict says nothing of the token. */
export function isUndecided(verdict: Verdict): boolean {
  return verdict instanceof Failure && verdict.error !== 'invalid_token'
}

/** Bytes of an answer beside its token. */
const REMEMBERED = 100

function sizeOf({ verdict }: Remembered): number {
  return verdict instanceof Failure ? REMEMBERED : REMEMBERED + sizeOfToken(verdict)
}
