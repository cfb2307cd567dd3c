/**
 * An issuer in memory: the ports of src/token/issuer.ts with real keys and real signatures, and without
 * a network.
 *
 * @module
 */

import type { Failure } from '../../src/failure/failure.ts'
import type { AlgorithmName } from '../../src/jose/algorithm.ts'
import type { AccessToken } from '../../src/token/access-token.ts'
import type { Claims } from '../../src/token/claims.ts'
import { parseIntrospection } from '../../src/token/introspection.ts'
import type {
  IntrospectionSource,
  Issuer,
  KeySource,
  TokenExpectation,
} from '../../src/token/issuer.ts'
import { createKeyPair, type KeyPair, signCompact } from './compact-signing.ts'

/** The time of these tests, in seconds since the epoch. */
export const NOW = 1_700_000_000

export const AUDIENCE = 'https://api.bank.example'

/** SHA-256 of nothing at all, base64url: the form of a thumbprint. */
export const THUMBPRINT = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'

/** The other form of one. */
export const OTHER_THUMBPRINT = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg'

/** The keys of an issuer under their names. */
export class MemoryKeys implements KeySource {
  readonly pairs: ReadonlyMap<string, { algorithm: AlgorithmName; pair: KeyPair }>
  /** How often they were asked for. */
  asked = 0
  /** Whether they are answered with later. */
  isLate = false
  /** What is answered with instead. */
  failure: Failure | undefined
  /** Whether the set is too old to count. */
  isStale = false
  /** What asking for the set anew does; nothing is asked where there is none. */
  renewal: (() => Promise<void>) | undefined

  constructor(id: string, algorithms: readonly AlgorithmName[]) {
    this.pairs = new Map(
      algorithms.map((algorithm) => [
        `${id}-${algorithm}`,
        { algorithm, pair: createKeyPair(algorithm) },
      ]),
    )
  }

  find(kid: string | undefined, algorithm: AlgorithmName) {
    this.asked += 1
    const keys = [...this.pairs]
      .filter(([name, key]) => key.algorithm === algorithm && (kid === undefined || kid === name))
      .map(([, { pair }]) => pair.publicKey)
    const answer = this.failure ?? keys
    return this.isLate ? Promise.resolve(answer) : answer
  }

  isFresh() {
    return !this.isStale
  }

  renew() {
    return this.renewal?.()
  }
}

/** An introspection endpoint with the answers it has been given, and the cache in front of it. */
export class MemoryIntrospection implements IntrospectionSource {
  readonly answers = new Map<string, Claims>()
  /** The tokens it was asked about, where the cache did not know. */
  readonly asked: string[] = []
  isLate = false
  readonly #expected: TokenExpectation
  readonly #cache = new Map<string, AccessToken>()

  constructor(expected: TokenExpectation) {
    this.#expected = expected
  }

  introspect(token: string, digest: string, now: number) {
    const known = this.#cache.get(digest)
    if (known !== undefined) return known
    this.asked.push(token)
    const answer = this.answers.get(token) ?? { active: false }
    const verdict = parseIntrospection(answer, this.#expected, now)
    if (!('reason' in verdict)) this.#cache.set(digest, verdict)
    return this.isLate ? Promise.resolve(verdict) : verdict
  }
}

export interface MemoryIssuer {
  readonly issuer: Issuer
  readonly keys: MemoryKeys
  readonly introspection: MemoryIntrospection
  /** What an honest token says. */
  readonly claims: Claims
  /** An access token with these claims and this header in place of, or beside, the honest ones. */
  sign(claims?: Claims, header?: Claims): string
}

/** @param rule What is otherwise than of an issuer that signs JWTs by RFC 9068 with ES256. */
export function createIssuer(id: string, rule: Partial<Issuer> = {}): MemoryIssuer {
  const expected: TokenExpectation = {
    issuer: `https://${id}.example`,
    audiences: [AUDIENCE],
    algorithms: ['ES256'],
    clockSkew: 10,
    typeRequired: true,
    maxLifetime: undefined,
    ...rule,
  }
  const keys = new MemoryKeys(id, expected.algorithms)
  const introspection = new MemoryIntrospection(expected)
  const claims = honestClaims(expected)
  return {
    issuer: {
      ...expected,
      id,
      tokens: 'jwt',
      keys,
      introspection: undefined,
      decryption: undefined,
      revocationMaxDelay: undefined,
      verified: new Map(),
      ...rule,
    },
    keys,
    introspection,
    claims,
    sign: (changed = {}, header = {}) => {
      const alg = (header['alg'] ?? 'ES256') as AlgorithmName
      const kid = `${id}-${alg}`
      const { privateKey } = keys.pairs.get(kid)!.pair
      return signCompact(
        { typ: 'at+jwt', alg, kid, ...header },
        { ...claims, ...changed },
        alg,
        privateKey,
      )
    },
  }
}

function honestClaims({ issuer, audiences }: TokenExpectation): Claims {
  return {
    iss: issuer,
    sub: 'alice',
    client_id: 'app',
    aud: audiences[0],
    iat: NOW - 5,
    exp: NOW + 300,
    jti: 'token-1',
    scope: 'accounts payments',
  }
}
