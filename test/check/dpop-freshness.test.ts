import { describe, expect, test } from 'vitest'
import { MemoryReplayStore } from '../../src/adapter/replay-memory.ts'
import { dpopFreshness } from '../../src/check/dpop-freshness.ts'
import type { ReplayStore } from '../../src/sender-constraint/dpop/replay.ts'
import { createCheckedRoute, createRequest, createServices } from '../support/checked-request.ts'
import { createKeyPair } from '../support/compact-signing.ts'
import { NOW, THUMBPRINT } from '../support/issuer.ts'

const { publicKey: key } = createKeyPair('ES256')
const services = createServices()
const current = services.nonces.current(NOW)
const previous = services.nonces.current(NOW - 30)

function ask(
  nonce: 'off' | 'optional' | 'required',
  sent: string | undefined,
  age = 0,
  replay: ReplayStore = services.replay,
) {
  const request = createRequest()
  request.proof = {
    keyThumbprint: THUMBPRINT,
    key,
    jti: 'jti',
    iat: NOW - age,
    nonce: sent,
    acceptableUntil: 0,
  }
  const policy = { nonce, proof_max_age: 60, future_skew: 10 }
  const route = createCheckedRoute({ services: { ...services, replay } })
  const outcome = dpopFreshness.compile(policy, route)!(request)
  return { outcome, next: request.nextNonce, until: request.proof.acceptableUntil }
}

describe('dpop_freshness', () => {
  test('RFC 9449 §9: where a nonce is demanded, a proof without one is told which to use', () => {
    const { outcome, next } = ask('required', undefined)
    expect(outcome).toMatchObject({ error: 'use_dpop_nonce', reason: 'dpop_nonce_required' })
    expect(next).toBe(current)
  })

  test('RFC 9449 §9: so is one with a nonce that is not good [D18]', () => {
    const { outcome, next } = ask('required', 'made-up')
    expect(outcome).toMatchObject({ error: 'use_dpop_nonce', reason: 'dpop_nonce_stale' })
    expect(next).toBe(current)
  })

  test('RFC 9449 §8.2: a client with the current nonce is told no other', () => {
    expect(ask('required', current)).toMatchObject({ outcome: undefined, next: undefined })
  })

  test('RFC 9449 §8.2: a client with the previous one is served, and told the next [D19, DPOP-8.2-1]', () => {
    expect(ask('required', previous)).toMatchObject({ outcome: undefined, next: current })
  })

  test('RFC 9449 §8.2: where nonces are optional, one is offered to whoever has none', () => {
    expect(ask('optional', undefined)).toMatchObject({ outcome: undefined, next: current })
  })

  test('RFC 9449 §8: where they are off, none is given out', () => {
    expect(ask('off', undefined)).toMatchObject({ outcome: undefined, next: undefined })
    expect(ask('off', 'made-up')).toMatchObject({ outcome: undefined, next: undefined })
  })

  test.each([
    ['too old', 61],
    ['too far ahead', -11],
  ])('RFC 9449 §4.3 (11): a proof that is %s is refused', (_title, age) => {
    expect(ask('off', undefined, age).outcome).toMatchObject({
      error: 'invalid_dpop_proof',
      reason: 'dpop_iat_out_of_window',
    })
  })

  test('RFC 9449 §11.1: it is noted until when the proof would be accepted', () => {
    expect(ask('off', undefined).until).toBeGreaterThan(NOW + 60)
  })

  test('RFC 9449 §11.1: a proof from before the store began is not known to be unused [R11]', () => {
    const young = new MemoryReplayStore(10, NOW + 0.5)
    expect(ask('off', undefined, -1, young).outcome).toBeUndefined()
    // In the second in which it began: before or after, nobody can tell.
    expect(ask('off', undefined, 0, young).outcome).toMatchObject({
      error: 'temporarily_unavailable',
      reason: 'dpop_proof_before_start',
    })
  })

  test('RFC 9449 §7.1: a request without a proof is not asked', () => {
    const policy = { nonce: 'required' as const, proof_max_age: 60, future_skew: 10 }
    const request = createRequest()
    expect(dpopFreshness.compile(policy, createCheckedRoute())!(request)).toBeUndefined()
    expect(request.nextNonce).toBeUndefined()
  })

  test('where DPoP cannot succeed, or nothing is asked, there is no check', () => {
    const policy = { nonce: 'off' as const, proof_max_age: 60, future_skew: 10 }
    for (const route of [{ schemes: ['Bearer' as const] }, { isPublic: true }]) {
      expect(dpopFreshness.compile(policy, createCheckedRoute(route))).toBeUndefined()
    }
  })
})
