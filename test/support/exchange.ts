/**
 * An exchange of real messages that no socket carries, on a route that is compiled as any other.
 *
 * @module
 */

import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Connection } from '../../src/check/request.ts'
import type { ForwardConfig, RouteConfig } from '../../src/config/configuration.ts'
import { Exchange } from '../../src/gateway/exchange.ts'
import { Route } from '../../src/gateway/route.ts'
import type { Upstream } from '../../src/gateway/upstream.ts'
import { CONNECTION, createServices } from './checked-request.ts'

export const INTERACTION = 'c770aef3-6784-41f7-8e0e-ff5f97bddb3a'

const UPSTREAM: Upstream = {
  id: 'bank',
  basePath: '',
  wholeTimeout: undefined,
  isBusy: () => false,
  dispatch: () => {
    throw new Error('nothing is forwarded here')
  },
}

export const FORWARD: ForwardConfig = {
  clientId: 'X-Client-Id',
  subject: 'X-Subject',
  scope: 'X-Scope',
  issuer: 'X-Issuer',
  binding: 'X-Binding',
  thumbprint: 'X-Thumbprint',
  clientCert: undefined,
  clientCertChain: undefined,
  removed: [],
  authorization: 'strip',
}

export function createRoute(changed: Partial<RouteConfig> = {}): Route {
  const config: RouteConfig = {
    id: 'accounts',
    position: { file: 'gateway.yaml', line: 1, column: 1, length: 1 },
    hosts: undefined,
    paths: ['/accounts'],
    methods: ['GET', 'POST'],
    isPublic: false,
    websocket: false,
    issuers: [],
    policies: {
      transport: { min_version: '1.2', cipher_suites: ['TLS_AES_256_GCM_SHA384'] },
      sender_constraint: { required: true, methods: ['mtls', 'dpop'] },
      dpop_proof: { algorithms: ['ES256', 'PS256'] },
      access_token: { algorithms: ['ES256'], clock_skew: 10, type_required: true },
      dpop_freshness: { nonce: 'off', proof_max_age: 60, future_skew: 10 },
      authorization: { scopes: ['accounts'], any_scope: ['read', 'write'] },
    },
    settings: [],
    upstream: 'bank',
    forward: FORWARD,
    maxBody: 1024,
    cors: undefined,
    realm: 'api.bank.example',
    ...changed,
  }
  return new Route(config, {
    upstream: UPSTREAM,
    issuers: [],
    services: createServices(),
    maxToken: 8192,
    certificatesAsked: true,
    ownedFields: ['x-proxy-cert'],
  })
}

export interface ExchangeParts {
  readonly method?: string
  readonly url?: string
  readonly rawFields?: readonly string[]
  readonly connection?: Connection
  /** Whether content is still to come. */
  readonly isReceiving?: boolean
}

export function createExchange(parts: ExchangeParts = {}): Exchange {
  const incoming = new IncomingMessage(new Socket())
  incoming.method = parts.method ?? 'GET'
  incoming.url = parts.url ?? '/accounts'
  incoming.rawHeaders = [...(parts.rawFields ?? [])]
  incoming.complete = parts.isReceiving !== true
  const response = new ServerResponse(incoming)
  const connection = parts.connection ?? CONNECTION
  const exchange = new Exchange(incoming, incoming, response, connection, INTERACTION, false, 0)
  exchange.content = { length: undefined, present: parts.isReceiving === true }
  return exchange
}
