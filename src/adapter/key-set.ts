/**
 * An issuer's key set as it is held (RFC 7517 §5, RFC 8725 §3.10), by whatever way it came.
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { type Failure, fail } from '../failure/failure.ts'
import type { AlgorithmName } from '../jose/algorithm.ts'
import { importPublicJwk, keyFits, type PublicJwk, parsePublicJwk } from '../jose/jwk.ts'
import type { KeySource } from '../token/issuer.ts'

/** Most keys that are read of a set, and most that are tried for one token. */
const MAX_KEYS = 100
const MAX_CANDIDATES = 4

export interface SetKey {
  readonly jwk: PublicJwk
  readonly key: KeyObject
  /** Those of the issuer's that it may verify: one at least. */
  readonly algorithms: readonly AlgorithmName[]
}

export type Found = readonly KeyObject[] | Failure

/** The keys of an issuer, with what keeps them fresh. */
export interface IssuerKeys extends KeySource {
  /** Has the set for the first time, if it can be had. Never throws. */
  start(): Promise<void>
  close(): void
}

export interface KeySetParts {
  /** Seconds for which a set may be used. */
  readonly usableFor: number
  /** Seconds of a clock that never jumps. */
  readonly clock: () => number
  /** Called when a key that was in the set is in it no more, or not for all that it was for. */
  readonly onWithdrawn: () => void
}

export class KeySet {
  readonly #parts: KeySetParts
  #keys: readonly SetKey[] | undefined
  #fetchedAt = Number.NEGATIVE_INFINITY
  /** Whether the last attempt to have the set brought none. */
  lastFailed = false

  constructor(parts: KeySetParts) {
    this.#parts = parts
  }

  /** Undefined before there was one. It may be too old to be used. */
  get keys(): readonly SetKey[] | undefined {
    return this.#keys
  }

  /** Seconds since the issuer gave it out. */
  get age(): number {
    return this.#parts.clock() - this.#fetchedAt
  }

  /** There is a set, and no key in it: its issuer has withdrawn what it had. */
  get isEmpty(): boolean {
    return this.#keys?.length === 0
  }

  get usable(): readonly SetKey[] | undefined {
    if (this.isEmpty) return undefined
    return this.age <= this.#parts.usableFor ? this.#keys : undefined
  }

  /** @param age Seconds since the issuer gave the set out. */
  take(keys: readonly SetKey[], age = 0): void {
    const former = this.#keys ?? []
    this.#keys = keys
    // What was verified with a key that its issuer has withdrawn is verified no more.
    if (former.some((key) => isWithdrawn(key, keys))) this.#parts.onWithdrawn()
    this.#fetchedAt = this.#parts.clock() - age
    this.lastFailed = false
  }

  /** @param renew Has the set anew; undefined if that was done just now. */
  find(
    kid: string | undefined,
    algorithm: AlgorithmName,
    renew: () => Promise<void> | undefined,
  ): Found | Promise<Found> {
    const found = this.#candidates(kid, algorithm)
    if (found.length > 0) return found
    // RFC 8725 §3.10: a `kid` is a stranger's text; asking for it is rationed.
    const renewed = renew()
    if (renewed === undefined) return this.#missing()
    return renewed.then(() => {
      const foundNow = this.#candidates(kid, algorithm)
      return foundNow.length > 0 ? foundNow : this.#missing()
    })
  }

  /** No key fits: the token's fault if the set is what the issuer has now, and unknown if it is not. */
  #missing(): Found {
    if (this.isEmpty) return fail('temporarily_unavailable', 'jwks_empty')
    if (this.usable === undefined) return fail('temporarily_unavailable', 'jwks_not_loaded')
    return this.lastFailed ? fail('temporarily_unavailable', 'jwks_stale') : []
  }

  /** FAPI 2.0 SP §5.4.3: several keys may have one `kid`; what they are for tells them apart. */
  #candidates(kid: string | undefined, algorithm: AlgorithmName): KeyObject[] {
    return (this.usable ?? [])
      .filter(({ jwk, algorithms }) => {
        return (kid === undefined || jwk.kid === kid) && algorithms.includes(algorithm)
      })
      .slice(0, MAX_CANDIDATES)
      .map(({ key }) => key)
  }
}

/**
 * RFC 7517 §5: keys that are not understood are passed over. So are symmetric, private and weak ones, and
 * those for what is not verified here, such as encryption (§4.2). A set without any is a set: its issuer has
 * withdrawn what it had.
 *
 * @returns Undefined if this is no set of keys, or too large a one.
 */
export function parseKeySet(
  keys: unknown,
  algorithms: readonly AlgorithmName[],
): SetKey[] | undefined {
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) return undefined
  const set: SetKey[] = []
  for (const candidate of keys) {
    const jwk = parsePublicJwk(candidate)
    if (jwk === undefined) continue
    const fitting = algorithms.filter((name) => keyFits(jwk, name))
    const key = fitting.length === 0 ? undefined : importPublicJwk(jwk)
    if (key !== undefined) set.push({ jwk, key, algorithms: fitting })
  }
  return set
}

/** Whether something that a key verified would not be verified by it any more, whatever its name is now. */
function isWithdrawn({ key, algorithms }: SetKey, keys: readonly SetKey[]): boolean {
  const left = keys.filter((one) => one.key.equals(key)).flatMap((one) => one.algorithms)
  return !algorithms.every((name) => left.includes(name))
}
