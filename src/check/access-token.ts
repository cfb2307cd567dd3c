/**
 * Does an issuer of this route vouch for the token? (RFC 9068 §4, RFC 7662 §2, FAPI 2.0 SP §5.3.4-3)
 *
 * @module
 */

import { z } from 'zod'
import { conceal, Failure, fail } from '../failure/failure.ts'
import { ALGORITHM_NAMES } from '../jose/algorithm.ts'
import { looksLikeJwt } from '../jose/compact.ts'
import { parseEncryptionHint } from '../jose/compact-encryption.ts'
import { added, anyOf, atMost, demand, limit } from '../policy/field.ts'
import { parseUnverifiedJwt } from '../token/jwt.ts'
import { TrustedIssuer, type Verdict } from '../token/trusted-issuer.ts'
import { type Check, defineCheck } from './check.ts'
import type { ResourceRequest } from './request.ts'

const policy = z.strictObject({
  algorithms: anyOf(ALGORITHM_NAMES).describe('JWS algorithms of access tokens.'),
  clock_skew: atMost(300).describe("Difference of clocks that is overlooked in a token's times."),
  type_required: demand().describe(
    'Refuse JWTs whose typ is not at+jwt, or that lack RFC 9068 claims.',
  ),
  max_lifetime: limit().describe('Longest life of a token, from iat to exp.'),
  audience: added(z.array(z.string().min(1)).min(1)).describe(
    'Audiences of which a token needs one, besides what its issuer already has to name.',
  ),
  revocation_max_delay: limit().describe(
    'How long a token may still pass after its issuer revoked it. With introspection, JWTs are asked about too, and answers are used no longer; without, max_lifetime has to keep it.',
  ),
})

export const accessToken = defineCheck({
  name: 'access_token',
  question: 'Does an issuer of this route vouch for the token, now?',
  policy,

  compile: (settings, { isPublic, issuers }) => {
    if (isPublic) return undefined
    const rule = {
      algorithms: settings.algorithms,
      clockSkew: settings.clock_skew,
      typeRequired: settings.type_required,
      maxLifetime: settings.max_lifetime,
      audiences: settings.audience,
      revocationMaxDelay: settings.revocation_max_delay,
    }
    const trusted = issuers.map((issuer) => new TrustedIssuer(issuer, rule))
    const opaque = trusted.find(({ issuer }) => issuer.introspection !== undefined)

    const check: Check = (request) => {
      const { credentials: token = '', credentialsDigest: digest = '', receivedAt: now } = request
      for (const candidate of trusted) {
        const outcome = candidate.known(token, digest, now)
        if (outcome !== undefined) return conclude(request, candidate, outcome)
      }
      const hint = trusted.some(({ issuer }) => issuer.decryption !== undefined)
        ? parseEncryptionHint(token)
        : undefined
      if (hint !== undefined) {
        const holder = trusted.find(({ issuer }) => issuer.decryption?.accepts(hint))
        if (holder !== undefined) {
          return conclude(request, holder, holder.open(token, hint, digest, now))
        }
      }
      if (!looksLikeJwt(token)) {
        // RFC 7662: what only its issuer can read. There is one such issuer a route at most.
        if (opaque === undefined) return conceal(fail('invalid_token', 'token_not_a_jwt'))
        return conclude(request, opaque, opaque.introspectOpaque(token, digest, now))
      }
      const jwt = parseUnverifiedJwt(token)
      if (jwt instanceof Failure) return conceal(jwt)

      // RFC 9068 §4: the issuer is one of this route's; its keys are its own (RFC 8725 §3.8).
      const { iss } = jwt.claims
      const stated =
        iss === undefined ? opaque : trusted.find(({ issuer }) => issuer.issuer === iss)
      if (stated === undefined) return conceal(fail('invalid_token', 'token_issuer_unknown'))
      return conclude(request, stated, stated.judge(jwt, token, digest, now))
    }
    return check
  },
})

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
