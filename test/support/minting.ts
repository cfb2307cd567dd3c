/**
 * Access tokens signed with an issuer's own keys, for those that an honest issuer would not sign: right
 * in everything but one place.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { importJWK, type JWK, SignJWT } from 'jose'
import { generateSigningKeys } from '../../src/demo/authorization-server.ts'
import { API } from './fixture.ts'

export interface SigningKeys {
  readonly keys: readonly JWK[]
}

/** @param claims Replace or, where undefined, remove what an honest token says; so does `header`. */
export type Mint = (
  claims?: Record<string, unknown>,
  header?: Record<string, unknown>,
) => Promise<string>

/** Signing keys as the authorization server makes them, under names of our own. */
export async function namedSigningKeys(prefix: string): Promise<SigningKeys> {
  const { keys } = await generateSigningKeys()
  return { keys: keys.map((key) => ({ ...key, kid: `${prefix}-${key.alg}` })) }
}

/** @param issuer Its identifier, for `iss`. */
export function createMint({ keys }: SigningKeys, issuer: string): Mint {
  return async (claims = {}, header = {}) => {
    const key = keys.find(({ alg }) => alg === 'PS256')!
    const now = Math.floor(Date.now() / 1000)
    return new SignJWT({
      iss: issuer,
      sub: 'minted',
      client_id: 'minted',
      aud: API,
      iat: now,
      exp: now + 300,
      jti: randomUUID(),
      scope: 'accounts',
      ...claims,
    })
      .setProtectedHeader({ alg: 'PS256', typ: 'at+jwt', kid: key.kid!, ...header })
      .sign(await importJWK(key, 'PS256'))
  }
}
