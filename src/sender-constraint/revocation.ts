/**
 * Whether certificates were revoked: the port through which it is asked.
 *
 * @module
 */

import type { ClientCertificate } from './certificate.ts'

/**
 * `unknown` is an answer: the responder of the authority says that it does not know the certificate.
 * `unavailable` is none.
 */
export type RevocationStatus = 'good' | 'revoked' | 'unknown' | 'unavailable'

export interface RevocationSource {
  /**
   * Asked on every request, since a certificate can be revoked while its connection lives.
   *
   * @param certificate One whose chain holds.
   * @param now Seconds since the epoch.
   * @returns A promise only if somebody has to be asked.
   */
  statusOf(
    certificate: ClientCertificate,
    now: number,
  ): RevocationStatus | Promise<RevocationStatus>
}
