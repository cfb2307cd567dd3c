/**
 * The log line and the metrics of a request, once, when its response has ended.
 *
 * @module
 */

import { ERRORS } from '../failure/errors.ts'
import type { Failure } from '../failure/failure.ts'
import { looksLikeJwt } from '../jose/compact.ts'
import type { AccessRecord, Logger } from '../telemetry/log.ts'
import type { Metrics, RequestOutcome } from '../telemetry/metrics.ts'
import type { Exchange } from './exchange.ts'
import { bindingOf } from './identity.ts'
import type { Route } from './route.ts'

/** Methods that may be a label; a client can make up any other. */
export const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
])

/** Label of requests that no route was found for. */
export const UNMATCHED = '_unmatched'

/** Makes every series of a route that can be foreseen, so that rates begin at zero. */
export function initialiseRoute(metrics: Metrics, route: Route): void {
  const { id } = route
  for (const method of route.methods ?? KNOWN_METHODS) {
    metrics.requests.inc({ route: id, method, code: '200', outcome: 'ok' }, 0)
    if (!route.isPublic) {
      metrics.requests.inc({ route: id, method, code: '401', outcome: 'denied' }, 0)
      metrics.requests.inc({ route: id, method, code: '403', outcome: 'denied' }, 0)
    }
    metrics.requests.inc({ route: id, method, code: '502', outcome: 'upstream_error' }, 0)
    metrics.requests.inc({ route: id, method, code: '503', outcome: 'gateway_error' }, 0)
  }
  if (route.websocket) metrics.websocketTunnels.inc({ route: id }, 0)
  metrics.requestBytes.inc({ route: id }, 0)
  metrics.responseBytes.inc({ route: id }, 0)
  metrics.requestSeconds.zero({ route: id })
  metrics.overheadSeconds.zero({ route: id })
  if (route.isPublic) return
  metrics.nonceChallenges.inc({ route: id }, 0)
  for (const method of ['mtls', 'dpop', 'mtls+dpop', 'none']) {
    for (const result of ['ok', 'refused']) {
      metrics.senderConstraint.inc({ route: id, method, result }, 0)
    }
  }
}

/** What came of an exchange, for whoever watches rates. */
export function outcomeOf(exchange: Exchange): RequestOutcome {
  const { failure, response, truncated, tunnelEnd } = exchange
  if (truncated) return 'upstream_error'
  if (failure !== undefined) {
    const { status, challenge } = ERRORS[failure.error]
    if (challenge !== 'none') return 'denied'
    if (status < 500) return 'client_error'
    return isOurs(failure.error) ? 'gateway_error' : 'upstream_error'
  }
  if (tunnelEnd !== undefined) return 'ok'
  if (!response.writableFinished) return 'client_closed'
  if (response.statusCode >= 500) return 'upstream_error'
  return response.statusCode >= 400 ? 'client_error' : 'ok'
}

function isOurs(error: string): boolean {
  return error === 'server_error' || error === 'temporarily_unavailable'
}

/** Writes the access log and counts. Knows nothing that an {@link Exchange} does not say. */
export class Accountant {
  readonly #metrics: Metrics
  readonly #logger: Logger
  readonly #clock: () => number
  readonly #writesAccess: boolean
  /** Names the configuration in force. */
  config: string
  /** Where used proofs are remembered. */
  replayStore: 'memory' | 'redis' = 'memory'

  constructor(
    metrics: Metrics,
    logger: Logger,
    clock: () => number,
    writesAccess: boolean,
    config: string,
  ) {
    this.#metrics = metrics
    this.#logger = logger
    this.#clock = clock
    this.#writesAccess = writesAccess
    this.config = config
  }

  account(exchange: Exchange): void {
    const outcome = outcomeOf(exchange)
    const total = this.#clock() - exchange.startedAt
    this.#count(exchange, outcome, exchange.tunnelEnd === undefined ? total : untilOpen(exchange))
    if (this.#writesAccess) this.#logger.info(this.#record(exchange, outcome, total), 'access')
  }

  /** Counts what was refused before it was a request. */
  refused(listener: string, { reason, error }: Failure, interactionId: string): void {
    const labels = { route: UNMATCHED, method: 'other', outcome: 'client_error' }
    const { status } = ERRORS[error]
    this.#metrics.requests.inc({ ...labels, code: String(status) })
    this.#metrics.denials.inc({ route: UNMATCHED, reason, mode: 'enforce' })
    if (!this.#writesAccess) return
    const { config } = this
    const who = { interaction_id: interactionId, listener }
    this.#logger.info({ ...who, ...labels, status, reason, mode: 'enforce', config }, 'access')
  }

  #count(exchange: Exchange, outcome: RequestOutcome, total: number): void {
    const { failure, connection, incoming, response } = exchange
    const metrics = this.#metrics
    const route = exchange.route?.id ?? UNMATCHED
    const method = methodLabel(incoming.method)
    const code = response.headersSent ? String(response.statusCode) : 'none'

    metrics.inFlight.dec({ listener: connection.listener })
    metrics.requests.inc({ route, method, code, outcome })
    metrics.requestSeconds.observe({ route }, total / 1000)
    metrics.overheadSeconds.observe({ route }, Math.max(0, total - waits(exchange)) / 1000)
    metrics.requestBytes.inc({ route }, exchange.bytesIn)
    metrics.responseBytes.inc({ route }, exchange.bytesOut)

    if (failure !== undefined) {
      metrics.denials.inc({ route, reason: failure.reason, mode: 'enforce' })
      if (failure.reason === 'dpop_replayed') metrics.replayDetected.inc({ kind: 'dpop_jti' })
      if (failure.reason === 'replay_store_full') {
        metrics.replayFull.inc({ store: this.replayStore })
      }
      if (failure.error === 'use_dpop_nonce') metrics.nonceChallenges.inc({ route })
    }
    this.#countToken(exchange, route)
    this.#countUpstream(exchange)
  }

  #countToken({ request, failure }: Exchange, route: string): void {
    const issuer = request?.issuer
    if (request === undefined || issuer === undefined) return
    // Where the issuer could not be asked, or the client did not wait for it, nothing was judged.
    if (!request.hasToken && failure?.error !== 'invalid_token') return
    const isJwt = request.hasToken
      ? request.token.algorithm !== undefined
      : issuer.tokens === 'jwt' && looksLikeJwt(request.credentials ?? '')
    const kind = isJwt ? 'jwt' : 'introspection'
    const result = request.hasToken ? 'ok' : 'refused'
    this.#metrics.tokensVerified.inc({ issuer: issuer.id, kind, result })
    if (!request.hasToken) return

    const method = bindingOf(request.token)
    const refused = failure !== undefined && BINDING_REASONS.test(failure.reason)
    this.#metrics.senderConstraint.inc({ route, method, result: refused ? 'refused' : 'ok' })
    const { proof, receivedAt } = request
    if (proof !== undefined) {
      this.#metrics.clockSkew.observe({ source: 'dpop_iat' }, proof.iat - receivedAt)
    }
  }

  #countUpstream(exchange: Exchange): void {
    const { route, failure, response, dispatchedAt, upstreamEndedAt, truncated } = exchange
    if (route === undefined || dispatchedAt === undefined) return
    const answered = exchange.upstreamAnsweredAt !== undefined
    this.#metrics.upstreamRequests.inc({
      upstream: route.upstream.id,
      code_class:
        answered && failure === undefined ? `${Math.floor(response.statusCode / 100)}xx` : 'none',
      reason: truncated ? 'reset' : upstreamReason(failure?.reason),
    })
    if (upstreamEndedAt !== undefined) {
      const seconds = (upstreamEndedAt - dispatchedAt) / 1000
      this.#metrics.upstreamSeconds.observe({ upstream: route.upstream.id }, seconds)
    }
  }

  #record(exchange: Exchange, outcome: RequestOutcome, total: number): AccessRecord {
    const { request, route, connection, failure, incoming, response } = exchange
    const { startedAt, decidedAt, dispatchedAt, upstreamAnsweredAt } = exchange
    const token = request?.hasToken ? request.token : undefined
    return {
      interaction_id: exchange.interactionId,
      listener: connection.listener,
      route: route?.id ?? UNMATCHED,
      method: methodLabel(incoming.method),
      status: response.headersSent ? response.statusCode : 0,
      outcome,
      reason: failure?.reason,
      detail: failure?.detail,
      mode: 'enforce',
      issuer: request?.issuer?.id,
      client_id: token?.clientId,
      jti_sha256_8: token?.jtiDigest,
      sender: token === undefined ? undefined : bindingOf(token),
      jkt_8: token?.confirmation?.keyThumbprint?.slice(0, 8),
      cert_sha256_8: (request ?? connection).certificate?.thumbprint.slice(0, 8),
      tls: connection.protocol,
      http: incoming.httpVersion,
      upstream: dispatchedAt === undefined ? undefined : route?.upstream.id,
      tunnel_end: exchange.tunnelEnd,
      bytes_in: exchange.bytesIn,
      bytes_out: exchange.bytesOut,
      t_total_ms: round(total),
      t_auth_ms: decidedAt === undefined ? undefined : round(decidedAt - startedAt),
      t_upstream_ms:
        dispatchedAt === undefined || upstreamAnsweredAt === undefined
          ? undefined
          : round(upstreamAnsweredAt - dispatchedAt),
      remote: exchange.clientAddress,
      proxy: connection.front === undefined ? undefined : connection.remoteAddress,
      config: this.config,
    }
  }
}

/** A request for a tunnel is answered when that opens; how long it stays open is no latency. */
function untilOpen({ startedAt, upstreamEndedAt }: Exchange): number {
  return (upstreamEndedAt ?? startedAt) - startedAt
}

function methodLabel(method = ''): string {
  return KNOWN_METHODS.has(method) ? method : 'other'
}

/** Reasons that speak of the binding, by the beginning of their names. */
const BINDING_REASONS = /^(cnf_|tls_client_cert_|token_not_dpop_bound|dpop_token_as_bearer)/

function upstreamReason(reason: string | undefined): string {
  switch (reason) {
    case undefined:
      return 'ok'
    case 'upstream_unreachable':
    case 'upstream_connect_timeout':
      return 'connect'
    case 'upstream_timeout':
      return 'timeout'
    case 'upstream_tls':
      return 'tls'
    default:
      return 'reset'
  }
}

function waits({ issuerWait, dispatchedAt, upstreamEndedAt }: Exchange): number {
  if (dispatchedAt === undefined || upstreamEndedAt === undefined) return issuerWait
  return issuerWait + upstreamEndedAt - dispatchedAt
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}
