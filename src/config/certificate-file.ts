/**
 * Certificates and keys that a configuration names, read and looked at before they are used.
 *
 * @module
 */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { Path } from './document.ts'
import { causeOf } from './file-fault.ts'
import type { ConfigReader } from './reading.ts'
import { beside, type LoadPorts } from './substitution.ts'

const DAY = 86_400
const SOON = 14 * DAY
const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
/** RFC 9325 §4.5; and what FAPI 2.0 SP §5.4.1 asks of keys in general. */
const LEAST_RSA_BITS = 2048
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

export interface CredentialFiles {
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** As the file calls it. */
  readonly name: string
  readonly certificate: X509Certificate
  /** `rsa`, `ec`, `ed25519` …, as node:crypto calls it. */
  readonly keyType: string
}

/** Reads what the settings of one document name. */
export class CertificateFiles {
  /** PEM of every certificate that was read: a new one is another configuration. */
  readonly certificates: string[] = []
  readonly #reader: ConfigReader
  readonly #ports: LoadPorts

  constructor(reader: ConfigReader, ports: LoadPorts) {
    this.#reader = reader
    this.#ports = ports
  }

  /** The text of the file that a setting names, or the setting itself where it is PEM text or JSON. */
  readText(value: string, path: Path): string | undefined {
    if (/^\s*(-----BEGIN |\{)/.test(value)) return value
    const tried = beside(this.#reader.document.file, value)
    try {
      return this.#ports.readFile(tried)
    } catch (error) {
      const shown = this.#shown(path)
      const cause = causeOf(error, tried, shown === value ? value : undefined)
      this.#error('missing-file', path, `${shown} cannot be read${cause}`)
      return undefined
    }
  }

  /** The path of a file that is read again and again while the gateway runs. */
  locate(value: string, path: Path): string | undefined {
    if (/-----BEGIN /.test(value)) {
      this.#error('invalid-file', path, `${this.#shown(path)} is no path of a file`)
      return undefined
    }
    const text = this.readText(value, path)
    return text === undefined ? undefined : beside(this.#reader.document.file, value)
  }

  /** A bundle of CA certificates. */
  readAuthorities(value: string | undefined, path: Path): string | undefined {
    if (value === undefined) return undefined
    const text = this.readText(value, path)
    if (text === undefined) return undefined
    const certificates = this.#parseCertificates(text, path)
    if (certificates === undefined) return undefined
    const expired = certificates.filter((one) => secondsOf(one.validTo) < this.#ports.now)
    if (expired.length > 0) {
      const message = `${this.#shown(path)} has a CA whose certificate has expired: ${expired[0]?.validTo}`
      this.#reader.diagnostics.warn('certificate-expired', this.#reader.document.at(path), message)
    }
    return text
  }

  /** A certificate and its key. Both are judged, even if one of them cannot be read. */
  readCredential(
    { cert, key }: { readonly cert: string; readonly key: string },
    certPath: Path,
    keyPath: Path,
  ): CredentialFiles | undefined {
    const chain = this.readText(cert, certPath)
    const keyText = this.readText(key, keyPath)
    const [certificate] =
      (chain === undefined ? undefined : this.#parseCertificates(chain, certPath)) ?? []
    const privateKey = keyText === undefined ? undefined : this.#parseKey(keyText, keyPath)
    if (certificate !== undefined) this.#judgeDates(certificate, certPath)
    if (chain === undefined || keyText === undefined) return undefined
    if (certificate === undefined || privateKey === undefined) return undefined

    if (!certificate.checkPrivateKey(privateKey)) {
      const [own, other] = [kindOf(certificate.publicKey), kindOf(privateKey)]
      const kinds =
        own === other ? `both are ${own}` : `the certificate is ${own}, the key is ${other}`
      const names = `${this.#shown(keyPath)} is not the key of ${this.#shown(certPath)}`
      const message = `${names}: ${kinds}`
      this.#error('key-mismatch', keyPath, message)
      return undefined
    }
    if (!this.#isStrong(privateKey, keyPath)) return undefined
    const keyType = privateKey.asymmetricKeyType ?? ''
    return { cert: chain, key: keyText, name: this.#shown(certPath), certificate, keyType }
  }

  /** A private key alone, as PEM or JWK. */
  readKey(value: string, path: Path): { text: string; key: KeyObject } | undefined {
    const text = this.readText(value, path)
    const key = text === undefined ? undefined : this.#parseKey(text, path)
    if (text === undefined || key === undefined || !this.#isStrong(key, path)) return undefined
    return { text, key }
  }

  #parseCertificates(text: string, path: Path): X509Certificate[] | undefined {
    const blocks = text.match(PEM) ?? []
    try {
      const certificates = blocks.map((block) => new X509Certificate(block))
      if (certificates.length > 0) {
        this.certificates.push(blocks.join('\n'))
        return certificates
      }
    } catch {
      // Said below: what is no certificate is as good as none.
    }
    this.#error('invalid-file', path, `${this.#shown(path)} holds no PEM certificate`)
    return undefined
  }

  #parseKey(text: string, path: Path): KeyObject | undefined {
    try {
      return text.trimStart().startsWith('{')
        ? createPrivateKey({ key: JSON.parse(text), format: 'jwk' })
        : createPrivateKey(text)
    } catch {
      const message = `${this.#shown(path)} holds no private key that can be used without a passphrase`
      this.#error('invalid-file', path, message)
      return undefined
    }
  }

  #isStrong(key: KeyObject, path: Path): boolean {
    const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {}
    const isWeak =
      (modulusLength !== undefined && modulusLength < LEAST_RSA_BITS) ||
      (namedCurve !== undefined && !CURVES.has(namedCurve))
    if (isWeak) {
      const found = modulusLength === undefined ? namedCurve : `RSA with ${modulusLength} bits`
      const note = 'RSA with 2048 bits or more, or P-256, P-384, P-521'
      const message = `${this.#shown(path)} is a weak key: ${found}`
      this.#reader.diagnostics.error('weak-key', this.#reader.document.at(path), message, note)
    }
    return !isWeak
  }

  #judgeDates({ validFrom, validTo }: X509Certificate, path: Path): void {
    const { now } = this.#ports
    const left = secondsOf(validTo) - now
    const shown = this.#shown(path)
    if (left < 0) this.#error('certificate-expired', path, `${shown} expired on ${validTo}`)
    else if (secondsOf(validFrom) > now) {
      this.#error('certificate-expired', path, `${shown} is not valid before ${validFrom}`)
    } else if (left < SOON) {
      const message = `${shown} expires on ${validTo}`
      const at = this.#reader.document.at(path)
      this.#reader.diagnostics.warn('certificate-expires-soon', at, message)
    }
  }

  /** As the file has it: what a reference brought in is not printed, nor is PEM text. */
  #shown(path: Path): string {
    const source = this.#reader.document.show(path)
    return source.includes('-----BEGIN ') || source.startsWith('{') ? 'the text' : source
  }

  #error(
    id: 'missing-file' | 'invalid-file' | 'key-mismatch' | 'certificate-expired',
    path: Path,
    message: string,
  ) {
    this.#reader.diagnostics.error(id, this.#reader.document.at(path), message)
  }
}

const CURVE_NAMES: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
])

/** `EC P-256`, `RSA 2048`, `ED25519`. */
function kindOf({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): string {
  const { modulusLength, namedCurve } = asymmetricKeyDetails
  const curve = namedCurve === undefined ? undefined : (CURVE_NAMES.get(namedCurve) ?? namedCurve)
  return [asymmetricKeyType?.toUpperCase(), modulusLength ?? curve]
    .filter((part) => part !== undefined)
    .join(' ')
}

function secondsOf(date: string): number {
  return Date.parse(date) / 1000
}
