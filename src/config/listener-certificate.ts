/**
 * A listener as it was written, and whether its certificates can serve it.
 *
 * @module
 */

import { isIP } from 'node:net'
import type { CredentialFiles } from './certificate-file.ts'
import type { PublicUrl } from './configuration.ts'
import type { Path } from './document.ts'
import type { ClientCertificateInput, RevocationInput } from './listener-schema.ts'
import type { Sources } from './section.ts'

/** One form for both ways to write a listener, with the places of what was written. */
export interface Written {
  readonly id: string
  readonly path: Path
  readonly address: string
  readonly urls: readonly { readonly url: string; readonly path: Path }[]
  readonly certificates: readonly WrittenCertificate[]
  readonly clientCertificate: WrittenPolicy | undefined
  readonly trustedProxies: readonly string[] | undefined
  readonly clientAddress: 'x-forwarded-for' | 'forwarded' | 'connection' | undefined
  readonly minVersion: string | undefined
  readonly minVersionPath: Path
  readonly sessionTickets: 'on' | 'off'
  /** Seconds; undefined: the default. */
  readonly hsts: number | false | undefined
  readonly alpn: readonly string[] | undefined
}

export interface WrittenCertificate {
  readonly cert: string
  readonly certPath: Path
  readonly key: string
  readonly keyPath: Path
  readonly names: readonly string[]
  readonly namesPath: Path
  readonly clientCertificate: WrittenPolicy | undefined
}

export interface WrittenPolicy {
  readonly verify: ClientCertificateInput['verify']
  readonly from: ClientCertificateInput['from']
  readonly ca: string | undefined
  readonly path: Path
  readonly caPath: Path
  readonly revocation: RevocationInput | undefined
}

/** A certificate as it was written and as it was read. */
interface Shown {
  readonly written: WrittenCertificate
  readonly files: CredentialFiles
}

/** RFC 9525: a client that checks will refuse a name that the certificate does not have. */
export function warnOfNames(
  certificates: readonly Shown[],
  publicUrls: readonly PublicUrl[],
  { certificates: all, urls }: Written,
  { reader }: Sources,
): void {
  const { document, diagnostics } = reader
  for (const { written, files } of certificates) {
    for (const [index, name] of written.names.entries()) {
      if (covers(files, name)) continue
      const message = `${files.name} is no certificate for ${name}`
      diagnostics.error('name-not-covered', document.at([...written.namesPath, index]), message)
    }
  }
  if (certificates.length < all.length) return
  for (const [index, { host }] of publicUrls.entries()) {
    const named = certificates.filter(({ written }) => isNamed(written.names, host))
    const fits =
      named.length > 0 ? named : certificates.filter(({ written }) => written.names.length === 0)
    if (fits.some(({ files }) => covers(files, host))) continue
    // As the file has it: part of a reference's value would not be known again for what it is.
    const path = urls[index]?.path ?? []
    const message = `no certificate of this listener is good for the host of ${document.show(path)}`
    diagnostics.warn('name-not-covered', document.at(path), message)
  }
}

function covers({ certificate }: CredentialFiles, name: string): boolean {
  const bare = name.replace(/^\[|\]$/g, '')
  if (isIP(bare) !== 0) return certificate.checkIP(bare) !== undefined
  try {
    // A wildcard is covered if any one label in its place is.
    const host = bare.replace(/^\*\./, 'label.')
    return certificate.checkHost(host, { partialWildcards: false }) !== undefined
  } catch {
    // Thrown for what is no name, and no certificate is for that.
    return false
  }
}

function isNamed(names: readonly string[], host: string): boolean {
  const parent = host.replace(/^[^.]*/, '*')
  return names.includes(host) || names.includes(parent)
}

/** RFC 8446 §1.3: suites of TLS 1.3 are of any key; those of TLS 1.2 name one. */
export function warnOfSuites(
  certificates: readonly Shown[],
  minVersion: string,
  cipherSuites: readonly string[],
  { reader }: Sources,
): void {
  if (minVersion !== '1.2') return
  for (const { written, files } of certificates) {
    const wanted = files.keyType === 'rsa' ? '_RSA_' : '_ECDSA_'
    if (cipherSuites.some((suite) => suite.includes(wanted))) continue
    const message = `${files.name} has a key of type ${files.keyType}, for which no TLS 1.2 cipher suite is allowed`
    const note = 'use an RSA certificate, or min_version: "1.3"'
    reader.diagnostics.warn('suite-mismatch', reader.document.at(written.certPath), message, note)
  }
}
