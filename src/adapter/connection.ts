/**
 * The facts of a TLS connection, computed once when it was made (RFC 8705 §3, RFC 9325 §7.5).
 *
 * @module
 */

import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
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
  const remoteAddress = socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
  // A proxy's own certificate is not its client's.
  const certificate =
    policy.mode === 'off' || policy.from !== 'tls' ? undefined : readCertificate(socket, policy)
  return {
    listener,
    remoteAddress,
    serverName: serverNameOf(socket),
    protocol: socket.getProtocol() ?? '',
    cipherSuite: socket.getCipher().standardName,
    certificate,
    certificateRequired: policy.mode === 'required',
    front: front.proxyAt(remoteAddress, policy, certificate),
  }
}

/** RFC 6066 §3: the name that was asked for, lower-case. Node says false for none. */
export function serverNameOf(socket: TLSSocket): string | undefined {
  const { servername } = socket as { servername?: string | false }
  return typeof servername === 'string' ? servername.toLowerCase() : undefined
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
    intermediates: () => intermediatesOf(socket),
  })
}

/** Paths are not longer, and one that leads back to itself ends. */
const MAX_INTERMEDIATES = 10

/**
 * Who is between a client's certificate and its root, as far as Node tells: those of the configured CAs on
 * every version of it, and what came in the handshake on some; of a resumed session never (RFC 9440 §3.3).
 */
function intermediatesOf(socket: TLSSocket): Buffer[] {
  const found: Buffer[] = []
  let issuer = issuerOf(socket.getPeerCertificate(true))
  while (issuer !== undefined && found.length < MAX_INTERMEDIATES) {
    const next = issuerOf(issuer)
    // RFC 9440 §2.3: a root need not be there. It is its own issuer.
    if (next?.fingerprint256 === issuer.fingerprint256) break
    found.push(issuer.raw)
    issuer = next
  }
  return found
}

/** Whatever the type says, there need not be one; of a connection that is gone, there is nothing. */
function issuerOf(
  certificate: Partial<DetailedPeerCertificate> | null,
): DetailedPeerCertificate | undefined {
  return certificate?.issuerCertificate
}
