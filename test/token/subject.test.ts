import { expect, test } from 'vitest'
import type { AccessToken } from '../../src/token/access-token.ts'
import { speaksForUser } from '../../src/token/subject.ts'

const honest: AccessToken = {
  expiresAt: 1,
  subject: 'alice',
  clientId: 'app',
  audiences: [],
  scopes: [],
  confirmation: undefined,
  claims: {},
  algorithm: undefined,
}

test('FAPI 2.0 SP §6.7: a token with a subject of its own speaks for a user', () => {
  expect(speaksForUser(honest)).toBe(true)
  expect(speaksForUser({ ...honest, claims: { grant_type: 'authorization_code' } })).toBe(true)
})

test.each<[string, Partial<AccessToken>]>([
  ['whose subject is the client', { subject: 'app' }],
  ['without a subject', { subject: undefined }],
  ['whose issuer says gty', { claims: { gty: 'client-credentials' } }],
  ['whose issuer says grant_type', { claims: { grant_type: 'client_credentials' } }],
])('FAPI 2.0 SP §6.7, ATK-7: a token %s does not', (_title, change) => {
  expect(speaksForUser({ ...honest, ...change })).toBe(false)
})
