/**
 * Decrypts the access tokens of an issuer that encrypts them for this resource (RFC 9068 §4, RFC 7516).
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import { compactDecrypt } from 'jose/jwe/compact/decrypt'
import type { EncryptionConfig } from '../config/encryption.ts'
import { type Failure, fail } from '../failure/failure.ts'
import type { EncryptionHint } from '../jose/compact-encryption.ts'
import type { TokenDecryption } from '../token/issuer.ts'
import { importKey } from './private-key.ts'

interface OwnKey {
  readonly kid: string | undefined
  readonly key: KeyObject
}

export class OwnDecryption implements TokenDecryption {
  readonly #keys: readonly OwnKey[]
  readonly #config: EncryptionConfig
  readonly #pending = new Map<string, Promise<string | Failure>>()

  /** @throws If a key is none. */
  constructor(config: EncryptionConfig) {
    this.#config = config
    this.#keys = config.keys.map(({ text, keyId }) => ({ kid: keyId, key: importKey(text) }))
  }

  accepts({ alg, enc, kid }: EncryptionHint): boolean {
    const { algorithms, content } = this.#config
    const isAgreed = algorithms.some((one) => one === alg) && content.some((one) => one === enc)
    return isAgreed && this.#fitting(alg, kid).length > 0
  }

  /** A token that many bring at once is decrypted once. */
  decrypt(token: string, hint: EncryptionHint): Promise<string | Failure> {
    const pending = this.#pending.get(token)
    if (pending !== undefined) return pending
    const opened = this.#open(token, hint).finally(() => this.#pending.delete(token))
    this.#pending.set(token, opened)
    return opened
  }

  async #open(token: string, { alg, kid }: EncryptionHint): Promise<string | Failure> {
    const { algorithms, content } = this.#config
    const options = {
      keyManagementAlgorithms: [...algorithms],
      contentEncryptionAlgorithms: [...content],
    }
    for (const { key } of this.#fitting(alg, kid)) {
      try {
        const { plaintext } = await compactDecrypt(token, key, options)
        return Buffer.from(plaintext).toString('latin1')
      } catch {
        // Another key may be the one; why this was not says nothing that a stranger should learn.
      }
    }
    return fail('invalid_token', 'token_decryption_failed')
  }

  /** A key without a name may be meant by any name. */
  #fitting(alg: string, kid: string | undefined): readonly OwnKey[] {
    const isRsa = alg.startsWith('RSA')
    return this.#keys.filter(
      (own) =>
        (own.key.asymmetricKeyType === 'rsa') === isRsa &&
        (kid === undefined || own.kid === undefined || own.kid === kid),
    )
  }
}
