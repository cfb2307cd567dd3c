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
import type { Front } from './front.ts'

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
  front: Front,
): Connection {
  const serverName = (socket as { servername?: string | false }).servername
  const remoteAddress = socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
  // A proxy's own certificate is not its client's.
  const certificate =
    policy.mode === 'off' || policy.from !== 'tls' ? undefined : readCertificate(socket, policy)
  return {
    listener,
    remoteAddress,
    serverName: typeof serverName === 'string' ? serverName.toLowerCase() : undefined,
    protocol: socket.getProtocol() ?? '',
    cipherSuite: socket.getCipher().standardName,
    certificate,
    certificateRequired: policy.mode === 'required',
    front: front.proxyAt(remoteAddress, policy, certificate),
  }
}

function readCertificate(
  socket: TLSSocket,
  policy: ClientCertificatePolicy,
): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const chainError = socket.authorized ? undefined : String(socket.authorizationError)
  return certificateFacts(certificate, policy.mode !== 'request', chainError)
}
