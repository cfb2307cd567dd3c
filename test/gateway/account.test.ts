import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/failure/errors.ts'
import { ERRORS } from '../../src/failure/errors.ts'
import { Failure, fail } from '../../src/failure/failure.ts'
import { Accountant, initialiseRoute, outcomeOf } from '../../src/gateway/account.ts'
import type { Exchange } from '../../src/gateway/exchange.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { type Confirmation, digestOf } from '../../src/token/access-token.ts'
import { CERTIFICATE, CONNECTION, createTokenRequest, sha256 } from '../support/checked-request.ts'
import { createExchange, createRoute, INTERACTION } from '../support/exchange.ts'
import { sumOf } from '../support/exposition.ts'
import { createIssuer, NOW, OTHER_THUMBPRINT, THUMBPRINT } from '../support/issuer.ts'

const as = createIssuer('as')

/** Lines and metrics of one exchange that has ended. */
async function account(exchange: Exchange, writesAccess = true) {
  const lines: string[] = []
  const metrics = createMetrics()
  const logger = createLogger('info', { write: (line) => void lines.push(line) })
  const accountant = new Accountant(metrics, logger, () => 250, writesAccess, 'abcd1234')
  accountant.account(exchange)
  return { lines, text: await metrics.expose(), accountant }
}

function established(
  token: string,
  confirmation: Confirmation | undefined,
  connection = CONNECTION,
) {
  const request = createTokenRequest(token, { connection })
  request.issuer = as.issuer
  request.token = {
    expiresAt: NOW + 300,
    subject: 'canary-subject',
    clientId: 'app',
    audiences: [],
    scopes: ['canary-scope'],
    confirmation,
    claims: { secret: 'canary-claim', jti: 'token-1' },
    jtiDigest: digestOf('token-1'),
    algorithm: 'ES256',
  }
  return request
}

describe('outcomeOf', () => {
  const denied: ErrorCode[] = [
    ...(['missing_token', 'invalid_request', 'invalid_token', 'insufficient_scope'] as const),
    ...(['invalid_dpop_proof', 'use_dpop_nonce'] as const),
    'insufficient_user_authentication',
  ]
  const expected = (error: ErrorCode) => {
    if (denied.includes(error)) return 'denied'
    if (error === 'server_error' || error === 'temporarily_unavailable') return 'gateway_error'
    return ERRORS[error].status >= 500 ? 'upstream_error' : 'client_error'
  }

  test.each(Object.keys(ERRORS) as ErrorCode[])('of a refusal for %s', (error) => {
    const exchange = createExchange()
    exchange.failure = new Failure(error, 'reason', undefined, 'reason')
    expect(outcomeOf(exchange)).toBe(expected(error))
  })

  test.each([
    [200, 'ok'],
    [304, 'ok'],
    [404, 'client_error'],
    [500, 'upstream_error'],
    [503, 'upstream_error'],
  ])('of an answer of %i that was sent whole: %s', (status, outcome) => {
    const exchange = createExchange()
    Object.defineProperty(exchange.response, 'writableFinished', { value: true })
    exchange.response.statusCode = status
    expect(outcomeOf(exchange)).toBe(outcome)
  })

  test('of an answer whose client left before its end', () => {
    expect(outcomeOf(createExchange())).toBe('client_closed')
  })

  test('of an answer that the upstream broke off', () => {
    const exchange = createExchange()
    exchange.truncated = true
    expect(outcomeOf(exchange)).toBe('upstream_error')
  })
})

describe('Accountant', () => {
  test('FAPI 1.0 Baseline §6.2.1-12: a line says who, what and why [OPS-10, F1B-RS-12]', async () => {
    const connection = { ...CONNECTION, certificate: CERTIFICATE }
    const exchange = createExchange({ connection, rawFields: ['Host', 'api.bank.example'] })
    exchange.route = createRoute()
    const bound = { certificateThumbprint: THUMBPRINT, keyThumbprint: OTHER_THUMBPRINT }
    exchange.request = established('canary-token', bound, connection)
    exchange.decidedAt = 1.04
    exchange.failure = fail('insufficient_scope', 'scope_insufficient', { claim: 'acr' })
    const { lines } = await account(exchange)
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0]!)).toMatchObject({
      msg: 'access',
      interaction_id: INTERACTION,
      listener: 'main',
      route: 'accounts',
      method: 'GET',
      status: 0,
      outcome: 'denied',
      reason: 'scope_insufficient',
      detail: { claim: 'acr' },
      issuer: 'as',
      client_id: 'app',
      jti_sha256_8: sha256('token-1').slice(0, 8),
      sender: 'mtls+dpop',
      jkt_8: OTHER_THUMBPRINT.slice(0, 8),
      cert_sha256_8: THUMBPRINT.slice(0, 8),
      t_total_ms: 250,
      t_auth_ms: 1,
      remote: '127.0.0.1',
      config: 'abcd1234',
    })
  })

  test('FAPI 1.0 Baseline §7.4: no line and no metric has a token, subject, scope, claim or identifier of a token [OPS-1, F1B-SEC-3]', async () => {
    const exchange = createExchange({
      url: '/accounts/canary?access_token=canary',
      rawFields: [
        'Authorization',
        'Bearer canary-token',
        'DPoP',
        'canary-proof',
        'Cookie',
        'canary',
      ],
    })
    exchange.route = createRoute()
    exchange.request = established('canary-token', undefined)
    const { lines, text } = await account(exchange)
    expect(lines.join('')).not.toContain('canary')
    expect(lines.join('')).not.toContain('token-1')
    expect(text).not.toContain('canary')
  })

  test('where access lines are off, it is counted all the same', async () => {
    const { lines, text } = await account(createExchange(), false)
    expect(lines).toEqual([])
    expect(sumOf(text, 'fapigw_http_requests_total')).toBe(1)
  })

  test('a method that nobody knows is no label [OPS-3]', async () => {
    const { lines, text } = await account(createExchange({ method: 'CANARY' }))
    expect(sumOf(text, 'fapigw_http_requests_total', { method: 'other' })).toBe(1)
    expect(lines.join('') + text).not.toContain('CANARY')
  })

  test('a refusal is counted under its reason [OPS-2]', async () => {
    const exchange = createExchange()
    exchange.route = createRoute()
    exchange.failure = fail('invalid_dpop_proof', 'dpop_replayed')
    const { text } = await account(exchange)
    const labels = { route: 'accounts', reason: 'dpop_replayed', mode: 'enforce' }
    expect(sumOf(text, 'fapigw_denials_total', labels)).toBe(1)
    expect(sumOf(text, 'fapigw_replay_detected_total', { kind: 'dpop_jti' })).toBe(1)
  })

  test.each([
    ['cnf_jkt_mismatch', 'refused'],
    ['tls_client_cert_missing', 'refused'],
    ['dpop_token_as_bearer', 'refused'],
    ['token_not_dpop_bound', 'refused'],
    ['scope_insufficient', 'ok'],
    [undefined, 'ok'],
  ])('the binding of a token that was refused for %s: %s', async (reason, result) => {
    const exchange = createExchange()
    exchange.route = createRoute()
    exchange.request = established('a', {
      certificateThumbprint: undefined,
      keyThumbprint: THUMBPRINT,
    })
    if (reason !== undefined) {
      exchange.failure = new Failure('invalid_token', reason, undefined, reason)
    }
    const { text } = await account(exchange)
    const labels = { route: 'accounts', method: 'dpop', result }
    expect(sumOf(text, 'fapigw_sender_constraint_total', labels)).toBe(1)
  })

  test.each([
    ['a JWT that was verified', 'jwt', 'ES256', as.sign(), 'jwt', 'ok'],
    [
      'an opaque token of an issuer that signs too',
      'jwt',
      undefined,
      'opaque',
      'introspection',
      'ok',
    ],
    ['a JWT that was introspected', 'introspection', undefined, as.sign(), 'introspection', 'ok'],
    ['a JWT that was refused', 'jwt', 'refused', as.sign(), 'jwt', 'refused'],
    ['an opaque token that was refused', 'jwt', 'refused', 'opaque', 'introspection', 'refused'],
  ] as const)(
    'how a token was judged: %s',
    async (_title, tokens, algorithm, text, kind, result) => {
      const exchange = createExchange()
      exchange.request = createTokenRequest(text)
      exchange.request.issuer = { ...as.issuer, tokens }
      if (algorithm === 'refused') exchange.failure = fail('invalid_token', 'token_expired')
      else {
        exchange.request.token = { ...established(text, undefined).token, algorithm }
      }
      const exposed = (await account(exchange)).text
      expect(sumOf(exposed, 'fapigw_tokens_verified_total', { issuer: 'as', kind, result })).toBe(1)
    },
  )

  test('a token that nobody could judge is neither', async () => {
    const exchange = createExchange()
    exchange.request = createTokenRequest(as.sign())
    exchange.request.issuer = as.issuer
    exchange.failure = fail('temporarily_unavailable', 'jwks_unavailable')
    expect(sumOf((await account(exchange)).text, 'fapigw_tokens_verified_total')).toBeUndefined()
  })

  test('what was refused before it was a request is counted and written down [OPS-2, OPS-10]', async () => {
    const lines: string[] = []
    const metrics = createMetrics()
    const logger = createLogger('info', { write: (line) => void lines.push(line) })
    const accountant = new Accountant(metrics, logger, () => 0, true, 'abcd1234')
    accountant.refused('main', fail('bad_request', 'host_missing'), INTERACTION)
    const text = await metrics.expose()
    expect(sumOf(text, 'fapigw_denials_total', { reason: 'host_missing' })).toBe(1)
    expect(sumOf(text, 'fapigw_http_requests_total', { code: '400', route: '_unmatched' })).toBe(1)
    expect(JSON.parse(lines[0]!)).toMatchObject({
      interaction_id: INTERACTION,
      listener: 'main',
      route: '_unmatched',
      outcome: 'client_error',
      reason: 'host_missing',
      status: 400,
      mode: 'enforce',
      config: 'abcd1234',
    })
  })
})

describe('initialiseRoute', () => {
  test('every series that can be foreseen is there, at nought', async () => {
    const metrics = createMetrics()
    initialiseRoute(metrics, createRoute())
    const text = await metrics.expose()
    const requests = { route: 'accounts', method: 'POST', code: '401', outcome: 'denied' }
    expect(sumOf(text, 'fapigw_http_requests_total', requests)).toBe(0)
    const binding = { route: 'accounts', method: 'mtls+dpop', result: 'refused' }
    expect(sumOf(text, 'fapigw_sender_constraint_total', binding)).toBe(0)
    expect(sumOf(text, 'fapigw_dpop_nonce_challenges_total', { route: 'accounts' })).toBe(0)
  })

  test('a public route has none of credentials', async () => {
    const metrics = createMetrics()
    initialiseRoute(metrics, createRoute({ isPublic: true }))
    const text = await metrics.expose()
    expect(sumOf(text, 'fapigw_http_requests_total', { code: '401' })).toBeUndefined()
    expect(sumOf(text, 'fapigw_sender_constraint_total')).toBeUndefined()
  })
})
