/**
 * Client certificates that a trusted proxy in front passes on (RFC 8705 §6.5, RFC 9440).
 *
 * What the proxy says of a certificate is not believed: its chain is verified here, to the CAs of the
 * configuration. That the client has its key is what the proxy alone can know, and why it has to be trusted.
 *
 * @module
 */

import { hash, X509Certificate } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { ClientCertificatePolicy } from '../config/configuration.ts'
import { type Failure, fail } from '../failure/failure.ts'
import {
  type ClientCertFields,
  type ClientCertValues,
  parseClientCert,
  takeClientCert,
} from '../http/client-cert.ts'
import type { ClientCertificate } from '../sender-constraint/certificate.ts'
import { Authorities, verifyChain } from '../x509/chain.ts'
import { readPresentedCertificate } from '../x509/presented-certificate.ts'
import { type CertificateOrigin, certificateFacts } from './certificate-facts.ts'

/** One connection of a proxy carries the requests of many clients: more than the last has to be known. */
const MAX_KNOWN = 1000

/** Seconds for which a chain that does not hold is not verified anew. */
const RETRY_AFTER = 60

interface Known {
  readonly certificate: ClientCertificate
  /** Seconds since the epoch. */
  readonly until: number
}

/** The certificates of one policy. Another policy has another one of these, and so trusts nothing of it. */
export class ForwardedCertificates {
  readonly #fields: ClientCertFields
  readonly #demands: Pick<CertificateOrigin, 'isDemanded' | 'revocation'>
  readonly #authorities: Authorities | undefined
  /** By digest of the fields' values. */
  readonly #known = new LRUCache<string, Known>({ max: MAX_KNOWN })

  constructor({ mode, ca, revocation }: ClientCertificatePolicy, fields: ClientCertFields) {
    this.#fields = fields
    this.#demands = { isDemanded: mode === 'required', revocation: revocation?.id }
    const certificates = mode === 'request' ? undefined : (ca?.match(PEM) ?? [])
    this.#authorities =
      certificates && new Authorities(certificates.map((text) => new X509Certificate(text)))
  }

  /**
   * The certificate that a request brings, which came from a trusted proxy.
   *
   * @param now Seconds since the epoch.
   */
  read(rawFields: readonly string[], now: number): ClientCertificate | Failure | undefined {
    const values = takeClientCert(rawFields, this.#fields)
    if (values === undefined || !('certificate' in values)) return values
    const key = hash('sha256', `${values.certificate}\n${values.chain}`, 'base64url')
    const known = this.#known.get(key)
    if (known !== undefined && now <= known.until) return known.certificate
    const verified = this.#verify(values, now)
    if (verified === undefined) return fail('bad_request', 'client_cert_field_malformed')
    this.#known.set(key, verified)
    return verified.certificate
  }

  #verify(values: ClientCertValues, now: number): Known | undefined {
    const presented = parseClientCert(this.#fields.format, values)
    if (presented === undefined) return undefined
    const leaf = readPresentedCertificate(presented.leaf)
    const chain = presented.chain.map(readPresentedCertificate)
    if (leaf === undefined || chain.includes(undefined)) return undefined
    const intermediates = chain.filter((one) => one !== undefined)
    if (this.#authorities === undefined) {
      const certificate = certificateFacts(leaf, false, undefined, {
        ...this.#demands,
        intermediates: () => presented.chain,
      })
      return { certificate, until: Number.POSITIVE_INFINITY }
    }
    const { path, fault, until } = verifyChain(leaf, intermediates, this.#authorities, now)
    const certificate = certificateFacts(leaf, true, fault, {
      ...this.#demands,
      intermediates: () => (fault === undefined ? path.slice(1, -1).map(({ raw }) => raw) : []),
    })
    return { certificate, until: fault === undefined ? until : now + RETRY_AFTER }
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
