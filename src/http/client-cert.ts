/**
 * The client's certificate as a proxy in front passes it on: RFC 9440, and what proxies did before.
 *
 * Here bytes are found and nothing is believed. Whether the one who sent them may say so is asked before,
 * and whether they are a certificate, and a good one, afterwards. Whatever else such a proxy says of a
 * certificate, such as that it has verified it, is not read at all.
 *
 * @module
 */

import { decodeBase64 } from '../encoding/base64.ts'
import { splitSequences } from '../encoding/der.ts'
import { type Failure, fail } from '../failure/failure.ts'
import { parseByteSequence, parseByteSequences } from './byte-sequence.ts'
import { parseEscapedPem } from './escaped-pem.ts'
import { SEVERAL, soleField } from './field.ts'
import { parseForwardedCertElement } from './forwarded-cert-element.ts'

export const CLIENT_CERT_FORMATS = ['rfc9440', 'envoy', 'nginx', 'haproxy', 'aws', 'azure'] as const
export type ClientCertFormat = (typeof CLIENT_CERT_FORMATS)[number]

/** Where a proxy writes the certificate. */
export interface ClientCertFields {
  readonly format: ClientCertFormat
  /** Lower-case name of the field with the certificate. */
  readonly field: string
  /** Lower-case name of the field with what is between it and its CA; undefined: there is none. */
  readonly chainField: string | undefined
}

/** DER that was not looked at yet. */
export interface PresentedCertificate {
  readonly leaf: Buffer
  /** What came beside it, in its order, without the leaf. */
  readonly chain: readonly Buffer[]
}

/** Most characters of the fields together: ten certificates of the larger kind. */
export const MAX_CLIENT_CERT = 32_768

const MAX_CHAIN = 10

/** The values of the fields, as they came. */
export interface ClientCertValues {
  readonly certificate: string
  readonly chain: string
}

/**
 * Takes the values out of a request: undefined if it brings no certificate, a failure where it cannot be
 * told which it brings. An empty value is none: some proxies cannot leave a field out.
 */
export function takeClientCert(
  rawFields: readonly string[],
  { field, chainField }: ClientCertFields,
): ClientCertValues | Failure | undefined {
  const certificate = soleField(rawFields, field) ?? ''
  const chain = chainField === undefined ? '' : (soleField(rawFields, chainField) ?? '')
  // RFC 9440 §2.2: an item, which stands once. A line that a client added is one too many.
  if (certificate === SEVERAL || chain === SEVERAL) {
    return fail('bad_request', 'client_cert_field_several')
  }
  if (certificate.length + chain.length > MAX_CLIENT_CERT) {
    return fail('bad_request', 'client_cert_field_too_long')
  }
  if (certificate !== '') return { certificate, chain }
  // RFC 9440 §2.3: a chain only beside the certificate that it is of.
  return chain === '' ? undefined : fail('bad_request', 'client_cert_chain_alone')
}

/** Reads the values as a format spells them: undefined if they are not of it, to the last character. */
export function parseClientCert(
  format: ClientCertFormat,
  { certificate, chain }: ClientCertValues,
): PresentedCertificate | undefined {
  const presented = READERS[format](certificate, chain)
  if (presented === undefined || presented.chain.length > MAX_CHAIN) return undefined
  const { leaf } = presented
  // Each is one value: bytes behind it would be somebody else's to read.
  if (![leaf, ...presented.chain].every((der) => splitSequences(der)?.length === 1))
    return undefined
  // RFC 9440 §2.3: without the certificate itself, which others put in front of it.
  return { leaf, chain: presented.chain.filter((der) => !der.equals(leaf)) }
}

type Reader = (certificate: string, chain: string) => PresentedCertificate | undefined

const READERS: Readonly<Record<ClientCertFormat, Reader>> = {
  rfc9440: (certificate, chain) => {
    const leaf = parseByteSequence(certificate)
    const rest = chain === '' ? [] : parseByteSequences(chain)
    return leaf === undefined || rest === undefined ? undefined : { leaf, chain: rest }
  },

  envoy: (value) => {
    const element = parseForwardedCertElement(value)
    if (element === undefined) return undefined
    const { cert, chain } = element
    const all = chain === undefined ? undefined : parseEscapedPem(chain)
    const [own, ...others] = cert === undefined ? (all ?? []) : (parseEscapedPem(cert) ?? [])
    if (own === undefined || (chain !== undefined && all === undefined)) return undefined
    if (cert === undefined) return { leaf: own, chain: others }
    // Both: the chain begins with the certificate. Else there are two, and one is due.
    const [first, ...rest] = all ?? [own]
    return others.length === 0 && first?.equals(own) === true
      ? { leaf: own, chain: rest }
      : undefined
  },

  nginx: (certificate, chain) => {
    const [leaf, ...others] = parseEscapedPem(certificate) ?? []
    const rest = chain === '' ? [] : parseEscapedPem(chain)
    if (leaf === undefined || others.length > 0 || rest === undefined) return undefined
    return { leaf, chain: rest }
  },

  haproxy: (certificate, chain) => {
    const leaf = decodeBase64(certificate)
    const bytes = decodeBase64(chain)
    const rest = bytes === undefined ? undefined : splitSequences(bytes)
    return leaf === undefined || rest === undefined ? undefined : { leaf, chain: rest }
  },

  aws: (value) => {
    const [leaf, ...chain] = parseEscapedPem(value) ?? []
    return leaf === undefined ? undefined : { leaf, chain }
  },

  azure: (value) => {
    // App Service sends base64 of DER; a rewrite rule of Application Gateway, PEM in percent-encoding.
    const [leaf, ...others] = value.includes('%')
      ? (parseEscapedPem(value) ?? [])
      : [decodeBase64(value)]
    return leaf === undefined || others.length > 0 ? undefined : { leaf, chain: [] }
  },
}
