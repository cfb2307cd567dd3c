/**
 * Memory for what need not be asked twice. Bounded in number; what stands in it is judged again on every
 * use, so nothing here decides how long a token is good.
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { ProofKeys } from '../sender-constraint/dpop/header.ts'
import type { AccessToken } from '../token/access-token.ts'
import type { TokenCache } from '../token/issuer.ts'

/** Tokens whose signature was verified, until they end. */
export class VerifiedTokens implements TokenCache {
  readonly #tokens: LRUCache<string, AccessToken>

  constructor(entries: number) {
    this.#tokens = new LRUCache({ max: entries })
  }

  get(digest: string): AccessToken | undefined {
    return this.#tokens.get(digest)
  }

  set(digest: string, token: AccessToken): void {
    this.#tokens.set(digest, token)
  }

  clear(): void {
    this.#tokens.clear()
  }
}

/** Imported keys of clients whose proof and token were accepted. */
export function createProofKeys(entries: number): ProofKeys {
  return new LRUCache<string, KeyObject>({ max: entries })
}
