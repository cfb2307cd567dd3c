/**
 * What makes a DPoP proof unique, and the store that remembers it (RFC 9449 §11.1).
 *
 * @module
 */

import { hash } from 'node:crypto'
import type { VerifiedProof } from './proof.ts'

/** `full`: the store holds as many live entries as it may, and forgets none of them to make room. */
export type UseOnce = 'first' | 'again' | 'full' | 'unavailable'

export interface ReplayStore {
  /** Seconds since the epoch: uses from then on are known. A proof from before may have been used. */
  readonly since: number
  /**
   * Notes that a key is used, in one step: of any number of calls with one key, one is answered `first`.
   *
   * @param key Up to 43 characters of ASCII, compared whole: what {@link replayKey} gives.
   * @param until Seconds since the epoch. The key is remembered at least until then.
   * @param now Seconds since the epoch.
   */
  useOnce(key: string, until: number, now: number): UseOnce | Promise<UseOnce>
}

/**
 * The key of a proof: its `jti` in the name space of the key that signed it, so that no client can burn
 * another's, hashed, so that it has one size whatever the client wrote.
 */
export function replayKey(proof: VerifiedProof): string {
  return hash('sha256', `${proof.keyThumbprint} ${proof.jti}`, 'base64url')
}
