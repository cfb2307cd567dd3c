/**
 * A trusted issuer as one route asks of it: what its tokens are judged by, in the order that costs least
 * (RFC 9068 §4, RFC 7662 §2, FAPI 2.0 SP §5.3.4-3).
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { Failure, fail } from '../failure/failure.ts'
import type { AlgorithmName } from '../jose/algorithm.ts'
import { resemblesJwt } from '../jose/compact.ts'
import type { EncryptionHint } from '../jose/compact-encryption.ts'
import type { AccessToken } from './access-token.ts'
import { checkBeginning, checkLifetime, isExpired } from './claims.ts'
import type { Issuer, KeySource, TokenExpectation } from './issuer.ts'
import {
  type KeyHint,
  parseKeyHint,
  parseUnverifiedJwt,
  type UnverifiedJwt,
  verifyJwt,
} from './jwt.ts'

export type Verdict = AccessToken | Failure

/** What a route asks of tokens, whoever issued them. An issuer's own rule may be stricter. */
export interface TokenRule {
  readonly algorithms: readonly AlgorithmName[]
  /** All in seconds. */
  readonly clockSkew: number
  readonly typeRequired: boolean
  readonly maxLifetime: number | undefined
  /** Of which a token has to name one, besides one of its issuer's; undefined: none. */
  readonly audiences?: readonly string[] | undefined
  readonly revocationMaxDelay: number | undefined
}

/** An issuer, as strict as a route's rule. */
export class TrustedIssuer {
  readonly issuer: Issuer
  readonly #expected: TokenExpectation
  /** Seconds for which an answer of the issuer may be used; undefined: for as long as it is kept. */
  readonly #maxAge: number | undefined
  readonly #audiences: readonly string[] | undefined
  /** Tells apart what the same issuer's tokens were judged by; empty where it is the issuer's own rule. */
  readonly #rule: string

  constructor(issuer: Issuer, rule: TokenRule) {
    this.issuer = issuer
    this.#audiences = rule.audiences
    this.#maxAge = least(issuer.revocationMaxDelay, rule.revocationMaxDelay)
    this.#expected = {
      issuer: issuer.issuer,
      audiences: issuer.audiences,
      algorithms: issuer.algorithms.filter((name) => rule.algorithms.includes(name)),
      clockSkew: Math.min(issuer.clockSkew, rule.clockSkew),
      typeRequired: issuer.typeRequired || rule.typeRequired,
      maxLifetime: least(issuer.maxLifetime, rule.maxLifetime),
    }
    const { algorithms, clockSkew, typeRequired, maxLifetime } = this.#expected
    const same =
      algorithms.length === issuer.algorithms.length &&
      clockSkew === issuer.clockSkew &&
      typeRequired === issuer.typeRequired &&
      maxLifetime === issuer.maxLifetime
    this.#rule = same ? '' : ` ${algorithms} ${clockSkew} ${typeRequired} ${maxLifetime}`
  }

  /**
   * A token that was verified before by the same rule, with keys that still count.
   *
   * @param now Seconds since the epoch.
   * @returns Undefined if it was not.
   */
  known(token: string, digest: string, now: number): Verdict | Promise<Verdict> | undefined {
    const known = this.#remembered(digest)
    return known === undefined ? undefined : this.#unlessRevoked(known, token, digest, now)
  }

  #remembered(digest: string): AccessToken | undefined {
    const token = this.issuer.verified.get(digest + this.#rule)
    return token !== undefined && this.issuer.keys?.isFresh() ? token : undefined
  }

  /** Asks the issuer what a token is. */
  introspect(token: string, digest: string, now: number): Verdict | Promise<Verdict> {
    const { introspection } = this.issuer
    if (introspection === undefined) return fail('invalid_token', 'token_not_introspectable')
    return introspection.introspect(token, digest, now, this.#maxAge)
  }

  /**
   * Asks the issuer about a token that is no JWT to us. What resembles one was not signed or encrypted as
   * this issuer's tokens are judged by, and a lenient issuer would vouch for it in place of those rules.
   */
  introspectOpaque(token: string, digest: string, now: number): Verdict | Promise<Verdict> {
    if (this.issuer.decryption !== undefined) return notEncrypted()
    if (this.issuer.tokens === 'jwt' && resemblesJwt(token)) {
      // RFC 7515 §5.2 (2): base64url is read strictly.
      const jwt = parseUnverifiedJwt(token)
      return jwt instanceof Failure ? jwt : this.judge(jwt, token, digest, now)
    }
    return this.introspect(token, digest, now)
  }

  /** Judges an encrypted token, whose header says that it is for a key agreed on with this issuer. */
  async open(token: string, hint: EncryptionHint, digest: string, now: number): Promise<Verdict> {
    const { decryption, issuer } = this.issuer
    // RFC 9068 §4: decrypted with what was agreed on with the issuer.
    const signed = await decryption?.decrypt(token, hint)
    if (signed === undefined || signed instanceof Failure) {
      return signed ?? fail('invalid_token', 'token_encryption_not_agreed')
    }
    const jwt = parseUnverifiedJwt(signed)
    if (jwt instanceof Failure) return jwt
    if (jwt.claims['iss'] !== issuer) return fail('invalid_token', 'token_issuer_of_other_key')
    return this.#judge(jwt, token, digest, now)
  }

  /** Judges a JWT that names this issuer, or none. */
  judge(
    jwt: UnverifiedJwt,
    token: string,
    digest: string,
    now: number,
  ): Verdict | Promise<Verdict> {
    if (this.issuer.tokens === 'introspection') return this.introspect(token, digest, now)
    if (this.issuer.decryption !== undefined) return notEncrypted()
    return this.#judge(jwt, token, digest, now)
  }

  #judge(
    jwt: UnverifiedJwt,
    token: string,
    digest: string,
    now: number,
  ): Verdict | Promise<Verdict> {
    const { keys } = this.issuer
    if (keys === undefined) return fail('temporarily_unavailable', 'jwks_unavailable')
    const hint = parseKeyHint(jwt.jws.header, this.#expected)
    if (hint instanceof Failure) return hint

    const verdict = this.#verify(jwt, hint, keys, digest, now)
    if (verdict instanceof Promise) {
      return verdict.then((late) => this.#unlessRevoked(late, token, digest, now))
    }
    if (!isRefusedBySignature(verdict)) return this.#unlessRevoked(verdict, token, digest, now)
    // Another key may stand under the same `kid` by now.
    const renewed = keys.renew()?.then(() => this.#verify(jwt, hint, keys, digest, now))
    return renewed?.then((late) => this.#unlessRevoked(late, token, digest, now)) ?? verdict
  }

  #verify(
    jwt: UnverifiedJwt,
    { kid, algorithm }: KeyHint,
    keys: KeySource,
    digest: string,
    now: number,
  ): Verdict | Promise<Verdict> {
    const verify = (candidates: readonly KeyObject[] | Failure): Verdict => {
      // While the keys were fetched, another request may have brought the same token.
      const known = this.#remembered(digest)
      if (known !== undefined) return known
      if (candidates instanceof Failure) return candidates
      if (candidates.length === 0) return fail('invalid_token', 'token_kid_unknown')
      const verdict = verifyJwt(jwt, candidates, algorithm, this.#expected, now)
      if (!(verdict instanceof Failure)) this.issuer.verified.set(digest + this.#rule, verdict)
      return verdict
    }
    const found = keys.find(kid, algorithm)
    return found instanceof Promise ? found.then(verify) : verify(found)
  }

  /**
   * FAPI 2.0 SP §5.3.4-3: a signature says nothing of revocation, so where that has to be seen in time the
   * issuer is asked as well. What the token says stays what was verified: of the answer, only whether it is
   * good is taken, and that it speaks of no other holder.
   */
  #unlessRevoked(
    verdict: Verdict,
    token: string,
    digest: string,
    now: number,
  ): Verdict | Promise<Verdict> {
    const { introspection } = this.issuer
    if (this.#maxAge === undefined || introspection === undefined) return verdict
    if (verdict instanceof Failure) return verdict
    const asked = introspection.introspect(token, digest, now, this.#maxAge)
    if (asked instanceof Promise) {
      return asked.then((late) => confirmed(verdict, late))
    }
    return confirmed(verdict, asked)
  }

  /**
   * What is judged on every use. RFC 7662 §4, RFC 7519 §4.1.4: nothing that was remembered outlives its
   * token.
   */
  stillGood(token: AccessToken, now: number): Verdict {
    const { clockSkew, maxLifetime } = this.#expected
    if (isExpired(token.expiresAt, clockSkew, now)) {
      return fail('invalid_token', 'token_expired_since')
    }
    // RFC 8707 §2: a token for another resource is not one for this.
    if (this.#audiences?.some((one) => token.audiences.includes(one)) === false) {
      return fail('invalid_token', 'audience_not_of_route')
    }
    // The issuer's own rule has been applied; what is left is what this route adds to it.
    if (this.#rule === '') return token
    const { nbf, iat } = token.claims
    return (
      checkBeginning(nbf, iat, clockSkew, now) ??
      checkLifetime(token.expiresAt, iat, maxLifetime) ??
      token
    )
  }
}

/** RFC 9068 §4: where encryption was agreed on, a token without is refused. */
function notEncrypted(): Failure {
  return fail('invalid_token', 'token_not_encrypted')
}

/** RFC 8705 §3.2, RFC 9449 §6.2: an answer may bind a token. One token has one binding, wherever it is told. */
function confirmed(verified: AccessToken, answer: Verdict): Verdict {
  if (answer instanceof Failure) return answer
  const { confirmation: told } = answer
  const { confirmation: own } = verified
  const isSame =
    told === undefined ||
    (told.certificateThumbprint === own?.certificateThumbprint &&
      told.keyThumbprint === own?.keyThumbprint)
  return isSame ? verified : fail('invalid_token', 'token_confirmation_differs')
}

function isRefusedBySignature(verdict: Verdict): boolean {
  return verdict instanceof Failure && verdict.reason === 'token_signature_invalid'
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Math.min(one, other)
}
