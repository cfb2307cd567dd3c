/**
 * Revocation lists of the demo's authority (RFC 5280 §5), made on the spot, as PEM.
 *
 * @module
 */

// @peculiar/x509 is built with decorators and throws unless this is loaded before it.
import 'reflect-metadata'

import type { webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  type Extension,
  type JsonName,
  X509CrlGenerator,
} from '@peculiar/x509'
import { encodePem, signingAlgorithm } from './signing.ts'

const DAY_MS = 86_400_000
const BACKDATED_MS = 60_000

export interface RevocationList {
  readonly revoked: readonly { readonly serialNumber: string }[]
  readonly thisUpdate?: Date
  readonly nextUpdate?: Date
  readonly extensions?: readonly Extension[]
}

/** Makes a list; valid for a day if it is not told otherwise. */
export async function issueRevocationList(
  issuer: { readonly name: JsonName; readonly keys: webcrypto.CryptoKeyPair },
  list: RevocationList,
): Promise<string> {
  const thisUpdate = list.thisUpdate ?? new Date(Date.now() - BACKDATED_MS)
  const crl = await X509CrlGenerator.create({
    issuer: issuer.name,
    thisUpdate,
    nextUpdate: list.nextUpdate ?? new Date(Date.now() + DAY_MS),
    signingAlgorithm: signingAlgorithm(issuer.keys),
    signingKey: issuer.keys.privateKey,
    entries: list.revoked.map(({ serialNumber }) => ({ serialNumber, revocationDate: thisUpdate })),
    extensions: [
      await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
      ...(list.extensions ?? []),
    ],
  })
  // OpenSSL knows the label of RFC 7468 §6 and not the library's own `CRL`.
  return encodePem('X509 CRL', Buffer.from(crl.rawData))
}
