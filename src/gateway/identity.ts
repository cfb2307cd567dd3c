/**
 * What the upstream is told about client, token and binding.
 *
 * @module
 */

import type { ResourceRequest } from '../check/request.ts'
import type { ForwardConfig } from '../config/configuration.ts'
import type { AccessToken } from '../token/access-token.ts'

/** Names that a route gives to what it tells; lower-case, so that a client's own can be removed. */
export function identityFieldNames(forward: ForwardConfig): string[] {
  const { clientId, subject, scope, issuer, binding, thumbprint } = forward
  const { clientCert, clientCertChain } = forward
  return [clientId, subject, scope, issuer, binding, thumbprint, clientCert, clientCertChain]
    .filter((name) => name !== undefined)
    .map((name) => name.toLowerCase())
}

/**
 * Appends the fields by which the upstream learns what was verified. A value that the token does not
 * have leaves no field: what a client sent under that name has been removed before.
 */
export function appendIdentity(
  headers: string[],
  forward: ForwardConfig,
  request: ResourceRequest,
): void {
  const { token, issuer } = request
  append(headers, forward.clientId, token.clientId)
  append(headers, forward.subject, token.subject)
  append(headers, forward.scope, token.scopes.join(' '))
  append(headers, forward.issuer, issuer?.issuer)
  append(headers, forward.binding, bindingOf(token))
  const { keyThumbprint, certificateThumbprint } = token.confirmation ?? {}
  append(headers, forward.thumbprint, keyThumbprint ?? certificateThumbprint)
}

/** How the token was bound, and so proven: `mtls`, `dpop`, `mtls+dpop`, or `none`. */
export function bindingOf({ confirmation }: AccessToken): 'mtls' | 'dpop' | 'mtls+dpop' | 'none' {
  if (confirmation === undefined) return 'none'
  if (confirmation.keyThumbprint === undefined) return 'mtls'
  return confirmation.certificateThumbprint === undefined ? 'dpop' : 'mtls+dpop'
}

function append(headers: string[], name: string | undefined, value: string | undefined): void {
  if (name !== undefined && value !== undefined && value !== '')
    headers.push(name, fieldValue(value))
}

const UNSAFE = /[^\x20-\x24\x26-\x7e]|^ | $/

/**
 * Text as a field value: printable ASCII stands as it is, anything else is percent-encoded as UTF-8. The
 * percent sign itself is encoded too, so no two texts have one value.
 */
export function fieldValue(text: string): string {
  if (!UNSAFE.test(text)) return text
  return text.replace(/[^\x20-\x24\x26-\x7e]|^ | $/gu, (character) =>
    Buffer.from(character)
      .toString('hex')
      .replace(/../g, (byte) => `%${byte.toUpperCase()}`),
  )
}
