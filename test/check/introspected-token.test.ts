import { expect, test } from 'vitest'
import { accessToken } from '../../src/check/access-token.ts'
import { Failure } from '../../src/failure/failure.ts'
import { createCheckedRoute, createTokenRequest } from '../support/checked-request.ts'
import { AUDIENCE, createIssuer, NOW } from '../support/issuer.ts'

/** Asks routes of one issuer, of which one overlooks less than the issuer, about one answer. */
function createRoutes(changed: object) {
  const as = createIssuer('as', { clockSkew: 60 })
  const issuer = { ...as.issuer, introspection: as.introspection }
  as.introspection.answers.set('opaque', {
    active: true,
    aud: AUDIENCE,
    exp: NOW + 300,
    iat: NOW - 300,
    ...changed,
  })
  const routeOf = (clock_skew: number) => {
    const check = accessToken.compile(
      {
        algorithms: ['ES256'],
        clock_skew,
        type_required: true,
        max_lifetime: undefined,
        revocation_max_delay: undefined,
      },
      createCheckedRoute({ issuers: [issuer] }),
    )!
    return (receivedAt = NOW) => {
      const outcome = check(createTokenRequest('opaque', { receivedAt }))
      return outcome instanceof Failure ? outcome.reason : outcome
    }
  }
  return { narrow: routeOf(5), wide: routeOf(60), asked: as.introspection.asked }
}

test.each([
  ['iat', { iat: NOW + 30 }, 'token_from_the_future'],
  ['nbf', { nbf: NOW + 30 }, 'token_not_yet_valid'],
  ['exp', { exp: NOW - 30 }, 'token_expired_since'],
])(
  'RFC 7662 §4: a route that overlooks less of %s than its issuer does so of answers too',
  (_title, claims, reason) => {
    const { narrow, wide, asked } = createRoutes(claims)
    // In either order: what one route remembers is judged anew by the other.
    expect([narrow(), wide(), narrow(), wide()]).toEqual([reason, undefined, reason, undefined])
    expect(asked).toHaveLength(1)
  },
)

test.each([
  ['iat', { iat: NOW + 30 }],
  ['nbf', { nbf: NOW + 30 }],
])('RFC 7519 §4.1.5: and accepts it when the time of its %s has come', (_title, claims) => {
  const { narrow } = createRoutes(claims)
  expect(narrow(NOW + 24)).toBeTypeOf('string')
  expect(narrow(NOW + 25)).toBeUndefined()
})
