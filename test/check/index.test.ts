import { describe, expect, test } from 'vitest'
import type { Check, CheckDefinition } from '../../src/check/check.ts'
import { CHECKS } from '../../src/check/index.ts'
import type { ResourceRequest } from '../../src/check/request.ts'
import { authorize } from '../../src/gateway/pipeline.ts'
import { parsePublicJwk } from '../../src/jose/jwk.ts'
import { jwkThumbprint } from '../../src/jose/thumbprint.ts'
import { replayKey } from '../../src/sender-constraint/dpop/replay.ts'
import {
  CERTIFICATE,
  CONNECTION,
  createCheckedRoute,
  createRequest,
  createServices,
  signProof,
} from '../support/checked-request.ts'
import { createKeyPair } from '../support/compact-signing.ts'
import { AUDIENCE, createIssuer, NOW, OTHER_THUMBPRINT } from '../support/issuer.ts'

/** What can be wrong with a request, in the order in which it is answered. */
const FAULTS = [
  ['the connection is too weak', 'misdirected_request', 'tls_version_too_low'],
  ['credentials come twice', 'invalid_request', 'authorization_several'],
  ['the proof comes twice', 'invalid_request', 'dpop_proof_several'],
  ['the proof is of another type', 'invalid_dpop_proof', 'dpop_typ'],
  ['the proof is for another method', 'invalid_dpop_proof', 'dpop_htm_mismatch'],
  ['the proof is for another token', 'invalid_dpop_proof', 'dpop_ath_mismatch'],
  ['the token is of a stranger', 'invalid_token', 'token_issuer_unknown'],
  ['the token has expired', 'invalid_token', 'token_expired'],
  ['the token is for another resource', 'invalid_token', 'audience_not_of_route'],
  ['the key is not that of the token', 'invalid_token', 'cnf_jkt_mismatch'],
  ['the certificate is not that of the token', 'invalid_token', 'cnf_x5t_mismatch'],
  ['the nonce is stale', 'use_dpop_nonce', 'dpop_nonce_stale'],
  ['the user is not known well enough', 'insufficient_user_authentication', 'acr_insufficient'],
  ['the scope is too small', 'insufficient_scope', 'scope_insufficient'],
  ['the proof was used before', 'invalid_dpop_proof', 'dpop_replayed'],
] as const

type Fault = (typeof FAULTS)[number][0]

const as = createIssuer('as')
const [pair, foreign] = [createKeyPair('ES256'), createKeyPair('ES256')]
const thumbprintOf = ({ publicKey }: typeof pair) =>
  jwkThumbprint(parsePublicJwk(publicKey.export({ format: 'jwk' }))!)

const POLICIES: Readonly<Record<string, Record<string, unknown>>> = {
  transport: { min_version: '1.3', cipher_suites: ['TLS_AES_256_GCM_SHA384'] },
  dpop_proof: { algorithms: ['ES256'] },
  access_token: {
    algorithms: ['ES256'],
    clock_skew: 10,
    type_required: true,
    audience: ['urn:this-route'],
  },
  sender_constraint: { required: true, methods: ['mtls', 'dpop'] },
  dpop_freshness: { nonce: 'required', proof_max_age: 60, future_skew: 10 },
  authentication: { acr_values: ['strong'] },
  authorization: { scopes: ['payments'] },
}

/** The order table with its policies, and what was written down by the end. */
function createRoute() {
  const services = createServices()
  const route = createCheckedRoute({ issuers: [as.issuer], services })
  const checks: Check[] = (CHECKS as readonly CheckDefinition[])
    .map((check) => check.compile(POLICIES[check.name] ?? {}, route))
    .filter((check) => check !== undefined)
  return { services, checks }
}

function requestWith(
  { services }: ReturnType<typeof createRoute>,
  faults: readonly Fault[],
): ResourceRequest {
  const has = (fault: Fault) => faults.includes(fault)
  const key = has('the key is not that of the token') ? foreign : pair
  const token = as.sign({
    ...(has('the token is of a stranger') && { iss: 'https://stranger.example' }),
    aud: [AUDIENCE, has('the token is for another resource') ? 'urn:other' : 'urn:this-route'],
    ...(has('the token has expired') && { exp: NOW - 10 }),
    ...(has('the scope is too small') && { scope: 'accounts' }),
    acr: has('the user is not known well enough') ? 'weak' : 'strong',
    cnf: { jkt: thumbprintOf(pair), 'x5t#S256': CERTIFICATE.thumbprint },
  })
  const proof = signProof('ES256', key, token, {
    header: has('the proof is of another type') ? { typ: 'JWT' } : {},
    claims: {
      jti: 'the-jti',
      nonce: has('the nonce is stale') ? 'stale' : services.nonces.current(NOW),
      ...(has('the proof is for another method') && { htm: 'POST' }),
      ...(has('the proof is for another token') && { ath: 'other' }),
    },
  })
  if (has('the proof was used before')) {
    const used = { keyThumbprint: thumbprintOf(key), key: key.publicKey, jti: 'the-jti' }
    const proofUsed = { ...used, iat: NOW, nonce: undefined, acceptableUntil: NOW + 60 }
    services.replay.useOnce(replayKey(proofUsed), NOW + 60, NOW)
  }
  const other = { ...CERTIFICATE, thumbprint: OTHER_THUMBPRINT }
  const rawFields = ['Authorization', `DPoP ${token}`, 'DPoP', proof]
  if (has('credentials come twice')) rawFields.push('Authorization', `DPoP ${token}`)
  if (has('the proof comes twice')) rawFields.push('DPoP', proof)
  return createRequest({
    rawFields,
    connection: {
      ...CONNECTION,
      protocol: has('the connection is too weak') ? 'TLSv1.2' : 'TLSv1.3',
      certificate: has('the certificate is not that of the token') ? other : CERTIFICATE,
    },
  })
}

const names = FAULTS.map(([name]) => name)

describe('CHECKS', () => {
  test('every check has a name of its own and asks one question', () => {
    expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length)
    for (const { question } of CHECKS) expect(question).toMatch(/^[A-Z][^?]*\?$/)
  })

  test('a request without a fault passes, and what was established is there', () => {
    const route = createRoute()
    const request = requestWith(route, [])
    expect(authorize(route.checks, request)).toBeUndefined()
    expect(request).toMatchObject({ scheme: 'DPoP', issuer: as.issuer, hasToken: true })
  })

  test.each(FAULTS.map((fault, index) => [...fault, index] as const))(
    'of all faults from here on, the highest is answered: %s [SU-2, RT-11]',
    (_title, error, reason, index) => {
      const route = createRoute()
      const request = requestWith(route, names.slice(index))
      expect(authorize(route.checks, request)).toMatchObject({ error, reason })
    },
  )

  test.each(FAULTS)('each fault is one by itself: %s', (name, error, reason) => {
    const route = createRoute()
    expect(authorize(route.checks, requestWith(route, [name]))).toMatchObject({ error, reason })
  })

  test.each(FAULTS.slice(0, -1))(
    'RFC 9449 §11.1: who is refused uses up nothing: %s [D23, HOLE-7, HOLE-8]',
    (name) => {
      const route = createRoute()
      expect(authorize(route.checks, requestWith(route, [name]))).toBeDefined()
      expect(authorize(route.checks, requestWith(route, []))).toBeUndefined()
    },
  )

  test('RFC 9449 §11.1: the same request a second time is refused [D12, HOLE-7]', () => {
    const route = createRoute()
    const request = requestWith(route, [])
    expect(authorize(route.checks, request)).toBeUndefined()
    const again = createRequest({ rawFields: request.rawFields, connection: request.connection })
    expect(authorize(route.checks, again)).toMatchObject({ reason: 'dpop_replayed' })
  })
})
