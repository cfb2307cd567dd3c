/**
 * The facts of a TLS connection, computed once when it was made (RFC 8705 §3, RFC 9325 §7.5).
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'
import type { Connection } from '../check/request.ts'
import type { ClientCertificatePolicy } from '../config/configuration.ts'
import type { ClientCertificate } from '../sender-constraint/certificate.ts'
import { certificateFacts } from './certificate-facts.ts'

/**
 * Reads the facts of a connection whose handshake is done.
 *
 * A resumed session names the certificate of the session it goes back to, whatever the client presents
 * now; it is that one the connection is bound to, and its times are asked on every request.
 */
export function readConnection(
  socket: TLSSocket,
  listener: string,
  policy: ClientCertificatePolicy,
): Connection {
  const serverName = (socket as { servername?: string | false }).servername
  return {
    listener,
    remoteAddress: socket.remoteAddress?.replace(/^::ffff:/, '') ?? '',
    serverName: typeof serverName === 'string' ? serverName.toLowerCase() : undefined,
    protocol: socket.getProtocol() ?? '',
    cipherSuite: socket.getCipher().standardName,
    certificate: policy.mode === 'off' ? undefined : readCertificate(socket, policy),
  }
}

function readCertificate(
  socket: TLSSocket,
  policy: ClientCertificatePolicy,
): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const { mode, revocation } = policy
  const chainError = socket.authorized ? undefined : String(socket.authorizationError)
  return certificateFacts(certificate, mode !== 'request', chainError, {
    isDemanded: mode === 'required',
    revocation: revocation?.id,
  })
}
