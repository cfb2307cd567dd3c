import { describe, expect, test } from 'vitest'
import { Failure } from '../../src/failure/failure.ts'
import type { Issuer } from '../../src/token/issuer.ts'
import { parseUnverifiedJwt } from '../../src/token/jwt.ts'
import { type TokenRule, TrustedIssuer, type Verdict } from '../../src/token/trusted-issuer.ts'
import { sha256 } from '../support/checked-request.ts'
import { AUDIENCE, createIssuer, NOW, OTHER_THUMBPRINT, THUMBPRINT } from '../support/issuer.ts'

const RULE: TokenRule = {
  algorithms: ['ES256'],
  clockSkew: 10,
  typeRequired: true,
  maxLifetime: undefined,
  revocationMaxDelay: undefined,
}

const ACTIVE = { active: true, aud: AUDIENCE, exp: NOW + 300 }

/** A JWT that its issuer can also be asked about, presented to a route of this rule. */
function open(
  issuer: Partial<Issuer> = {},
  rule: Partial<TokenRule> = {},
  claims: Record<string, unknown> = {},
) {
  const as = createIssuer('as', issuer)
  const { introspection } = as
  const trusted = new TrustedIssuer({ ...as.issuer, introspection }, { ...RULE, ...rule })
  const token = as.sign(claims)
  introspection.answers.set(token, ACTIVE)
  const present = async () => {
    const digest = sha256(token)
    const jwt = parseUnverifiedJwt(token)
    if (jwt instanceof Failure) throw new Error(jwt.reason)
    const verdict: Verdict = await (trusted.known(token, digest, NOW) ??
      trusted.judge(jwt, token, digest, NOW))
    return verdict instanceof Failure ? verdict.reason : verdict.subject
  }
  return { as, present, introspection, token, trusted }
}

describe('FAPI 2.0 SP §5.3.4-3: a JWT whose revocation has to be seen in time', () => {
  test.each<[string, Partial<Issuer>, Partial<TokenRule>]>([
    ['by the rule of its issuer', { revocationMaxDelay: 15 }, {}],
    ['by the rule of the route', {}, { revocationMaxDelay: 15 }],
  ])('is asked about, %s [F2-RS-3]', async (_, issuer, rule) => {
    const { present, introspection, token } = open(issuer, rule)
    expect(await present()).toBe('alice')
    expect(introspection.asked).toEqual([token])
  })

  test.each([false, true])(
    'is refused when it was revoked, now and from the cache of verified ones; an answer that comes late: %s [F2-RS-3, F1B-RS-4]',
    async (isLate) => {
      const { present, introspection, token, as } = open({ revocationMaxDelay: 0 })
      introspection.isLate = isLate
      introspection.answers.set(token, { active: false })
      expect(await present()).toBe('token_inactive')
      expect(as.issuer.verified.get(sha256(token))?.subject).toBe('alice')
      expect(await present()).toBe('token_inactive')
    },
  )

  test('is asked about when its keys had to be fetched first', async () => {
    const { present, introspection, token, as } = open({ revocationMaxDelay: 0 })
    as.keys.isLate = true
    introspection.answers.set(token, { active: false })
    expect(await present()).toBe('token_inactive')
  })

  test('stays what was verified, whatever the answer says of it', async () => {
    const { present, introspection, token } = open({ revocationMaxDelay: 15 })
    introspection.answers.set(token, { ...ACTIVE, sub: 'mallory', scope: 'everything' })
    expect(await present()).toBe('alice')
  })

  const MTLS = { 'x5t#S256': THUMBPRINT }
  const OTHER = { 'x5t#S256': OTHER_THUMBPRINT }
  const DPOP = { jkt: THUMBPRINT }

  test.each<[string, object | undefined, object | undefined, string]>([
    ['bound to nothing, and to a certificate', undefined, MTLS, 'token_confirmation_differs'],
    ['bound to two certificates', MTLS, OTHER, 'token_confirmation_differs'],
    ['bound to a certificate, and to a key', MTLS, DPOP, 'token_confirmation_differs'],
    ['bound to one, and to both', MTLS, { ...MTLS, ...DPOP }, 'token_confirmation_differs'],
    ['bound to both, and to one', { ...MTLS, ...DPOP }, MTLS, 'token_confirmation_differs'],
    ['bound to one certificate', MTLS, MTLS, 'alice'],
    ['bound to both', { ...MTLS, ...DPOP }, { ...DPOP, ...MTLS }, 'alice'],
    ['bound, of which the answer says nothing', MTLS, undefined, 'alice'],
  ])(
    'RFC 8705 §3.2, RFC 9449 §6.2: is not bound otherwise than its issuer says: %s',
    async (_, own, told, expected) => {
      for (const isLate of [false, true]) {
        const { present, introspection, token } = open({ revocationMaxDelay: 15 }, {}, { cnf: own })
        introspection.isLate = isLate
        introspection.answers.set(token, { ...ACTIVE, cnf: told })
        expect([await present(), await present()]).toEqual([expected, expected])
      }
    },
  )

  test('is not made good by an answer: its signature is verified all the same [PF-42]', async () => {
    const { as, introspection, trusted } = open({ revocationMaxDelay: 15 })
    const [head, , signature] = as.sign().split('.')
    const claims = Buffer.from(JSON.stringify({ ...as.claims, sub: 'mallory' })).toString(
      'base64url',
    )
    const forged = `${head}.${claims}.${signature}`
    introspection.answers.set(forged, ACTIVE)
    const jwt = parseUnverifiedJwt(forged)
    if (jwt instanceof Failure) throw new Error(jwt.reason)
    const verdict = await trusted.judge(jwt, forged, sha256(forged), NOW)
    expect(verdict).toMatchObject({ reason: 'token_signature_invalid' })
    expect(introspection.asked).toEqual([])
  })

  test('is not asked about where no time is named', async () => {
    const { present, introspection } = open()
    expect(await present()).toBe('alice')
    expect(introspection.asked).toEqual([])
  })

  test('the stricter of both times counts', async () => {
    for (const [own, ofRoute] of [
      [15, 60],
      [60, 15],
    ]) {
      const ages: (number | undefined)[] = []
      const as = createIssuer('as', { revocationMaxDelay: own })
      const introspect = as.introspection.introspect.bind(as.introspection)
      const introspection = {
        introspect(token: string, digest: string, now: number, maxAge?: number) {
          ages.push(maxAge)
          return introspect(token, digest, now)
        },
      }
      const trusted = new TrustedIssuer(
        { ...as.issuer, introspection },
        { ...RULE, revocationMaxDelay: ofRoute },
      )
      await trusted.introspect('opaque', sha256('opaque'), NOW)
      expect(ages).toEqual([15])
    }
  })
})
