import { describe, expect, test } from 'vitest'
import { createRequest } from '../support/checked-request.ts'
import { createIssuer, NOW } from '../support/issuer.ts'

describe('ResourceRequest', () => {
  test('nothing is established before a check has established it', () => {
    const request = createRequest()
    expect(request).toMatchObject({
      scheme: undefined,
      credentials: undefined,
      credentialsDigest: undefined,
      proof: undefined,
      issuer: undefined,
      nextNonce: undefined,
      hasToken: false,
    })
  })

  test('a token that is read too early is a bug, and not a token that is missing', () => {
    expect(() => createRequest().token).toThrow('before the check that establishes it')
  })

  test('a token that is established is there', () => {
    const request = createRequest()
    const token = {
      expiresAt: NOW,
      subject: 'alice',
      clientId: undefined,
      audiences: [],
      scopes: [],
      confirmation: undefined,
      claims: createIssuer('as').claims,
      algorithm: undefined,
    }
    request.token = token
    expect(request.token).toBe(token)
    expect(request.hasToken).toBe(true)
  })

  test('FAPI 1.0 Baseline §7.4: a request that is written down shows no token', () => {
    const request = createRequest()
    request.token = {
      expiresAt: NOW,
      subject: 'canary',
      clientId: undefined,
      audiences: [],
      scopes: [],
      confirmation: undefined,
      claims: {},
      algorithm: undefined,
    }
    expect(JSON.stringify(request)).not.toContain('canary')
  })
})
