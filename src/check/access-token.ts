/**
 * Does an issuer of this route vouch for the token? (RFC 9068 §4, RFC 7662 §2, FAPI 2.0 SP §5.3.4-3)
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { conceal, Failure, fail } from '../failure/failure.ts'
import { ALGORITHM_NAMES } from '../jose/algorithm.ts'
import { looksLikeJwt } from '../jose/compact.ts'
import { anyOf, atMost, demand, limit } from '../policy/field.ts'
import type { AccessToken } from '../token/access-token.ts'
import { checkBeginning, checkLifetime, isExpired } from '../token/claims.ts'
import type { Issuer, KeySource, TokenExpectation } from '../token/issuer.ts'
import {
  type KeyHint,
  parseKeyHint,
  parseUnverifiedJwt,
  type UnverifiedJwt,
  verifyJwt,
} from '../token/jwt.ts'
import { type Check, defineCheck } from './check.ts'
import type { ResourceRequest } from './request.ts'

const policy = z.strictObject({
  algorithms: anyOf(ALGORITHM_NAMES).describe('JWS algorithms of access tokens.'),
  clock_skew: atMost(300).describe("Difference of clocks that is overlooked in a token's times."),
  type_required: demand().describe(
    'Refuse JWTs whose typ is not at+jwt, or that lack RFC 9068 claims.',
  ),
  max_lifetime: limit().describe('Longest life of a token, from iat to exp.'),
})

export const accessToken = defineCheck({
  name: 'access_token',
  question: 'Does an issuer of this route vouch for the token, now?',
  policy,

  compile: (settings, { isPublic, issuers }) => {
    if (isPublic) return undefined
    const trusted = issuers.map((issuer) => new TrustedIssuer(issuer, settings))
    const opaque = trusted.find(({ issuer }) => issuer.introspection !== undefined)

    const check: Check = (request) => {
      const digest = request.credentialsDigest ?? ''
      for (const candidate of trusted) {
        const outcome = candidate.known(digest)
        if (outcome !== undefined) return conclude(request, candidate, outcome)
      }
      const token = request.credentials ?? ''
      if (!looksLikeJwt(token)) {
        // RFC 7662: what only its issuer can read. There is one such issuer a route at most.
        if (opaque === undefined) return conceal(fail('invalid_token', 'token_not_a_jwt'))
        return conclude(request, opaque, opaque.introspect(token, digest, request.receivedAt))
      }
      const jwt = parseUnverifiedJwt(token)
      if (jwt instanceof Failure) return conceal(jwt)

      // RFC 9068 §4: the issuer is one of this route's; its keys are its own (RFC 8725 §3.8).
      const { iss } = jwt.claims
      const stated =
        iss === undefined ? opaque : trusted.find(({ issuer }) => issuer.issuer === iss)
      if (stated === undefined) return conceal(fail('invalid_token', 'token_issuer_unknown'))
      return conclude(request, stated, stated.judge(jwt, token, digest, request.receivedAt))
    }
    return check
  },
})

type Verdict = AccessToken | Failure

function conclude(
  request: ResourceRequest,
  trusted: TrustedIssuer,
  verdict: Verdict | Promise<Verdict>,
) {
  request.issuer = trusted.issuer
  if (verdict instanceof Promise) return verdict.then((late) => settle(request, trusted, late))
  return settle(request, trusted, verdict)
}

function settle(request: ResourceRequest, trusted: TrustedIssuer, verdict: Verdict) {
  const judged =
    verdict instanceof Failure ? verdict : trusted.stillGood(verdict, request.receivedAt)
  if (judged instanceof Failure) return conceal(judged)
  request.token = judged
  return undefined
}

/** An issuer, as strict as this route's policy. */
class TrustedIssuer {
  readonly issuer: Issuer
  readonly #expected: TokenExpectation
  /** Tells apart what the same issuer's tokens were judged by; empty where it is the issuer's own rule. */
  readonly #rule: string

  constructor(issuer: Issuer, settings: z.output<typeof policy>) {
    this.issuer = issuer
    this.#expected = {
      issuer: issuer.issuer,
      audiences: issuer.audiences,
      algorithms: issuer.algorithms.filter((name) => settings.algorithms.includes(name)),
      clockSkew: Math.min(issuer.clockSkew, settings.clock_skew),
      typeRequired: issuer.typeRequired || settings.type_required,
      maxLifetime: least(issuer.maxLifetime, settings.max_lifetime),
    }
    const { algorithms, clockSkew, typeRequired, maxLifetime } = this.#expected
    const same =
      algorithms.length === issuer.algorithms.length &&
      clockSkew === issuer.clockSkew &&
      typeRequired === issuer.typeRequired &&
      maxLifetime === issuer.maxLifetime
    this.#rule = same ? '' : ` ${algorithms} ${clockSkew} ${typeRequired} ${maxLifetime}`
  }

  /** A token that was verified before by the same rule, with keys that still count. */
  known(digest: string): AccessToken | undefined {
    const token = this.issuer.verified.get(digest + this.#rule)
    return token !== undefined && this.issuer.keys?.isFresh() ? token : undefined
  }

  introspect(token: string, digest: string, now: number): Verdict | Promise<Verdict> {
    const { introspection } = this.issuer
    if (introspection === undefined) return fail('invalid_token', 'token_not_introspectable')
    return introspection.introspect(token, digest, now)
  }

  judge(
    jwt: UnverifiedJwt,
    token: string,
    digest: string,
    now: number,
  ): Verdict | Promise<Verdict> {
    if (this.issuer.tokens === 'introspection') return this.introspect(token, digest, now)
    const { keys } = this.issuer
    if (keys === undefined) return fail('temporarily_unavailable', 'jwks_unavailable')
    const hint = parseKeyHint(jwt.jws.header, this.#expected)
    if (hint instanceof Failure) return hint

    const verdict = this.#verify(jwt, hint, keys, digest, now)
    if (verdict instanceof Promise || !isRefusedBySignature(verdict)) return verdict
    // Another key may stand under the same `kid` by now.
    return keys.renew()?.then(() => this.#verify(jwt, hint, keys, digest, now)) ?? verdict
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
      const known = this.known(digest)
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

  /** RFC 7662 §4, RFC 7519 §4.1.4: nothing that was remembered outlives its token. */
  stillGood(token: AccessToken, now: number): Verdict {
    const { clockSkew, maxLifetime } = this.#expected
    if (isExpired(token.expiresAt, clockSkew, now)) {
      return fail('invalid_token', 'token_expired_since')
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

function isRefusedBySignature(verdict: Verdict): boolean {
  return verdict instanceof Failure && verdict.reason === 'token_signature_invalid'
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Math.min(one, other)
}
