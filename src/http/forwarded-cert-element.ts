/**
 * `X-Forwarded-Client-Cert` as Envoy writes it: elements apart by commas, one a proxy, each a list of
 * `Key=value` apart by semicolons, with values in quotes where they hold such a character.
 *
 * @module
 */

/** A pair at the front of what is left: its key, and its value in quotes or without. */
const PAIR = /^([A-Za-z]+)=(?:"((?:[^"\\]|\\["\\])*)"|([^",;=\\\s]*))(;|$)/

export interface ForwardedCertElement {
  /** Percent-encoded PEM of the client's certificate. */
  readonly cert: string | undefined
  /** Percent-encoded PEM of the certificate and of the chain that came with it. */
  readonly chain: string | undefined
}

/**
 * Reads the one element of a value. Undefined if there are several (a proxy that appends has passed on
 * what somebody else said), if a key comes twice, or if it is not of this form.
 */
export function parseForwardedCertElement(value: string): ForwardedCertElement | undefined {
  const found = new Map<string, string>()
  let left = value
  do {
    const [pair, name = '', quoted, plain = '', end] = PAIR.exec(left) ?? []
    if (pair === undefined) return undefined
    const key = name.toLowerCase()
    // A certificate can have several names of a kind, and is one.
    const isRepeatable = key === 'uri' || key === 'dns'
    if (found.has(key) && !isRepeatable) return undefined
    found.set(key, quoted ?? plain)
    left = left.slice(pair.length)
    if (end === ';' && left === '') return undefined
  } while (left !== '')
  return { cert: found.get('cert'), chain: found.get('chain') }
}
