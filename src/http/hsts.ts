/**
 * Browsers are told to keep to https (RFC 6797, RFC 9325 §3.2).
 *
 * @module
 */

/** The field, in lower case. */
export const HSTS = 'strict-transport-security'

/**
 * Its value (RFC 6797 §6.1). Subdomains are not included: they may be another's.
 *
 * @param maxAge Seconds.
 */
export function hstsOf(maxAge: number): string {
  return `max-age=${maxAge}`
}
