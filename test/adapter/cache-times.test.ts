import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { IntrospectionClient } from '../../src/adapter/introspection.ts'
import { DiscoveredIssuer } from '../../src/adapter/metadata.ts'
import { OutboundClient } from '../../src/adapter/outbound.ts'
import { VerifiedTokens } from '../../src/adapter/token-cache.ts'
import { Failure } from '../../src/failure/failure.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { parseUnverifiedJwt } from '../../src/token/jwt.ts'
import { TrustedIssuer } from '../../src/token/trusted-issuer.ts'
import { sha256 } from '../support/checked-request.ts'
import { AUDIENCE, createIssuer, NOW } from '../support/issuer.ts'
import { type StubIssuer, startStubIssuer } from '../support/stub-issuer.ts'

const SKEW = 10
const BOUNDS = { entries: 100, bytes: 1_000_000 }
const OPAQUE = 'opaque'

let stub: StubIssuer
let client: OutboundClient
/** The tokens that are good no more, of the present run. */
let revoked: Map<string, number>
/** When an opaque token ends. */
let end: number

beforeAll(async () => {
  stub = await startStubIssuer(({ body }) => {
    const token = new URLSearchParams(body).get('token') ?? ''
    if (revoked.has(token)) return { body: { active: false } }
    return { body: { active: true, aud: AUDIENCE, exp: end } }
  })
  client = new OutboundClient(stub.tls, 5)
})

afterAll(async () => {
  await client.close()
  await stub.close()
})

/** One gateway's memory of an issuer, with clocks of its own. */
function open(maxDelay: number | undefined, ttl: number) {
  const as = createIssuer('as', { verified: new VerifiedTokens(BOUNDS), clockSkew: SKEW })
  const time = { wall: NOW, steady: 0 }
  const introspection = new IntrospectionClient({
    issuer: { ...stub.config(), issuer: as.issuer.issuer },
    config: {
      response: 'json',
      endpoint: `${stub.origin}/introspect`,
      authentication: { method: 'client_secret_post', clientId: 'g', clientSecret: 'secret' },
      tls: stub.tls,
      ttl,
      negativeTtl: 5,
      cache: BOUNDS,
      timeout: 5,
      connections: 32,
      shared: false,
      breaker: { failures: 5, window: 10, halfOpenAfter: 5 },
    },
    client,
    discovery: new DiscoveredIssuer(stub.origin, client),
    metrics: createMetrics(),
    logger: createLogger('warn', { write: () => {} }),
    now: () => time.wall,
    clock: () => time.steady,
  })
  const rule = {
    algorithms: ['ES256' as const],
    clockSkew: SKEW,
    typeRequired: true,
    maxLifetime: undefined,
    revocationMaxDelay: maxDelay,
  }
  const trusted = new TrustedIssuer({ ...as.issuer, introspection }, rule)
  const present = async (token: string): Promise<boolean> => {
    const digest = sha256(token)
    const now = time.wall
    const asked = () => {
      const jwt = parseUnverifiedJwt(token)
      if (jwt instanceof Failure) return trusted.introspectOpaque(token, digest, now)
      return trusted.judge(jwt, token, digest, now)
    }
    const verdict = await (trusted.known(token, digest, now) ?? asked())
    return !(verdict instanceof Failure) && !(trusted.stillGood(verdict, now) instanceof Failure)
  }
  return { as, time, present }
}

/** Often just as long as a revocation may go unseen, or no time at all by the clock on the wall. */
const step = fc.record({
  passing: fc.oneof(fc.constantFrom(0, 'delay' as const), fc.integer({ min: 0, max: 20 })),
  set: fc.oneof(
    { weight: 3, arbitrary: fc.constant('on' as const) },
    { weight: 2, arbitrary: fc.constant('still' as const) },
    { weight: 1, arbitrary: fc.integer({ min: -30, max: 30 }) },
  ),
  kind: fc.constantFrom('present', 'present', 'revoke'),
})

test('RFC 7662 §4, FAPI 2.0 SP §5.3.4-3: no token is served past its end, nor longer after it was revoked than is promised, whatever was remembered and however clocks are set [F2-RS-3, INT-4, O16]', {
  timeout: 120_000,
}, async () => {
  let served = 0
  let refused = 0
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(undefined, 0, 1, 5, 15),
      fc.constantFrom(0, 5, 60),
      fc.integer({ min: 1, max: 60 }),
      fc.boolean(),
      fc.array(step, { maxLength: 12 }),
      async (maxDelay, ttl, life, isJwt, steps) => {
        revoked = new Map()
        end = NOW + life
        const { as, time, present } = open(maxDelay, ttl)
        const token = isJwt ? as.sign({ exp: end }) : OPAQUE
        const delay = maxDelay ?? (isJwt ? Number.POSITIVE_INFINITY : ttl)
        for (const { passing, set, kind } of steps) {
          const seconds = passing === 'delay' ? (maxDelay ?? ttl) : passing
          time.steady += seconds
          time.wall += set === 'still' ? 0 : seconds + (set === 'on' ? 0 : set)
          if (kind === 'revoke') {
            if (!revoked.has(token)) revoked.set(token, time.steady)
            continue
          }
          const isServed = await present(token)
          const gone = time.steady - (revoked.get(token) ?? Number.POSITIVE_INFINITY)
          if (isServed) {
            expect(time.wall).toBeLessThan(end + SKEW)
            expect(gone <= 0 || gone < delay).toBe(true)
            served += 1
          } else refused += 1
        }
      },
    ),
    { numRuns: 500 },
  )
  expect(Math.min(served, refused)).toBeGreaterThan(50)
})
