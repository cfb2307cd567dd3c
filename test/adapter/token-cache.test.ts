import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { ImportedKeys, VerifiedTokens } from '../../src/adapter/token-cache.ts'
import type { AccessToken } from '../../src/token/access-token.ts'

function token(subject: string, claims: Record<string, unknown> = {}): AccessToken {
  return {
    expiresAt: 1_700_000_300,
    subject,
    clientId: 'tpp',
    audiences: [],
    scopes: [],
    confirmation: undefined,
    claims,
    algorithm: 'PS256',
  }
}

test('a verified token is found under its digest, and under no other', () => {
  const tokens = new VerifiedTokens({ entries: 10, bytes: 1_000_000 })
  const one = token('one')
  tokens.set('digest', one)
  expect(tokens.get('digest')).toBe(one)
  expect(tokens.get('digest2')).toBeUndefined()
})

test('no more are remembered than there may be: the one that was used longest ago goes [J45]', () => {
  const tokens = new VerifiedTokens({ entries: 2, bytes: 1_000_000 })
  tokens.set('a', token('a'))
  tokens.set('b', token('b'))
  tokens.get('a')
  tokens.set('c', token('c'))
  expect(['a', 'b', 'c'].map((digest) => tokens.get(digest)?.subject)).toEqual([
    'a',
    undefined,
    'c',
  ])
})

test('nor more than their memory may be, large ones counted as such [J45]', () => {
  const tokens = new VerifiedTokens({ entries: 1000, bytes: 100_000 })
  for (let i = 0; i < 1000; i++) tokens.set(`small ${i}`, token(`${i}`, { sub: `${i}` }))
  expect(tokens.size).toBeGreaterThan(100)
  for (let i = 0; i < 20; i++) tokens.set(`large ${i}`, token('a', { list: Array(500).fill([]) }))
  expect(tokens.bytes).toBeLessThanOrEqual(100_000)
  expect(tokens.size).toBe(4)
})

test('imported keys of proofs are bounded in number as well [D22]', () => {
  const keys = new ImportedKeys(2)
  const key = createPublicKey(generateKeyPairSync('ed25519').privateKey)
  for (const thumbprint of ['a', 'b', 'c']) keys.set(thumbprint, key)
  expect(['a', 'b', 'c'].map((thumbprint) => keys.get(thumbprint))).toEqual([undefined, key, key])
})
