/**
 * Certificates of any make, for what no honest authority issues: the authority of the demo makes good ones.
 *
 * @module
 */

// @peculiar/x509 is built with decorators and throws unless this is loaded before it.
import 'reflect-metadata'

import { randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
/** Flags of a key usage, by what the key may do. */
export const USAGE = {
  sign: KeyUsageFlags.digitalSignature,
  encipher: KeyUsageFlags.keyEncipherment,
  agree: KeyUsageFlags.keyAgreement,
  issue: KeyUsageFlags.keyCertSign,
  signLists: KeyUsageFlags.cRLSign,
} as const

/** An extension of any content. @param value DER in hexadecimal. */
export function extension(id: string, critical: boolean, value: string): Extension {
  return new Extension(id, critical, Uint8Array.from(Buffer.from(value, 'hex')).buffer)
}

/** An extension in which a certificate stands as PEM: OpenSSL finds that one where it looks for PEM first. */
export function carrying(pem: string): Extension {
  const text = Buffer.from(`\n${pem}`)
  const header = Buffer.from([4, 0x82, text.length >> 8, text.length & 255])
  return extension('1.2.3.4', false, Buffer.concat([header, text]).toString('hex'))
}

type KeyParameters = webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams

export const P256: KeyParameters = { name: 'ECDSA', namedCurve: 'P-256' }

/** RSA that signs with this hash. */
export function rsa(bits: number, hash: string, name = 'RSASSA-PKCS1-v1_5'): KeyParameters {
  return { name, modulusLength: bits, publicExponent: new Uint8Array([1, 0, 1]), hash }
}

/** A pair of RSA keys with an exponent that is larger than what they are generated with. @param e A prime. */
export async function rsaWithExponent(e: bigint): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto
  const made = await subtle.generateKey(rsa(2048, 'SHA-256'), true, ['sign', 'verify'])
  const jwk = await subtle.exportKey('jwk', made.privateKey)
  const read = (text = '') => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)
  const write = (value: bigint) => {
    const hex = value.toString(16)
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString(
      'base64url',
    )
  }
  const [p, q] = [read(jwk.p), read(jwk.q)]
  const d = inverse(e, (p - 1n) * (q - 1n))
  const own = { kty: 'RSA', n: jwk.n ?? '', e: write(e) }
  const secret = { ...own, d: write(d), dp: write(d % (p - 1n)), dq: write(d % (q - 1n)) }
  const whole = { ...secret, p: jwk.p ?? '', q: jwk.q ?? '', qi: jwk.qi ?? '' }
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  return {
    privateKey: await subtle.importKey('jwk', whole, algorithm, true, ['sign']),
    publicKey: await subtle.importKey('jwk', own, algorithm, true, ['verify']),
  }
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value, modulus, 1n, 0n]
  while (b > 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y]
  return ((x % modulus) + modulus) % modulus
}

export interface Make {
  /** CA with so many CAs below; null: with any number; not given: no CA. */
  readonly ca?: number | null
  readonly usage?: KeyUsageFlags
  readonly purposes?: readonly string[]
  readonly extensions?: readonly Extension[]
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly key?: KeyParameters
  /** In place of a new key. */
  readonly keys?: webcrypto.CryptoKeyPair
  /** Hash of the signature by which it is issued. */
  readonly hash?: string
}

export class Issued {
  readonly name: string
  readonly keys: webcrypto.CryptoKeyPair
  readonly der: Buffer

  constructor(name: string, keys: webcrypto.CryptoKeyPair, der: Buffer) {
    this.name = name
    this.keys = keys
    this.der = der
  }

  get certificate(): X509Certificate {
    return new X509Certificate(this.der)
  }

  get pem(): string {
    return this.certificate.toString()
  }

  /** Issues a certificate to somebody. */
  async issue(name: string, make: Make = {}): Promise<Issued> {
    return issue(name, make.keys ?? (await generate(make.key)), this, make)
  }

  /** A CA below this one. */
  issueCa(name: string, make: Make = {}): Promise<Issued> {
    return this.issue(name, { ca: null, ...make })
  }
}

/** The same with an end that is no date; its signature is that of the other, and does not hold. */
export function withoutEnd({ name, keys, der }: Issued): Issued {
  const changed = Buffer.from(der)
  const validity = changed.indexOf(Buffer.from([0x30, 0x1e, 0x17, 0x0d]))
  changed.write('210199000000Z', validity + 19, 'latin1')
  return new Issued(name, keys, changed)
}

/** One that vouches for itself. */
export async function selfSigned(name: string, make: Make = {}): Promise<Issued> {
  const keys = make.keys ?? (await generate(make.key))
  return issue(name, keys, { name, keys }, make)
}

/** A root. */
export function root(name: string, make: Make = {}): Promise<Issued> {
  return selfSigned(name, { ca: null, ...make })
}

function generate(key: KeyParameters = P256): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(key, true, ['sign', 'verify'])
}

async function issue(
  name: string,
  keys: webcrypto.CryptoKeyPair,
  issuer: Pick<Issued, 'name' | 'keys'>,
  make: Make,
): Promise<Issued> {
  const extensions: Extension[] = [...(make.extensions ?? [])]
  if (make.ca !== undefined) {
    extensions.push(new BasicConstraintsExtension(true, make.ca ?? undefined, true))
  }
  const usage = make.usage ?? (make.ca === undefined ? undefined : KeyUsageFlags.keyCertSign)
  if (usage !== undefined) extensions.push(new KeyUsagesExtension(usage, true))
  if (make.purposes !== undefined) {
    extensions.push(new ExtendedKeyUsageExtension([...make.purposes]))
  }
  const { algorithm } = issuer.keys.privateKey
  const certificate = await X509CertificateGenerator.create({
    serialNumber: `40${randomBytes(8).toString('hex')}`,
    subject: [{ CN: [name] }],
    issuer: [{ CN: [issuer.name] }],
    notBefore: make.notBefore ?? new Date(Date.now() - 3_600_000),
    notAfter: make.notAfter ?? new Date(Date.now() + 3_600_000),
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: { ...algorithm, hash: make.hash ?? hashOf(algorithm), saltLength: 32 },
    extensions,
  })
  return new Issued(name, keys, Buffer.from(certificate.rawData))
}

function hashOf(algorithm: webcrypto.KeyAlgorithm): string {
  return 'hash' in algorithm ? (algorithm.hash as { name: string }).name : 'SHA-256'
}
