/**
 * A trusted issuer, and the ports through which the gateway reaches it.
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import type { Failure } from '../failure/failure.ts'
import type { AlgorithmName } from '../jose/algorithm.ts'
import type { EncryptionHint } from '../jose/compact-encryption.ts'
import type { AccessToken } from './access-token.ts'

/**
 * The keys an issuer signs with (RFC 7517), by whatever means they are kept fresh.
 */
export interface KeySource {
  /**
   * The keys that may have signed a token with this header, at most four.
   *
   * @returns No key when the set is at hand and has none that fits. A Failure
   *   (`temporarily_unavailable`) when the keys could not be had. A promise only if the set had to be
   *   fetched.
   */
  find(
    kid: string | undefined,
    algorithm: AlgorithmName,
  ): readonly KeyObject[] | Failure | Promise<readonly KeyObject[] | Failure>
  /** Whether the set may be used: what was verified with its keys counts only as long. */
  isFresh(): boolean
  /** Asks for the set anew, for it may have changed; undefined if that was done just now. */
  renew(): Promise<void> | undefined
}

/** The issuer's introspection endpoint (RFC 7662), with its cache. */
export interface IntrospectionSource {
  /**
   * @param digest SHA-256 of the token: what the answer is cached under, so that no token is kept.
   * @param now Seconds since the epoch.
   * @param maxAge Seconds since which an answer must not be older; undefined: as old as it is kept.
   * @returns The response's members of an active token; `invalid_token` for an inactive one;
   *   `temporarily_unavailable` when no answer could be had. A promise only if the endpoint had to be asked.
   */
  introspect(
    token: string,
    digest: string,
    now: number,
    maxAge?: number | undefined,
  ): AccessToken | Failure | Promise<AccessToken | Failure>
}

/** Tokens already verified, under the digest of their text. One an issuer: never shared between two. */
export interface TokenCache {
  get(digest: string): AccessToken | undefined
  set(digest: string, token: AccessToken): void
  /** Forgets all: a key they were verified with is the issuer's no more. */
  clear(): void
}

/** Keys of this resource that an issuer encrypts its tokens for (RFC 9068 §4, RFC 7516). */
export interface TokenDecryption {
  /** Whether a token with this header was encrypted as agreed, for a key that is at hand. */
  accepts(hint: EncryptionHint): boolean
  /** @returns The signed token within; `invalid_token` if no key opens it. */
  decrypt(token: string, hint: EncryptionHint): Promise<string | Failure>
}

/** What an issuer's tokens are judged by. */
export interface TokenExpectation {
  /** Compared byte for byte (RFC 9068 §4). */
  readonly issuer: string
  /** One of these has to be in `aud`. */
  readonly audiences: readonly string[]
  readonly algorithms: readonly AlgorithmName[]
  /** Seconds of difference between the issuer's clock and ours that are overlooked. */
  readonly clockSkew: number
  /** Whether `typ` has to be `at+jwt`; an issuer older than RFC 9068 may not set it. */
  readonly typeRequired: boolean
  /** Longest life of a token that is accepted, in seconds. */
  readonly maxLifetime: number | undefined
}

export interface Issuer extends TokenExpectation {
  /** Its key in the configuration. */
  readonly id: string
  /** `introspection`: every token is introspected, a JWT too. */
  readonly tokens: 'jwt' | 'introspection'
  readonly keys: KeySource | undefined
  readonly introspection: IntrospectionSource | undefined
  /** Where it is agreed that tokens are encrypted: those that are not are refused. */
  readonly decryption: TokenDecryption | undefined
  /** Seconds for which a revoked token may still pass; undefined: nothing is promised. */
  readonly revocationMaxDelay: number | undefined
  readonly verified: TokenCache
}
