/**
 * The client's certificate, as the upstream is told of it (RFC 9440).
 *
 * @module
 */

import type { ResourceRequest } from '../check/request.ts'
import type { ForwardConfig } from '../config/configuration.ts'
import { byteSequence } from '../http/byte-sequence.ts'
import { type ClientCertificate, checkCertificate } from '../sender-constraint/certificate.ts'

/**
 * Appends the certificate, where the route passes it on and it is to be believed: upstreams take the
 * field for "verified", so one whose chain does not hold leaves none, and neither does one that nobody
 * vouches for. What a client sent under these names has been removed before.
 */
export function appendClientCert(
  headers: string[],
  forward: ForwardConfig,
  request: ResourceRequest,
): void {
  const { clientCert, clientCertChain } = forward
  if (clientCert === undefined && clientCertChain === undefined) return
  const { certificate } = request
  if (certificate === undefined || !isVouchedFor(certificate, request)) return
  // RFC 9440 §2.2: one value.
  if (clientCert !== undefined) headers.push(clientCert, byteSequence(certificate.der))
  // RFC 9440 §2.3, §3.3: without the certificate itself; none where a resumed session has lost it.
  if (clientCertChain !== undefined && certificate.intermediates.length > 0) {
    headers.push(clientCertChain, certificate.intermediates.map(byteSequence).join(', '))
  }
}

/** By a chain to a configured CA, or by an issuer that bound the token to this very certificate. */
function isVouchedFor(certificate: ClientCertificate, request: ResourceRequest): boolean {
  if (checkCertificate(certificate, request.receivedAt) !== undefined) return false
  // RFC 9325 §7.5: where it could be revoked, nobody vouches for it who has not asked.
  if (certificate.revocation !== undefined && !request.certificateStands) return false
  const bound = request.hasToken ? request.token.confirmation?.certificateThumbprint : undefined
  return certificate.chainRequired || bound === certificate.thumbprint
}
