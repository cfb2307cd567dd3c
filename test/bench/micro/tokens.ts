/**
 * Reading and verifying a token, and finding it again.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { parseCompact } from '../../../src/jose/compact.ts'
import { verifySignature } from '../../../src/jose/verify.ts'
import { parseClaims } from '../../../src/token/claims.ts'
import { parseUnverifiedJwt } from '../../../src/token/jwt.ts'
import { createIssuer } from '../../support/issuer.ts'
import { createSigningKey, signToken } from '../tokens.ts'
import type { Work } from './work.ts'

const TOKENS = 1000

export async function tokenWork(): Promise<Work[]> {
  const key = await createSigningKey()
  const { issuer } = createIssuer('as')
  const issue = { issuer: issuer.issuer, audience: issuer.audiences[0]!, kid: 'bench' }
  const tokens = Array.from({ length: TOKENS }, () =>
    signToken(key, issue, { 'x5t#S256': 'A'.repeat(43) }),
  )
  const token = (turn: number) => tokens[turn % TOKENS]!
  const jws = parseCompact(tokens[0]!)
  const jwt = parseUnverifiedJwt(tokens[0]!)
  if (jws === undefined || 'reason' in jwt) throw new Error('a token of ours is not one')
  const digests = tokens.map((one) => createHash('sha256').update(one).digest('base64url'))
  const cache = new LRUCache<string, object>({ max: 50_000 })
  for (const digest of digests) cache.set(digest, {})
  const now = Math.floor(Date.now() / 1000)
  return [
    { name: 'token: compact JWS', run: (turn) => parseCompact(token(turn)) },
    { name: 'token: JWT with its claims', run: (turn) => parseUnverifiedJwt(token(turn)) },
    {
      name: 'token: claims judged',
      run: () => parseClaims(jwt.claims, issuer, now, true, 'ES256'),
    },
    {
      name: 'token: ES256 verified',
      run: () => verifySignature('ES256', key.publicKey, jws.signingInput, jws.signature),
    },
    {
      name: 'token: digest',
      run: (turn) => createHash('sha256').update(token(turn)).digest('base64url'),
    },
    { name: 'token: found in the cache', run: (turn) => cache.get(digests[turn % TOKENS]!) },
  ]
}
