/**
 * Why a TLS handshake failed, in a few words.
 *
 * @module
 */

/** OpenSSL has hundreds of reasons; a label has a few. */
const HANDSHAKE_FAULTS: readonly (readonly [RegExp, string])[] = [
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

/** A value for a label, of what the server was told. */
export function handshakeFault(error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  return HANDSHAKE_FAULTS.find(([pattern]) => pattern.test(code))?.[1] ?? 'other'
}
