/**
 * `issuers.<id>.encryption`, compiled: the keys that tokens are encrypted for (RFC 9068 §4).
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import type { KeyManagement } from '../jose/compact-encryption.ts'
import type { EncryptionConfig } from './configuration.ts'
import type { IssuerInput } from './issuer-schema.ts'
import { nameOf } from './reading.ts'
import type { Entry, Sources } from './section.ts'

/** Undefined where nothing is agreed, or what is agreed cannot be; the latter has been said. */
export function compileEncryption(
  { path: issuerPath, input }: Entry<IssuerInput>,
  { reader, files }: Sources,
): EncryptionConfig | undefined {
  const { encryption, tokens } = input
  if (encryption === undefined) return undefined
  const path = [...issuerPath, 'encryption']
  const { document, diagnostics } = reader
  if (tokens === 'introspection') {
    const message = `${nameOf(path)}: without effect, since the issuer is asked about every token`
    diagnostics.error('invalid-value', document.key(path), message)
  }
  const read = encryption.keys.flatMap((file, index) => {
    const at = [...path, 'keys', index]
    const key = files.readKey(file, at)
    return key === undefined ? [] : [{ ...key, at }]
  })
  const algorithms = encryption.algorithms ?? [...new Set(read.map(({ key }) => usualFor(key)))]
  for (const { key, at } of read) {
    if (algorithms.some((name) => fits(key, name))) continue
    const message = `${nameOf(at)}: a key of type ${key.asymmetricKeyType}, for none of ${algorithms.join(' ')}`
    diagnostics.error('invalid-value', document.at(at), message)
  }
  return {
    keys: read.map(({ text }) => ({ text, keyId: keyIdOf(text) })),
    algorithms,
    content: encryption.content,
  }
}

function usualFor(key: KeyObject): KeyManagement {
  return key.asymmetricKeyType === 'rsa' ? 'RSA-OAEP-256' : 'ECDH-ES+A256KW'
}

function fits({ asymmetricKeyType }: KeyObject, name: KeyManagement): boolean {
  if (name.startsWith('RSA')) return asymmetricKeyType === 'rsa'
  return asymmetricKeyType === 'ec' || asymmetricKeyType === 'x25519'
}

/** A JWK that could be read as a key is an object. */
function keyIdOf(text: string): string | undefined {
  const kid = text.trimStart().startsWith('{') ? JSON.parse(text).kid : undefined
  return typeof kid === 'string' ? kid : undefined
}
