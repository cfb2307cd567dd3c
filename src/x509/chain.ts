/**
 * From a client's certificate to a configured CA (RFC 5280 §6.1), for a certificate that came in another
 * way than by a handshake.
 *
 * The answers are those that OpenSSL would give in a handshake with the same CAs: a path ends at a
 * self-signed certificate among them, and their other certificates may stand between. Stricter in one
 * thing: name constraints are not read, so a path that has any does not hold. Stricter in another: keys with
 * which it takes long to verify are taken from the configuration only. Revocation is not asked.
 *
 * @module
 */

import type { X509Certificate } from 'node:crypto'
import { type CertificateLimits, parseCertificateLimits } from './certificate-limits.ts'
import { hasPolicyWhereDemanded } from './policies.ts'

export interface Chain {
  /** The certificate itself, then who issued it, to the configured CA; without a CA, as far as it goes. */
  readonly path: readonly X509Certificate[]
  /** Why it does not hold, by OpenSSL's name of the fault; undefined if it does. */
  readonly fault: string | undefined
  /** Seconds since the epoch, up to when a path that holds goes on holding: then a certificate of it ends. */
  readonly until: number
}

/** Certificates in a path, the CA among them. */
const MAX_DEPTH = 10

/** Signatures that are verified for one chain: certificates that issue one another have many paths. */
const MAX_SIGNATURES = 16

/** Largest RSA key with which somebody else may have a signature verified, in bits; and its exponent. */
const MAX_RSA_BITS = 4096
const MAX_RSA_EXPONENT = 2n ** 32n

/** The configured CAs of client certificates. */
export class Authorities {
  readonly anchors: readonly X509Certificate[]
  /** Certificates of CAs that others vouch for. */
  readonly others: readonly X509Certificate[]

  constructor(certificates: readonly X509Certificate[]) {
    this.anchors = certificates.filter(isSelfSigned)
    this.others = certificates.filter((one) => !isSelfSigned(one))
  }
}

/**
 * Builds a path and judges it.
 *
 * @param intermediates As they came beside the certificate; nothing of them is believed.
 * @param now Seconds since the epoch.
 */
export function verifyChain(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  authorities: Authorities,
  now: number,
): Chain {
  return new PathSearch(intermediates, authorities, now).from([leaf])
}

class PathSearch {
  readonly #anchors: readonly X509Certificate[]
  readonly #between: readonly X509Certificate[]
  readonly #now: number
  #left = MAX_SIGNATURES

  constructor(
    intermediates: readonly X509Certificate[],
    { anchors, others }: Authorities,
    now: number,
  ) {
    this.#anchors = anchors
    this.#between = [...others, ...intermediates.filter(isCheap)]
    this.#now = now
  }

  /** The first path that holds; else what is wrong with the first one that leads to a CA, or with none. */
  from(path: readonly X509Certificate[]): Chain {
    const last = path.at(-1)!
    if (this.#anchors.some((anchor) => isSame(anchor, last))) return this.#judged(path)
    let first: Chain | undefined
    for (const anchor of this.#anchors) {
      if (!this.#isIssuer(anchor, last)) continue
      const chain = this.#judged([...path, anchor])
      if (chain.fault === undefined) return chain
      first ??= chain
    }
    if (path.length >= MAX_DEPTH) return first ?? this.#failed(path, 'CERT_CHAIN_TOO_LONG')
    let dead: Chain | undefined
    for (const next of this.#between) {
      if (path.some((one) => isSame(one, next)) || !this.#isIssuer(next, last)) continue
      const chain = this.from([...path, next])
      if (chain.fault === undefined) return chain
      if (this.#endsAtAnchor(chain)) first ??= chain
      else dead ??= chain
    }
    return first ?? dead ?? this.#failed(path, withoutIssuer(path))
  }

  #isIssuer(issuer: X509Certificate, subject: X509Certificate): boolean {
    // Names, key identifiers and the issuer's key usage first: they cost nothing.
    if (!subject.checkIssued(issuer) || this.#left === 0) return false
    this.#left -= 1
    return isSignedBy(subject, issuer)
  }

  #endsAtAnchor({ path }: Chain): boolean {
    return this.#anchors.some((anchor) => isSame(anchor, path.at(-1)!))
  }

  #judged(path: readonly X509Certificate[]): Chain {
    const limits = path.map(parseCertificateLimits).filter((one) => one !== undefined)
    if (limits.length < path.length) return this.#failed(path, 'INVALID_EXTENSION')
    const until = Math.min(...limits.map(({ notAfter }) => notAfter))
    return { path, fault: faultOf(limits, this.#now), until }
  }

  #failed(path: readonly X509Certificate[], fault: string): Chain {
    return { path, fault, until: this.#now }
  }
}

/** What is wrong with a path whose signatures hold, the end entity first. */
function faultOf(path: readonly CertificateLimits[], now: number): string | undefined {
  const [leaf, ...cas] = path
  if (leaf === undefined) return 'UNSPECIFIED'
  // RFC 5280 §6.1.3 (a)(2).
  if (path.some(({ notBefore }) => now < notBefore)) return 'CERT_NOT_YET_VALID'
  if (path.some(({ notAfter }) => now > notAfter)) return 'CERT_HAS_EXPIRED'
  // RFC 5280 §6.1.4 (o), §6.1.5 (f): what has to be understood and is not.
  if (path.some(({ isUnderstood }) => !isUnderstood)) return 'UNHANDLED_CRITICAL_EXTENSION'
  // RFC 5280 §4.2.1.12, §4.2.1.3; a CA that has purposes passes on these alone.
  if (path.some((one) => !one.mayAuthenticateClients) || !leaf.maySignHandshakes) {
    return 'INVALID_PURPOSE'
  }
  // RFC 5280 §6.1.4 (k), (n).
  if (cas.some((ca) => !ca.isCa || !ca.maySignCertificates)) return 'INVALID_CA'
  // RFC 5280 §6.1.4 (l), (m): CAs below, without those that only changed their key.
  const isTooLong = cas.some(
    ({ pathLength }, index) =>
      cas.slice(0, index).filter(({ isSelfIssued }) => !isSelfIssued).length > pathLength,
  )
  if (isTooLong) return 'PATH_LENGTH_EXCEEDED'
  // RFC 5280 §6.1.5 (g).
  if (!hasPolicyWhereDemanded(path.slice(0, -1).reverse())) return 'NO_EXPLICIT_POLICY'
  // RFC 9325 §4.5.
  if (!leaf.hasStrongKey) return 'EE_KEY_TOO_SMALL'
  if (cas.some(({ hasStrongKey }) => !hasStrongKey)) return 'CA_KEY_TOO_SMALL'
  // What the CA signed for itself proves nothing, and need not be strong.
  if (path.slice(0, -1).some(({ hasStrongSignature }) => !hasStrongSignature)) {
    return 'CA_MD_TOO_WEAK'
  }
  return undefined
}

function withoutIssuer(path: readonly X509Certificate[]): string {
  const last = path.at(-1)!
  if (!isCheap(last) || !isSelfSigned(last)) return 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'
  return path.length === 1 ? 'DEPTH_ZERO_SELF_SIGNED_CERT' : 'SELF_SIGNED_CERT_IN_CHAIN'
}

/**
 * Whether to verify with a key costs little: whoever sends a chain chooses its keys. Those of configured
 * CAs are of any size.
 */
function isCheap(certificate: X509Certificate): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey
    const { modulusLength = 0, publicExponent = 0n, namedCurve } = asymmetricKeyDetails ?? {}
    // DSA, and curves that are spelt out in the key, may be of any size, and are taken nowhere.
    if (asymmetricKeyType === 'dsa') return false
    if (asymmetricKeyType === 'ec') return namedCurve !== undefined
    return modulusLength <= MAX_RSA_BITS && publicExponent <= MAX_RSA_EXPONENT
  } catch {
    return false
  }
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && isSignedBy(certificate, certificate)
}

function isSignedBy(subject: X509Certificate, { publicKey }: X509Certificate): boolean {
  try {
    return subject.verify(publicKey)
  } catch {
    // A key of a kind that signs no certificate.
    return false
  }
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
  return one.fingerprint256 === other.fingerprint256
}
