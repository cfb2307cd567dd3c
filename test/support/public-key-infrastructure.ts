/**
 * Certificates as the readers of `src/x509` see them, made by the authority of the demo.
 *
 * @module
 */

// @peculiar/x509 is built with decorators and throws unless this is loaded before it.
import 'reflect-metadata'

import { KeyObject } from 'node:crypto'
import { Extension } from '@peculiar/x509'
import {
  type Credential,
  createAuthority,
  generateKeys,
  type Authority as Issuer,
} from '../../src/demo/certificates.ts'
import { type Authority, parseAuthorities } from '../../src/x509/authority.ts'
import { type CertificateFacts, parseCertificate } from '../../src/x509/certificate.ts'

export interface Infrastructure {
  readonly issuer: Issuer
  /** Its private key. */
  readonly key: KeyObject
  readonly authority: Authority
}

/** An authority with its key at hand, to sign what it would not. */
export async function createInfrastructure(name: string): Promise<Infrastructure> {
  const keys = await generateKeys()
  const issuer = await createAuthority({ name, keys })
  const [authority] = parseAuthorities(issuer.certificate)
  return { issuer, authority: authority!, key: KeyObject.from(keys.privateKey) }
}

export function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
}

export function factsOf({ certificate }: Pick<Credential, 'certificate'>): CertificateFacts {
  const facts = parseCertificate(derOf(certificate))
  if (facts === undefined) throw new Error('the certificate cannot be read')
  return facts
}

/** An extension as the demo's authority takes it. */
export function extensionOf(id: string, value: Buffer, isCritical = false): Extension {
  return new Extension(id, isCritical, new Uint8Array(value))
}
