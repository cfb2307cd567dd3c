import { describe, expect, test } from 'vitest'
import type { CheckedRoute } from '../../src/check/check.ts'
import { dpopProof } from '../../src/check/dpop-proof.ts'
import {
  createCheckedRoute,
  createServices,
  createTokenRequest,
  type ProofParts,
  type RequestParts,
  signProof,
} from '../support/checked-request.ts'
import { createKeyPair } from '../support/compact-signing.ts'
import { NOW } from '../support/issuer.ts'

const pair = createKeyPair('ES256')
const policy = { algorithms: ['ES256' as const] }

function ask(proof: ProofParts = {}, parts: RequestParts = {}, route: Partial<CheckedRoute> = {}) {
  const rawFields = ['DPoP', signProof('ES256', pair, 'token', proof)]
  const request = createTokenRequest('token', { rawFields, ...parts })
  request.scheme = 'DPoP'
  return { request, outcome: dpopProof.compile(policy, createCheckedRoute(route))!(request) }
}

describe('dpop_proof', () => {
  test('RFC 9449 §4.3: a proof for this request and token is established', () => {
    const { request, outcome } = ask()
    expect(outcome).toBeUndefined()
    expect(request.proof).toMatchObject({ iat: NOW, acceptableUntil: 0 })
  })

  test.each([
    ['(8): of another method', { claims: { htm: 'POST' } }, 'dpop_htm_mismatch'],
    ['(9): of another target', { claims: { htu: 'https://evil.example/' } }, 'dpop_htu_mismatch'],
    ['(12): of another token', { claims: { ath: 'x' } }, 'dpop_ath_mismatch'],
    ['(4): of another type', { header: { typ: 'JWT' } }, 'dpop_typ'],
    ['(5): of another algorithm', { header: { alg: 'PS256' } }, 'dpop_alg_not_allowed'],
  ])('RFC 9449 §4.3 %s it is refused, and none is established', (_title, proof, reason) => {
    const { request, outcome } = ask(proof)
    expect(outcome).toMatchObject({ error: 'invalid_dpop_proof', reason })
    expect(request.proof).toBeUndefined()
  })

  test('RFC 9449 §4.3 (9): the target is the public one, whatever the client calls it [D09, DPOP-H2-1, HTTP-19]', () => {
    const proof = signProof('ES256', pair, 'token', {
      claims: { htu: 'https://evil.example/accounts' },
    })
    const rawFields = ['Host', 'evil.example', 'X-Forwarded-Host', 'evil.example', 'DPoP', proof]
    expect(ask({}, { rawFields }).outcome).toMatchObject({ reason: 'dpop_htu_mismatch' })
  })

  test('RFC 9449 §7.1: the scheme DPoP without a proof is refused [D02, DPOP-7.1-4]', () => {
    expect(ask({}, { rawFields: [] }).outcome).toMatchObject({
      error: 'invalid_dpop_proof',
      reason: 'dpop_proof_missing',
    })
  })

  test('RFC 9449 §7.1: beside a bearer token a proof is not looked at [D25]', () => {
    const request = createTokenRequest('token', { rawFields: ['DPoP', 'x', 'DPoP', 'y'] })
    expect(dpopProof.compile(policy, createCheckedRoute())!(request)).toBeUndefined()
    expect(request.proof).toBeUndefined()
  })

  test('a proof that is only signed leaves no key behind [D23]', () => {
    const services = createServices()
    ask({}, {}, { services })
    ask({ claims: { ath: 'x' } }, {}, { services })
    expect(services.proofKeys).toHaveProperty('size', 0)
  })

  test('where DPoP cannot succeed, or nothing is asked, there is no check', () => {
    expect(dpopProof.compile(policy, createCheckedRoute({ schemes: ['Bearer'] }))).toBeUndefined()
    expect(dpopProof.compile(policy, createCheckedRoute({ isPublic: true }))).toBeUndefined()
  })
})
