/**
 * Private keys of the gateway, as they are written.
 *
 * @module
 */

import { createPrivateKey, type KeyObject } from 'node:crypto'

/** A private key as PEM of any kind, or as a JWK. @throws If it is neither. */
export function importKey(text: string): KeyObject {
  return text.trimStart().startsWith('{')
    ? createPrivateKey({ key: JSON.parse(text), format: 'jwk' })
    : createPrivateKey(text)
}
