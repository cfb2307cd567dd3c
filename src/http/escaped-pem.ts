/**
 * Certificates as PEM (RFC 7468 §5) in percent-encoding, so that they fit into one field line: what
 * nginx, Envoy and AWS send.
 *
 * @module
 */

import { decodeBase64 } from '../encoding/base64.ts'

const BEGIN = '-----BEGIN CERTIFICATE-----'
const END = '-----END CERTIFICATE-----'

/** What may stand unencoded; the encoders differ in how much of it they encode nevertheless. */
const ESCAPED = /^(?:[A-Za-z0-9+/=-]|%[0-9A-Fa-f]{2})+$/

/**
 * Reads certificates, in their order: DER that was not looked at yet. Undefined if there is anything
 * before, between or behind them, or if there are none. A plus sign is one: this is no form.
 */
export function parseEscapedPem(value: string): Buffer[] | undefined {
  if (!ESCAPED.test(value)) return undefined
  // Bytes, and not UTF-8: what is not ASCII is no PEM, and fails as such.
  const text = value.replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return parsePem(text)
}

/** Strict (RFC 7468 §3): no explanatory text, no headers, no white space but ends of lines. */
export function parsePem(text: string): Buffer[] | undefined {
  const certificates: Buffer[] = []
  let body: string | undefined
  for (const line of text.replace(/\r?\n$/, '').split(/\r?\n/)) {
    if (line === BEGIN && body === undefined) {
      body = ''
    } else if (line === END && body !== undefined) {
      const der = decodeBase64(body)
      if (der === undefined || der.length === 0) return undefined
      certificates.push(der)
      body = undefined
    } else if (body !== undefined && /^[A-Za-z0-9+/=]{1,76}$/.test(line)) {
      body += line
    } else {
      return undefined
    }
  }
  return body === undefined ? certificates : undefined
}
