/**
 * Every metric this gateway exports, and nothing else. Names follow the Prometheus conventions: base
 * units, and `_total` on counters. A label takes its values from configuration or from the source, never
 * from a request: that is what bounds the number of series.
 *
 * @module
 */

import { type Aggregator, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'
import { SECONDS } from './buckets.ts'
import { collectProcessMetrics } from './process-metrics.ts'

export const OUTCOMES = [
  'ok',
  'denied',
  'client_error',
  'upstream_error',
  'gateway_error',
  'client_closed',
] as const

/** How a request ended. */
export type RequestOutcome = (typeof OUTCOMES)[number]

/** Makes all metrics, in a registry of their own, with those of the process. One set a process. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectProcessMetrics(registry)

  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name: `fapigw_${name}`, help, labelNames, registers })
  /** @param aggregator What is told of several workers; `first`: what the primary says. */
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    aggregator: Aggregator = 'sum',
  ) => new Gauge({ name: `fapigw_${name}`, help, labelNames, registers, aggregator })
  const histogram = <L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    buckets: number[],
  ) => new Histogram({ name: `fapigw_${name}`, help, labelNames, buckets, registers })

  /** Runs before a scrape, for what is cheaper to read than to keep count of. */
  const watchers: (() => void)[] = []

  return {
    registry,

    watch(read: () => void): void {
      watchers.push(read)
    },

    /** The text of a scrape. */
    expose(): Promise<string> {
      for (const read of watchers) read()
      return registry.metrics()
    },

    /** The same as plain data, to be sent to another process. */
    report() {
      for (const read of watchers) read()
      return registry.getMetricsAsJSON()
    },

    contentType: registry.contentType,

    requests: counter('http_requests_total', 'Requests answered.', [
      'route',
      'method',
      'code',
      'outcome',
    ]),
    requestSeconds: histogram(
      'http_request_duration_seconds',
      'From the head of a request to the end of its response.',
      ['route'],
      SECONDS.request,
    ),
    overheadSeconds: histogram(
      'overhead_seconds',
      'What the gateway itself adds: the same, less the waits for upstream and issuer.',
      ['route'],
      SECONDS.overhead,
    ),
    inFlight: gauge('http_requests_in_flight', 'Requests under way.', ['listener']),
    revocationDelay: gauge(
      'revocation_delay_seconds',
      'How long a token may still pass after its issuer revoked it; +Inf: until it ends.',
      ['issuer'],
      'max',
    ),
    websocketTunnels: gauge('websocket_tunnels', 'WebSockets that are open.', ['route']),
    requestBytes: counter('http_request_bytes_total', 'Request content received.', ['route']),
    responseBytes: counter('http_response_bytes_total', 'Response content sent.', ['route']),

    denials: counter('denials_total', 'Requests refused by a check, by reason.', [
      'route',
      'reason',
      'mode',
    ]),
    tokensVerified: counter('tokens_verified_total', 'Access tokens judged.', [
      'issuer',
      'kind',
      'result',
    ]),
    senderConstraint: counter('sender_constraint_total', 'Bindings judged.', [
      'route',
      'method',
      'result',
    ]),
    replayDetected: counter('replay_detected_total', 'Proofs seen before.', ['kind']),
    replayEntries: gauge('replay_cache_entries', 'Proofs that are remembered.', ['store']),
    replayBytes: gauge('replay_cache_bytes', 'Memory that the proofs take up.', ['store']),
    replayEvictions: counter(
      'replay_cache_evictions_total',
      'Live entries forgotten to make room. The memory store refuses instead, so it stays 0.',
      ['store'],
    ),
    replayFull: counter('replay_cache_full_total', 'Requests refused because the store was full.', [
      'store',
    ]),
    nonceChallenges: counter('dpop_nonce_challenges_total', 'Answers with use_dpop_nonce.', [
      'route',
    ]),
    clockSkew: histogram(
      'clock_skew_seconds',
      "The client's or issuer's time less ours.",
      ['source'],
      SECONDS.skew,
    ),

    introspectionRequests: counter('introspection_requests_total', 'Introspection calls.', [
      'issuer',
      'result',
    ]),
    introspectionSeconds: histogram(
      'introspection_duration_seconds',
      'Time of an introspection call.',
      ['issuer'],
      SECONDS.call,
    ),
    introspectionCache: counter('introspection_cache_total', 'Introspection cache look-ups.', [
      'issuer',
      'result',
    ]),
    cacheEntries: gauge('cache_entries', 'Entries of a cache.', ['cache', 'issuer']),
    cacheBytes: gauge('cache_bytes', 'Memory that they take up, by an estimate.', [
      'cache',
      'issuer',
    ]),
    cacheLookups: counter('cache_lookups_total', 'Look-ups in a cache.', [
      'cache',
      'issuer',
      'result',
    ]),
    cacheEvictions: counter('cache_evictions_total', 'Entries that made room for others.', [
      'cache',
      'issuer',
    ]),
    jwksRefresh: counter('jwks_refresh_total', 'Fetches of a key set.', ['issuer', 'result']),
    jwksLastSuccess: gauge(
      'jwks_last_success_timestamp_seconds',
      'When a key set was last fetched.',
      ['issuer'],
      'first',
    ),
    jwksKeys: gauge('jwks_keys', 'Keys in use of an issuer.', ['issuer'], 'first'),

    tlsHandshakes: counter('tls_handshakes_total', 'TLS handshakes completed.', [
      'listener',
      'version',
      'client_certificate',
      'resumed',
    ]),
    tlsHandshakeErrors: counter('tls_handshake_errors_total', 'TLS handshakes that failed.', [
      'listener',
      'reason',
    ]),
    certificateNotAfter: gauge(
      'tls_certificate_not_after_timestamp_seconds',
      'When a certificate ends.',
      ['name', 'role'],
      'first',
    ),

    revocationChecks: counter(
      'revocation_checks_total',
      'Questions whether a client certificate was revoked.',
      ['method', 'result'],
    ),
    crlNextUpdate: gauge(
      'crl_next_update_timestamp_seconds',
      'When a revocation list ends: of several of one authority, the first.',
      ['ca'],
      'min',
    ),
    crlEntries: gauge('crl_entries', 'Certificates that are listed as revoked.', ['ca'], 'max'),
    crlLastSuccess: gauge(
      'crl_last_success_timestamp_seconds',
      'When a revocation list was last read without a fault.',
      ['ca'],
      'min',
    ),

    upstreamRequests: counter('upstream_requests_total', 'Requests to upstreams.', [
      'upstream',
      'code_class',
      'reason',
    ]),
    upstreamSeconds: histogram(
      'upstream_duration_seconds',
      "From dispatch to the end of the upstream's response.",
      ['upstream'],
      SECONDS.request,
    ),
    upstreamConnections: gauge('upstream_connections', 'Connections to upstreams.', [
      'upstream',
      'state',
    ]),

    storeUp: gauge(
      'store_up',
      'Whether the store that instances share can be used.',
      ['store'],
      'min',
    ),
    storeSeconds: histogram(
      'store_duration_seconds',
      'Time of a command to the store, answered or not.',
      ['store', 'op'],
      SECONDS.store,
    ),
    storeErrors: counter('store_errors_total', 'Commands to the store that were not carried out.', [
      'store',
      'kind',
    ]),
    storeResets: counter(
      'store_resets_total',
      'Times that what the store held may have been lost: it was emptied, or another took its place.',
      ['store'],
    ),

    configInfo: gauge(
      'config_info',
      'The configuration in force: always 1.',
      ['hash', 'version', 'profile'],
      'first',
    ),
    logLinesDropped: counter(
      'log_lines_dropped_total',
      'Lines that were not written since nobody reads the log.',
      [],
    ),
    configReloads: counter('config_reloads_total', 'Reloads of the configuration.', ['result']),
    configReloadSuccessful: gauge(
      'config_last_reload_successful',
      'Whether the last reload was taken.',
      [],
      'first',
    ),
    configReloadTimestamp: gauge(
      'config_last_reload_success_timestamp_seconds',
      'When a configuration was last taken.',
      [],
      'first',
    ),
    workers: gauge(
      'workers',
      'Processes that serve, where there are several: those that should be there, and those that are.',
      ['state'],
    ),
    workerAnswered: gauge(
      'worker_answered',
      'Whether a worker answered this scrape; 0: what it counted is as of its last report.',
      ['worker'],
    ),
    workerRestarts: counter('worker_restarts_total', 'Workers that ended unasked.', ['worker']),
    buildInfo: gauge(
      'build_info',
      'This build: always 1.',
      ['version', 'node', 'openssl'],
      'first',
    ),
  }
}

export type Metrics = ReturnType<typeof createMetrics>
