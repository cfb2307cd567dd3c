import { describe, expect, test } from 'vitest'
import { senderConstraint } from '../../src/check/sender-constraint.ts'
import type { Confirmation } from '../../src/token/access-token.ts'
import {
  CERTIFICATE,
  CONNECTION,
  createCheckedRoute,
  createRequest,
  createServices,
} from '../support/checked-request.ts'
import { createKeyPair } from '../support/compact-signing.ts'
import { NOW, OTHER_THUMBPRINT, THUMBPRINT } from '../support/issuer.ts'

const { publicKey: key } = createKeyPair('ES256')
const policy = { required: true, methods: ['mtls' as const, 'dpop' as const] }

function ask(
  confirmation: Confirmation | undefined,
  keyThumbprint?: string,
  withCertificate = false,
) {
  const certificate = withCertificate ? CERTIFICATE : undefined
  const request = createRequest({ connection: { ...CONNECTION, certificate } })
  const proof = { key, jti: 'jti', iat: NOW, nonce: undefined, acceptableUntil: 0 }
  request.scheme = keyThumbprint === undefined ? 'Bearer' : 'DPoP'
  if (keyThumbprint !== undefined) request.proof = { ...proof, keyThumbprint }
  request.token = {
    expiresAt: NOW + 300,
    subject: 'alice',
    clientId: 'app',
    audiences: [],
    scopes: [],
    confirmation,
    claims: {},
    algorithm: 'ES256',
  }
  const services = createServices()
  const outcome = senderConstraint.compile(policy, createCheckedRoute({ services }))!(request)
  return { outcome, proofKeys: services.proofKeys }
}

const ofKey = { keyThumbprint: THUMBPRINT, certificateThumbprint: undefined }
const ofCertificate = { keyThumbprint: undefined, certificateThumbprint: THUMBPRINT }

describe('sender_constraint', () => {
  test('RFC 8705 §3: the certificate is that of the connection', () => {
    expect(ask(ofCertificate, undefined, true).outcome).toBeUndefined()
    expect(ask(ofCertificate).outcome).toMatchObject({ reason: 'tls_client_cert_missing' })
  })

  test('RFC 9449 §4.3 (12): the key is that of the proof [D20, DPOP-4.3-12b]', () => {
    expect(ask(ofKey, THUMBPRINT).outcome).toBeUndefined()
    expect(ask(ofKey, OTHER_THUMBPRINT).outcome).toMatchObject({ reason: 'cnf_jkt_mismatch' })
  })

  test('FAPI 2.0 SP §5.3.4-5: a token that is bound to nothing is refused [J42]', () => {
    expect(ask(undefined).outcome).toMatchObject({ error: 'invalid_token', reason: 'cnf_missing' })
  })

  test('RFC 9449 §7.2: a request of no scheme is judged as the weaker one', () => {
    const request = createRequest()
    request.token = {
      expiresAt: NOW + 300,
      subject: undefined,
      clientId: undefined,
      audiences: [],
      scopes: [],
      confirmation: ofKey,
      claims: {},
      algorithm: 'ES256',
    }
    expect(senderConstraint.compile(policy, createCheckedRoute())!(request)).toMatchObject({
      reason: 'dpop_token_as_bearer',
    })
  })

  test('the key of a proof is remembered when the token is bound to it, and only then [D23]', () => {
    expect(ask(ofKey, THUMBPRINT).proofKeys.get(THUMBPRINT)).toBe(key)
    expect(ask(ofKey, OTHER_THUMBPRINT).proofKeys).toHaveProperty('size', 0)
    expect(ask(undefined, THUMBPRINT).proofKeys).toHaveProperty('size', 0)
    expect(ask(ofCertificate, THUMBPRINT, true).proofKeys).toHaveProperty('size', 0)
  })

  test('on a public route there is no check', () => {
    const route = createCheckedRoute({ isPublic: true })
    expect(senderConstraint.compile(policy, route)).toBeUndefined()
  })
})
