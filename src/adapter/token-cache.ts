/**
 * Memory for what need not be asked twice. Bounded in entries and bytes; what stands in it is judged again on every
 * use, so nothing here decides how long a token is good.
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import type { CacheBounds } from '../config/configuration.ts'
import type { ProofKeys } from '../sender-constraint/dpop/header.ts'
import type { AccessToken } from '../token/access-token.ts'
import type { TokenCache } from '../token/issuer.ts'
import { BoundedCache } from './bounded-cache.ts'
import { footprintOf } from './footprint.ts'

/** Bytes of a token beside its claims: what was read from them. */
const TOKEN = 150

/** Bytes that a verified token takes up. */
export function sizeOfToken({ claims, scopes, audiences }: AccessToken): number {
  return TOKEN + footprintOf(claims) + footprintOf(scopes) + footprintOf(audiences)
}

/** Tokens whose signature was verified. */
export class VerifiedTokens extends BoundedCache<AccessToken> implements TokenCache {
  constructor(bounds: CacheBounds) {
    super(bounds, sizeOfToken)
  }
}

/** Bytes of a key as OpenSSL has it, of whichever kind. */
const KEY = 3000

/** Imported keys of clients whose proof and token were accepted. */
export class ImportedKeys extends BoundedCache<KeyObject> implements ProofKeys {
  constructor(entries: number) {
    super({ entries, bytes: Number.MAX_SAFE_INTEGER }, () => KEY)
  }
}
