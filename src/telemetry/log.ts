/**
 * What is written down. An access line is built from a list of what it may hold, so there is nothing to
 * redact: no token, proof, cookie, key, query or path ever reaches this file.
 *
 * @module
 */

import { type DestinationStream, pino } from 'pino'

export type Logger = pino.Logger

/** One line a request: these members, and no others (FAPI 1.0 Baseline §6.2.1-12, §7.4). */
export interface AccessRecord {
  readonly interaction_id: string
  readonly listener: string
  readonly route: string
  readonly method: string
  readonly status: number
  readonly outcome: string
  readonly reason: string | undefined
  /** Facts of the failure, from the line that decided. */
  readonly detail: Readonly<Record<string, unknown>> | undefined
  readonly mode: 'enforce'
  readonly issuer: string | undefined
  readonly client_id: string | undefined
  /** First eight characters of the SHA-256 of the token's `jti`, which its issuer has logged as well. */
  readonly jti_sha256_8: string | undefined
  /** How the token was bound. */
  readonly sender: string | undefined
  /** First eight characters of the thumbprint of the key that the token is bound to. */
  readonly jkt_8: string | undefined
  /** First eight characters of the client certificate's thumbprint. */
  readonly cert_sha256_8: string | undefined
  readonly tls: string
  /** `1.0`, `1.1` or `2.0`. */
  readonly http: string
  readonly upstream: string | undefined
  /** Of a WebSocket: who or what ended it. */
  readonly tunnel_end: string | undefined
  readonly bytes_in: number
  readonly bytes_out: number
  readonly t_total_ms: number
  readonly t_auth_ms: number | undefined
  readonly t_upstream_ms: number | undefined
  /** Address of the client; where it came through a trusted proxy, as that says. */
  readonly remote: string
  /** Address of that proxy. */
  readonly proxy: string | undefined
  readonly config: string
}

/** Characters that wait for whoever reads the log. */
const MOST_WAITING = 1_048_576
const PIPE_BUF = 4096

/**
 * The process's standard output. Whoever reads it slowly, or not at all, holds up no request, and what
 * waits for them does not grow without end: lines beyond it are dropped.
 *
 * @param dropped Called for each of them.
 * @param isShared Whether other processes write there too. Lines come in pieces that no other process can
 *   write into: what a pipe takes as one (POSIX, PIPE_BUF).
 */
export function standardOutput(dropped: () => void, isShared = false): DestinationStream {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    maxLength: MOST_WAITING,
    ...(isShared ? { maxWrite: PIPE_BUF } : {}),
  })
  destination.on('drop', dropped)
  return destination
}

/** @param destination Where lines go; the process's standard output unless said otherwise. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
