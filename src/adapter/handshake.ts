/**
 * What a handshake came to, in the few words that labels of metrics have.
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'
import type { Connection } from '../check/request.ts'
import type { Metrics } from '../telemetry/metrics.ts'

/** Counts a handshake that is done. */
export function countHandshake(metrics: Metrics, socket: TLSSocket, connection: Connection): void {
  metrics.tlsHandshakes.inc({
    listener: connection.listener,
    version: connection.protocol,
    client_certificate: certificateLabel(connection),
    resumed: String(socket.isSessionReused()),
  })
}

/** Counts a handshake that failed. */
export function countHandshakeError(
  metrics: Metrics,
  listener: string,
  error: Error,
  { authorizationError }: Pick<TLSSocket, 'authorizationError'>,
): void {
  // Node ends a connection whose chain does not hold, where one is demanded, as if the client had.
  const isUntrusted = authorizationError != null
  const code = isUntrusted ? 'CERTIFICATE' : 'code' in error ? String(error.code) : ''
  metrics.tlsHandshakeErrors.inc({
    listener,
    reason: HANDSHAKE_REASONS.find(([pattern]) => pattern.test(code))?.[1] ?? 'other',
  })
}

/** OpenSSL has hundreds of reasons; a label has a few. */
const HANDSHAKE_REASONS: readonly (readonly [RegExp, string])[] = [
  [/ECONNRESET|EPIPE/, 'reset'],
  [/TIMEOUT/, 'timeout'],
  [/UNRECOGNIZED_NAME/, 'unrecognized_name'],
  [/ALPN|APPLICATION_PROTOCOL/, 'no_application_protocol'],
  [/PROTOCOL|VERSION/, 'protocol_version'],
  [/NO_SHARED_CIPHER/, 'no_shared_cipher'],
  [/SIGALG|SIGNATURE_ALGORITHMS/, 'no_shared_signature'],
  [/GROUP|CURVE|KEY_SHARE/, 'no_shared_group'],
  [/HTTP_REQUEST/, 'plain_http'],
  [/CERTIFICATE/, 'client_certificate'],
  [/RENEGOTIAT/, 'renegotiation'],
  [/^ERR_SSL/, 'tls'],
]

function certificateLabel({ certificate }: Connection): string {
  if (certificate === undefined) return 'none'
  return certificate.chainError === undefined ? 'trusted' : 'untrusted'
}
