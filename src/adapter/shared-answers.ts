/**
 * Answers of introspection endpoints that instances share (RFC 7662 §4), in the store that they share.
 *
 * Whoever reads the store learns nothing, and whoever writes to it brings nothing about: names are made
 * with a secret, so that no token can be looked for, and values are encrypted and bound to their name, so
 * that none can take the place of another. A store that cannot be asked has no answers; that is all.
 *
 * Only active tokens are kept: that one is not active is soon asked again, and made-up tokens fill nothing.
 *
 * @module
 */

import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { parseJsonObject } from '../encoding/json.ts'
import type { Claims } from '../token/claims.ts'
import { StoreFault } from './redis/fault.ts'
import type { RedisStore } from './redis/store.ts'

/** NIST SP 800-38D §8.2.2: a random one of 96 bits, which is good for 2^32 values under one key. */
const IV_BYTES = 12
const TAG_BYTES = 16
/** Longest value, in characters: an answer is a few hundred. */
const LONGEST = 32_768

export interface SharedAnswer {
  readonly claims: Claims
  /** Seconds since the issuer was asked. */
  readonly age: number
}

interface Keys {
  readonly naming: Buffer
  readonly sealing: Buffer
}

export class SharedAnswers {
  readonly #store: RedisStore
  readonly #keys: readonly Keys[]

  /** @param secrets The first is in use; what was kept with the others is read as well. */
  constructor(store: RedisStore, secrets: readonly string[]) {
    this.#store = store
    this.#keys = secrets.map((secret) => ({
      naming: derive(secret, 'names of introspection answers'),
      sealing: derive(secret, 'introspection answers'),
    }))
  }

  /**
   * @param scope Whose answer it is: the issuer, and who asked.
   * @param digest SHA-256 of the token.
   */
  async find(scope: string, digest: string): Promise<SharedAnswer | undefined> {
    const read = await Promise.all(this.#keys.map((keys) => this.#read(keys, scope, digest)))
    return read.filter((one) => one !== undefined).sort((one, other) => one.age - other.age)[0]
  }

  /** @param age Seconds since the issuer was asked. @param life Seconds for which it is used, from then on. */
  keep(scope: string, digest: string, { claims, age }: SharedAnswer, life: number): void {
    const [keys] = this.#keys
    const left = Math.floor((life - age) * 1000)
    if (keys === undefined || left <= 0) return
    const name = this.#nameOf(keys, scope, digest)
    const time = this.#store.timeAt(name)
    if (time === undefined) return
    const text = `${(time - age).toFixed(3)} ${JSON.stringify(claims)}`
    const sealed = seal(keys, text, this.#boundTo(name))
    if (sealed.length > LONGEST) return
    void this.#store.run('cache_set', name, ['SET', name, sealed, 'PX', String(left)])
  }

  /** What is known now is something else. */
  forget(scope: string, digest: string): void {
    for (const keys of this.#keys) {
      const name = this.#nameOf(keys, scope, digest)
      void this.#store.run('cache_set', name, ['DEL', name])
    }
  }

  async #read(keys: Keys, scope: string, digest: string): Promise<SharedAnswer | undefined> {
    const name = this.#nameOf(keys, scope, digest)
    const sealed = await this.#store.run('cache_get', name, ['GET', name])
    const time = this.#store.timeAt(name)
    if (sealed instanceof StoreFault || typeof sealed !== 'string' || time === undefined)
      return undefined
    const text = open(keys, sealed, this.#boundTo(name))
    if (text === undefined) return undefined
    const blank = text.indexOf(' ')
    const claims = parseJsonObject(text.subarray(blank + 1))
    const age = time - Number(text.toString('latin1', 0, blank))
    // As exactly as the server's time is known here.
    return claims === undefined || !(age > -1) ? undefined : { claims, age: Math.max(0, age) }
  }

  #nameOf({ naming }: Keys, scope: string, digest: string): string {
    const name = createHmac('sha256', naming).update(`${scope} ${digest}`).digest('base64url')
    return `${this.#store.keyPrefix}answer:${name}`
  }

  /** Its name, and the server as it was: times are told by its clock. */
  #boundTo(name: string): Buffer {
    return Buffer.from(`${name} ${this.#store.epochAt(name)}`)
  }
}

function derive(secret: string, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `fapi-gateway ${use}`, 32))
}

function seal({ sealing }: Keys, text: string, boundTo: Buffer): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', sealing, iv)
  cipher.setAAD(boundTo)
  const sealed = [iv, cipher.update(text), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(sealed).toString('base64url')
}

/** @returns Undefined if it was not sealed so: by another key, for another name, or changed since. */
function open({ sealing }: Keys, sealed: string, boundTo: Buffer): Buffer | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length <= IV_BYTES + TAG_BYTES) return undefined
  const iv = bytes.subarray(0, IV_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', sealing, iv, { authTagLength: TAG_BYTES })
  decipher.setAAD(boundTo)
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const text = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES))
    return Buffer.concat([text, decipher.final()])
  } catch {
    return undefined
  }
}
