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

/** @param destination Where lines go; the process's standard output unless said otherwise. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: createTimestamp(),
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

/** Many lines of one millisecond say it in the same words. */
function createTimestamp(): () => string {
  let at = 0
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== at) {
      at = now
      text = `,"time":"${new Date(now).toISOString()}"`
    }
    return text
  }
}
