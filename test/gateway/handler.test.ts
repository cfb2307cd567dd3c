import { createHash } from 'node:crypto'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { beforeEach, describe, expect, test } from 'vitest'
import type { PublicUrl, RouteConfig } from '../../src/config/configuration.ts'
import type { Exchange } from '../../src/gateway/exchange.ts'
import { Gateway } from '../../src/gateway/handler.ts'
import { Route } from '../../src/gateway/route.ts'
import { Router } from '../../src/gateway/router.ts'
import { Tunnels } from '../../src/gateway/tunnel.ts'
import type { Upstream } from '../../src/gateway/upstream.ts'
import { CONNECTION, createServices, signProof } from '../support/checked-request.ts'
import { createKeyPair, type KeyPair } from '../support/compact-signing.ts'
import { FORWARD } from '../support/exchange.ts'
import { createIssuer, NOW } from '../support/issuer.ts'

const HOST = 'api.bank.example'
const URLS: PublicUrl[] = [
  { prefix: `https://${HOST}/one`, host: HOST, port: 443 },
  { prefix: `https://${HOST}:8443/two`, host: HOST, port: 8443 },
]

const as = createIssuer('as')
const holder: KeyPair = createKeyPair('ES256')
let isBusy: boolean
let isFull: boolean
let gateway: Gateway
let dispatched: string[]
let accounted: Exchange[]
let bugs: unknown[]

beforeEach(() => {
  isBusy = false
  isFull = false
  dispatched = []
  accounted = []
  bugs = []
  const upstream: Upstream = {
    id: 'bank',
    basePath: '',
    wholeTimeout: undefined,
    isBusy: () => isBusy,
    dispatch: ({ method, path }) => void dispatched.push(`${method} ${path}`),
  }
  const limits = {
    headerBytes: 16_384,
    headerLines: 100,
    target: 8192,
    token: 8192,
    connections: 10,
    connectionsPerAddress: 10,
    handshake: 1,
    headers: 1,
    request: 1,
    idle: 1,
    keepAlive: 1,
    requestsPerConnection: 1,
  }
  const config: RouteConfig = {
    id: 'accounts',
    position: { file: 'gateway.yaml', line: 1, column: 1, length: 1 },
    hosts: undefined,
    paths: ['/accounts'],
    methods: ['GET'],
    isPublic: false,
    websocket: false,
    issuers: ['as'],
    policies: {
      transport: { min_version: '1.2', cipher_suites: [CONNECTION.cipherSuite] },
      sender_constraint: { required: true, methods: ['dpop'] },
      dpop_proof: { algorithms: ['ES256'] },
      access_token: { algorithms: ['ES256'], clock_skew: 10, type_required: true },
      dpop_freshness: { nonce: 'off', proof_max_age: 60, future_skew: 10 },
      authorization: { scopes: ['accounts'], user_required: false },
    },
    settings: [],
    upstream: 'bank',
    forward: FORWARD,
    maxBody: 1024,
    cors: undefined,
    realm: HOST,
  }
  const route = new Route(config, {
    upstream,
    issuers: [as.issuer],
    services: createServices(),
    maxToken: limits.token,
    certificatesAsked: false,
    ownedFields: [],
  })
  gateway = new Gateway(
    { router: new Router([route]), limits, hsts: new Map(), metadata: undefined },
    {
      now: () => NOW,
      clock: () => 0,
      pseudonym: 'fapi-gateway-0',
      tunnels: new Tunnels(),
      isFull: () => isFull,
      account: (exchange) => void accounted.push(exchange),
      bug: (error) => void bugs.push(error),
    },
  )
})

/** Serves a request; `forwarded`, or what is answered. */
function serve(rawHeaders: readonly string[], publicUrls = URLS) {
  const incoming = new IncomingMessage(new Socket())
  incoming.method = 'GET'
  incoming.url = '/accounts'
  incoming.httpVersion = '1.1'
  incoming.rawHeaders = [...rawHeaders]
  incoming.headers = { host: rawHeaders[rawHeaders.indexOf('Host') + 1] ?? '' }
  incoming.complete = true
  const response = new ServerResponse(incoming)
  const said: { status: number; fields: readonly string[] } = { status: 0, fields: [] }
  const writeHead = response.writeHead.bind(response)
  response.writeHead = (status: number, fields: never) => {
    Object.assign(said, { status, fields })
    return writeHead(status, fields)
  }
  const before = dispatched.length
  gateway.serve(incoming, incoming, response, CONNECTION, publicUrls, false)
  expect(bugs).toEqual([])
  if (dispatched.length > before) return { outcome: 'forwarded', ...said }
  response.emit('close')
  return { outcome: accounted.at(-1)?.failure?.reason, ...said }
}

/** The fields of a request to a host, with a proof for this URL. */
function fields(host: string, htu: string): string[] {
  const jwk = holder.publicKey.export({ format: 'jwk' })
  const { crv, kty, x, y } = jwk
  const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  const token = as.sign({ cnf: { jkt } })
  const proof = signProof('ES256', holder, token, { claims: { htu } })
  return ['Host', host, 'Authorization', `DPoP ${token}`, 'DPoP', proof]
}

describe('RFC 9449 §4.3 (9): of several public URLs on one host [HTTP-19]', () => {
  const [one, two] = [`https://${HOST}/one/accounts`, `https://${HOST}:8443/two/accounts`]

  test.each([
    [HOST, one, 'forwarded'],
    [`${HOST}:443`, one, 'forwarded'],
    [`${HOST}:8443`, two, 'forwarded'],
    [HOST, two, 'dpop_htu_mismatch'],
    [`${HOST}:443`, two, 'dpop_htu_mismatch'],
    [`${HOST}:8443`, one, 'dpop_htu_mismatch'],
  ])('Host: %s and a proof for %s: %s [DPOP-4.3-9, D09]', (host, htu, outcome) => {
    // In whatever order they stand in the configuration.
    expect(serve(fields(host, htu), URLS).outcome).toBe(outcome)
    if (host !== HOST) {
      expect(serve(fields(host, htu), URLS.toReversed()).outcome).toBe(outcome)
    }
  })

  test('where there is one, the port does not matter: a balancer may listen on another', () => {
    expect(serve(fields(`${HOST}:9443`, one), URLS.slice(0, 1)).outcome).toBe('forwarded')
    expect(serve(fields(HOST, two), URLS.slice(1)).outcome).toBe('forwarded')
  })
})

describe('RFC 9449 §11.1: a proof that could not be used is not used up', () => {
  const htu = `https://${HOST}/one/accounts`

  test.each([
    ['the upstream is busy', () => (isBusy = true), 'upstream_busy'],
    ['the memory is exhausted', () => (isFull = true), 'memory_exhausted'],
  ])('where %s: who comes again comes with the same proof', (_title, burden, reason) => {
    burden()
    const same = fields(HOST, htu)
    const { outcome, status, fields: answered } = serve(same)
    expect([outcome, status]).toEqual([reason, 503])
    expect(answered[answered.indexOf('Retry-After') + 1]).toBe('1')
    expect(dispatched).toEqual([])

    isBusy = false
    isFull = false
    expect(serve(same).outcome).toBe('forwarded')
    expect(serve(same).outcome).toBe('dpop_replayed')
    expect(dispatched).toEqual(['GET /accounts'])
  })

  test('where memory is exhausted, nothing of the request is read [O09]', () => {
    isFull = true
    expect(serve(['Host', 'not ours']).outcome).toBe('memory_exhausted')
    isFull = false
    expect(serve(['Host', 'not.ours']).outcome).toBe('host_not_served')
  })
})
