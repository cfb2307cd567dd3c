/**
 * A certificate authority for the demo and the tests: X.509 certificates and revocation lists
 * (RFC 5280), made on the spot, as PEM.
 *
 * @module
 */

// @peculiar/x509 is built with decorators and throws unless this is loaded before it.
import 'reflect-metadata'

import { createHash, createPublicKey, randomBytes, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { issueRevocationList, type RevocationList } from './revocation-list.ts'
import { encodePem, SIGNING, signingAlgorithm } from './signing.ts'

const DAY_MS = 86_400_000
const VALIDITY_DAYS = 90

/** A host whose clock is a little behind still accepts what was issued this second. */
const BACKDATED_MS = 60_000

const AUTHORITY_USAGE = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign

export type KeyKind = keyof typeof SIGNING

/** A certificate and its private key. */
export interface Credential {
  /** PEM. */
  readonly certificate: string
  /** PEM, PKCS #8. */
  readonly key: string
  /** SHA-256 of the DER certificate, base64url: its `x5t#S256` (RFC 8705 §3.1). */
  readonly thumbprint: string
  /** Hexadecimal, as a revocation list names it. */
  readonly serialNumber: string
  /** To issue another certificate for the same key. */
  readonly keys: webcrypto.CryptoKeyPair
}

export interface Subject {
  readonly commonName: string
  readonly organization?: string
  /** `organizationIdentifier`, 2.5.4.97, for example `PSDGB-FCA-123456` (ETSI TS 119 495 §5.2.1). */
  readonly organizationIdentifier?: string
  /** More of them, by short names or object identifiers. */
  readonly attributes?: JsonName
}

export interface Issuance {
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** RSA with 2048 bits unless told otherwise. Without effect where `keys` are given. */
  readonly keyKind?: KeyKind
  readonly keys?: webcrypto.CryptoKeyPair
  /** Object identifiers that take the place of the extended key usage that is due. None: no extension. */
  readonly extendedKeyUsage?: readonly string[]
  /** Besides those that are due. */
  readonly extensions?: readonly Extension[]
}

export interface ServerIssuance extends Issuance {
  /** In place of `localhost`. */
  readonly dnsNames?: readonly string[]
  /** In place of 127.0.0.1 and ::1. */
  readonly addresses?: readonly string[]
}

export interface ClientIssuance extends Issuance, Subject {
  /** Whether it says that it is an authority, as that of a client should not. */
  readonly isAuthority?: boolean
  readonly dnsNames?: readonly string[]
  readonly uris?: readonly string[]
}

export interface Authority {
  /** The authority's own certificate, PEM. */
  readonly certificate: string
  issueServer(issuance?: ServerIssuance): Promise<Credential>
  issueClient(issuance: ClientIssuance): Promise<Credential>
  /** An authority below this one. */
  issueAuthority(issuance: { readonly name: string } & Issuance): Promise<Authority & Credential>
  /** A certificate revocation list, PEM. */
  issueRevocationList(list: RevocationList): Promise<string>
}

/** Makes a key pair. RSA takes a tenth of a second and more: tests make one and use it often. */
export function generateKeys(kind: KeyKind = 'RSA'): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto
  const uses = ['sign', 'verify'] as const
  if (kind === 'EC') {
    return subtle.generateKey({ ...SIGNING.EC, namedCurve: 'P-256' }, true, uses)
  }
  const publicExponent = new Uint8Array([1, 0, 1])
  return subtle.generateKey({ ...SIGNING.RSA, modulusLength: 2048, publicExponent }, true, uses)
}

/** Founds an authority that is its own root. */
export async function createAuthority(
  options: { readonly name: string } & Issuance,
): Promise<Authority> {
  const keys = options.keys ?? (await generateKeys(options.keyKind))
  const name = distinguishedName({ commonName: options.name })
  const root = await X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    serialNumber: newSerialNumber(),
    ...validity(options),
    signingAlgorithm: signingAlgorithm(keys),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(AUTHORITY_USAGE, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const issuer = { name, keys }

  return authorityOf(issuer, pem(root))
}

function authorityOf(issuer: Issuer, certificate: string): Authority {
  return {
    certificate,
    issueServer: (issuance = {}) => issueServer(issuer, issuance),
    issueClient: (issuance) => issueClient(issuer, issuance),
    issueAuthority: async ({ name: commonName, ...issuance }) => {
      const credential = await issueClient(issuer, {
        ...issuance,
        commonName,
        isAuthority: true,
        extendedKeyUsage: [],
      })
      const below = { name: distinguishedName({ commonName }), keys: credential.keys }
      return { ...credential, ...authorityOf(below, credential.certificate) }
    },
    issueRevocationList: (list) => issueRevocationList(issuer, list),
  }
}

/** A client certificate that vouches for itself, for `self_signed_tls_client_auth` (RFC 8705 §2.2). */
export async function createSelfSigned(issuance: ClientIssuance): Promise<Credential> {
  const keys = issuance.keys ?? (await generateKeys(issuance.keyKind))
  const issuer = { name: distinguishedName(issuance), keys }
  return issueClient(issuer, { ...issuance, keys })
}

/** The public key of a certificate as a JWK that names the certificate (`x5c`, RFC 7517 §4.7). */
export function certificateJwk(certificate: string): webcrypto.JsonWebKey & { x5c: string[] } {
  const { rawData } = new X509Certificate(certificate)
  const jwk = createPublicKey(certificate).export({ format: 'jwk' })
  return { ...jwk, x5c: [Buffer.from(rawData).toString('base64')] }
}

/**
 * The subject of a certificate as RFC 4514 writes it, most specific name first: the spelling of
 * `tls_client_auth_subject_dn` (RFC 8705 §2.1.2).
 */
export function subjectDistinguishedName(certificate: string): string {
  const relativeNames = new X509Certificate(certificate).subjectName.toJSON()
  // RFC 4514 §2.1: the string starts with the last element of the sequence.
  return relativeNames
    .map((relativeName) => new Name([relativeName]).toString())
    .reverse()
    .join(',')
}

interface Issuer {
  readonly name: JsonName
  readonly keys: webcrypto.CryptoKeyPair
}

function issueServer(issuer: Issuer, issuance: ServerIssuance): Promise<Credential> {
  const dnsNames = issuance.dnsNames ?? ['localhost']
  const addresses = issuance.addresses ?? ['127.0.0.1', '::1']
  const subject = { commonName: dnsNames[0] ?? addresses[0] ?? 'server' }
  const names: JsonGeneralNames = [
    ...dnsNames.map((value) => ({ type: 'dns', value }) as const),
    ...addresses.map((value) => ({ type: 'ip', value }) as const),
  ]
  return issue(issuer, issuance, subject, names, ExtendedKeyUsage.serverAuth)
}

function issueClient(issuer: Issuer, issuance: ClientIssuance): Promise<Credential> {
  const names: JsonGeneralNames = [
    ...(issuance.dnsNames ?? []).map((value) => ({ type: 'dns', value }) as const),
    ...(issuance.uris ?? []).map((value) => ({ type: 'url', value }) as const),
  ]
  return issue(issuer, issuance, issuance, names, ExtendedKeyUsage.clientAuth)
}

async function issue(
  issuer: Issuer,
  issuance: Issuance & Pick<ClientIssuance, 'isAuthority'>,
  subject: Subject,
  names: JsonGeneralNames,
  usage: string,
): Promise<Credential> {
  const keys = issuance.keys ?? (await generateKeys(issuance.keyKind))
  const usages = issuance.extendedKeyUsage ?? [usage]
  const { isAuthority = false } = issuance
  const extensions: Extension[] = [
    new BasicConstraintsExtension(isAuthority, undefined, true),
    new KeyUsagesExtension(isAuthority ? AUTHORITY_USAGE : keyUsage(keys), true),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ...(issuance.extensions ?? []),
  ]
  if (usages.length > 0) extensions.push(new ExtendedKeyUsageExtension([...usages]))
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names))

  const serialNumber = newSerialNumber()
  const certificate = await X509CertificateGenerator.create({
    subject: distinguishedName(subject),
    issuer: issuer.name,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: signingAlgorithm(issuer.keys),
    serialNumber,
    ...validity(issuance),
    extensions,
  })
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return {
    certificate: pem(certificate),
    key: encodePem('PRIVATE KEY', key),
    thumbprint: createHash('sha256').update(Buffer.from(certificate.rawData)).digest('base64url'),
    serialNumber,
    keys,
  }
}

function distinguishedName(subject: Subject): JsonName {
  const { commonName, organization, organizationIdentifier } = subject
  const name: JsonName = []
  if (organization !== undefined) name.push({ O: [organization] })
  if (organizationIdentifier !== undefined) name.push({ '2.5.4.97': [organizationIdentifier] })
  return [...name, ...(subject.attributes ?? []), { CN: [commonName] }]
}

function validity({ notBefore, notAfter }: Issuance) {
  return {
    notBefore: notBefore ?? new Date(Date.now() - BACKDATED_MS),
    notAfter: notAfter ?? new Date(Date.now() + VALIDITY_DAYS * DAY_MS),
  }
}

function keyUsage({ privateKey }: webcrypto.CryptoKeyPair): KeyUsageFlags {
  // RFC 8446 needs a signature only; the RSA key exchange of TLS 1.2 is not offered by anyone here.
  return privateKey.algorithm.name === SIGNING.EC.name
    ? KeyUsageFlags.digitalSignature
    : KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets. The first octet is neither zero nor negative. */
function newSerialNumber(): string {
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  return serial.toString('hex')
}

function pem(certificate: X509Certificate): string {
  return encodePem('CERTIFICATE', Buffer.from(certificate.rawData))
}
