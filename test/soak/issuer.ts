/**
 * The issuer of a soak: it signs tokens at once and by the hundred, keeps opaque ones that can be revoked,
 * and changes its keys while it is asked.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { listen } from '../../src/demo/loopback.ts'
import { createKeyPair, type KeyPair, signCompact } from '../support/compact-signing.ts'
import { API } from '../support/fixture.ts'

export interface SoakIssuer {
  /** Of JWTs; opaque tokens are those of {@link opaqueIssuer}. */
  readonly issuer: string
  readonly opaqueIssuer: string
  readonly origin: string
  /** @param claims Replace or, where undefined, remove what an honest token says. */
  sign(claims?: Claims): string
  /** Signed by a key that the issuer has withdrawn long ago; undefined while there is none. */
  signWithdrawn(claims?: Claims): string | undefined
  /** An opaque token, and what is said of it. */
  grant(claims?: Claims): string
  revoke(token: string): void
  /** Signs with the next key, publishes the one after it, and withdraws the one before the last. */
  rotate(): void
  close(): Promise<void>
}

export type Claims = Readonly<Record<string, unknown>>

/** Seconds that a token lives. */
export const LIFE = 60

interface SigningKey extends KeyPair {
  readonly kid: string
}

export async function startIssuer(tls: { certificate: string; key: string }): Promise<SoakIssuer> {
  let made = 0
  const create = (): SigningKey => ({ kid: `key-${made++}`, ...createKeyPair('ES256') })
  /** The latest may still be known to who has not asked since. */
  const withdrawn: SigningKey[] = []
  /** The one before, the present, and the next, which is published before it signs. */
  let keys: [SigningKey, SigningKey, SigningKey] = [create(), create(), create()]
  const granted = new Map<string, { readonly claims: Claims; readonly end: number }>()

  const server = createServer({ cert: tls.certificate, key: tls.key })
  // It says so, and the gateway lets idle connections go before.
  server.keepAliveTimeout = 2000
  const { port, close } = await listen(server, 0)
  const origin = `https://localhost:${port}`
  const opaqueIssuer = `${origin}/opaque`
  server.on('request', async (request, response) => {
    const body = await text(request).catch(() => '')
    const said = request.url === '/jwks' ? { keys: keys.map(publish) } : introspected(granted, body)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(said))
  })

  const honest = (issuer: string) => {
    const now = Math.floor(Date.now() / 1000)
    const audience = { iss: issuer, aud: API, client_id: 'soak', sub: 'soak' }
    return { ...audience, iat: now, exp: now + LIFE, jti: randomUUID(), scope: 'accounts' }
  }
  const signBy = ({ kid, privateKey }: SigningKey, claims: Claims) =>
    signCompact(
      { typ: 'at+jwt', alg: 'ES256', kid },
      { ...honest(origin), ...claims },
      'ES256',
      privateKey,
    )
  return {
    issuer: origin,
    opaqueIssuer,
    origin,
    sign: (claims = {}) => signBy(keys[1], claims),
    signWithdrawn(claims = {}) {
      const key = withdrawn.at(-2)
      return key && signBy(key, claims)
    },
    grant(claims = {}) {
      const token = randomUUID()
      const now = Math.floor(Date.now() / 1000)
      for (const [old, { end }] of granted) if (end < now) granted.delete(old)
      granted.set(token, { claims: { ...honest(opaqueIssuer), ...claims }, end: now + LIFE })
      return token
    },
    revoke: (token) => void granted.delete(token),
    rotate() {
      const [last, present, next] = keys
      withdrawn.splice(0, withdrawn.length - 1)
      withdrawn.push(last)
      keys = [present, next, create()]
    },
    close,
  }
}

function publish({ kid, publicKey }: SigningKey) {
  return { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }
}

function introspected(granted: ReadonlyMap<string, { readonly claims: Claims }>, body: string) {
  const known = granted.get(new URLSearchParams(body).get('token') ?? '')
  return known === undefined ? { active: false } : { active: true, ...known.claims }
}
