/**
 * The head of a request: its target, its route, what the upstream is sent, what is written down.
 *
 * @module
 */

import { Accountant } from '../../../src/gateway/account.ts'
import { requestFields } from '../../../src/gateway/request-fields.ts'
import { Router } from '../../../src/gateway/router.ts'
import { parseRequestTarget } from '../../../src/http/path.ts'
import { createLogger } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { createTokenRequest } from '../../support/checked-request.ts'
import { createExchange, createRoute } from '../../support/exchange.ts'
import { createIssuer, NOW, THUMBPRINT } from '../../support/issuer.ts'
import type { Work } from './work.ts'

const FIELDS = [
  ...['Host', 'api.bank.example'],
  ...['Accept', 'application/json'],
  ...['User-Agent', 'bench/1'],
  ...['X-Fapi-Interaction-Id', '93bac548-d2de-4546-b106-880a5018460d'],
  ...['Authorization', `Bearer ${'a'.repeat(600)}`],
]

const ROUTES = 1000

export function messageWork(): Work[] {
  const route = createRoute()
  const request = createTokenRequest('token', { rawFields: FIELDS })
  request.issuer = createIssuer('as').issuer
  request.token = {
    expiresAt: NOW + 300,
    subject: 'b3f5a0d2-5c8f-4a0e-9d53-0d7a3c8c9a11',
    clientId: 'tpp-4711',
    audiences: [],
    scopes: ['accounts', 'payments'],
    confirmation: { certificateThumbprint: THUMBPRINT, keyThumbprint: undefined },
    claims: { jti: 'token-1' },
    algorithm: 'ES256',
  }
  const exchange = createExchange({ rawFields: FIELDS })
  exchange.authority = 'api.bank.example'
  exchange.route = route
  exchange.request = request

  const services = Array.from({ length: ROUTES }, (_, i) => ({
    hosts: undefined,
    paths: [`/service-${i}/accounts/*`],
    methods: ['GET'],
  }))
  const [few, many] = [new Router(services.slice(0, 10)), new Router(services)]
  const metrics = createMetrics()
  const accountantWith = (writesAccess: boolean) => {
    const logger = createLogger('info', { write: () => {} })
    return new Accountant(metrics, logger, () => 250, writesAccess, 'abcd1234')
  }
  const [silent, writing] = [accountantWith(false), accountantWith(true)]
  const labels = { route: 'accounts', method: 'GET', code: '200', outcome: 'ok' }
  return [
    {
      name: 'target: an ordinary path',
      run: () => parseRequestTarget('/accounts/22289/balances?from=2026-01-01'),
    },
    {
      name: 'target: percent-encoded',
      run: () => parseRequestTarget('/accounts/urn%3Abank%3a22289/b%C3%A9n'),
    },
    {
      name: 'router: 10 routes',
      run: (turn) => few.find('api.bank.example', 'GET', `/service-${turn % 10}/accounts/1`),
    },
    {
      name: 'router: 1,000 routes',
      run: (turn) => many.find('api.bank.example', 'GET', `/service-${turn % ROUTES}/accounts/1`),
    },
    { name: 'fields to the upstream', run: () => requestFields(exchange, route) },
    { name: 'metrics: one counter', run: () => metrics.requests.inc(labels) },
    { name: 'metrics: one histogram', run: () => metrics.requestSeconds.observe(HISTOGRAM, 0.01) },
    { name: 'metrics of a request', run: () => silent.account(exchange) },
    { name: 'metrics and access line of a request', run: () => writing.account(exchange) },
  ]
}

const HISTOGRAM = { route: 'accounts' }
