import { describe, expect, test } from 'vitest'
import {
  checkFreshness,
  type FreshnessPolicy,
} from '../../../src/sender-constraint/dpop/freshness.ts'
import { Nonces } from '../../../src/sender-constraint/dpop/nonce.ts'
import type { VerifiedProof } from '../../../src/sender-constraint/dpop/proof.ts'
import { createKeyPair } from '../../support/compact-signing.ts'
import { NOW, THUMBPRINT } from '../../support/issuer.ts'

const PERIOD = 30
const nonces = new Nonces([Buffer.alloc(32, 1)], PERIOD)
const good = nonces.current(NOW)
const previous = nonces.current(NOW - PERIOD)
const stale = nonces.current(NOW - 2 * PERIOD)
/** When {@link good} ends. */
const END = (Math.floor(NOW / PERIOD) + 2) * PERIOD
const { publicKey } = createKeyPair('ES256')
const HOUR = 3600

function judge(
  mode: FreshnessPolicy['nonce'],
  age: number,
  nonce?: string,
  { since = 0, now = NOW } = {},
) {
  const proof: VerifiedProof = {
    keyThumbprint: THUMBPRINT,
    key: publicKey,
    jti: 'jti',
    iat: NOW - age,
    nonce,
    acceptableUntil: 0,
  }
  const failure = checkFreshness(
    proof,
    { nonce: mode, maxAge: 60, futureSkew: 10, since },
    nonces,
    now,
  )
  return { failure, until: proof.acceptableUntil }
}

const byClock = [
  ['just now', 0],
  ['T-IAT10: ten seconds ago', 10],
  ['T-IAT8: eight seconds ahead', -8],
  ['at the oldest', 60],
  ['at the farthest ahead', -10],
] as const

const outside = [
  ['a moment too old', 60.001],
  ['a second too old', 61],
  ['T-DPN: an hour old', HOUR],
  ['a moment too far ahead', -10.001],
  ['a second too far ahead', -11],
  ['T-DPN: an hour ahead', -HOUR],
] as const

describe('checkFreshness', () => {
  test('RFC 9449 §11.1: with a nonce of ours that is not asked for, a proof is remembered as long as with one that is [D15]', () => {
    expect(judge('off', 60, good).until).toBe(END)
  })

  test('RFC 9449 §11.1: with a nonce that is not good here, a proof is remembered as long as any nonce can be good [D15]', () => {
    for (const nonce of [stale, 'nonce', '']) expect(judge('off', 60, nonce).until).toBe(END + 30)
    expect(judge('off', 60).until).toBe(NOW + 1)
  })

  describe.each(['off', 'optional'] as const)('without a nonce, where it is %s', (mode) => {
    test.each(byClock)(
      'RFC 9449 §4.3 (11): a proof of %s is fresh [D10, DPOP-4.3-11]',
      (_title, age) => {
        expect(judge(mode, age).failure).toBeUndefined()
      },
    )

    test.each(outside)(
      'RFC 9449 §4.3 (11): a proof of %s is refused [D10, DPOP-4.3-11]',
      (_title, age) => {
        expect(judge(mode, age).failure).toMatchObject({
          error: 'invalid_dpop_proof',
          reason: 'dpop_iat_out_of_window',
          detail: { age: Math.round(age) },
        })
      },
    )

    test.each(byClock)(
      'RFC 9449 §11.1: a proof of %s is remembered beyond its window [D15]',
      (_title, age) => {
        const { until } = judge(mode, age)
        expect(until).toBeGreaterThan(NOW - age + 60)
        const late = { nonce: mode, maxAge: 60, futureSkew: 10, since: 0 }
        const again = {
          keyThumbprint: THUMBPRINT,
          key: publicKey,
          jti: 'jti',
          iat: NOW - age,
          nonce: undefined,
          acceptableUntil: 0,
        }
        expect(checkFreshness(again, late, nonces, until)).toMatchObject({
          reason: 'dpop_iat_out_of_window',
        })
      },
    )
  })

  test.each([
    ['good', good],
    ['stale', stale],
    ['made up', 'nonce'],
    ['empty', ''],
  ])('RFC 9449 §8: where nonces are off, nobody is refused for one that is %s', (_title, nonce) => {
    expect(judge('off', 0, nonce).failure).toBeUndefined()
    expect(judge('off', 61, nonce).failure?.reason).toBe('dpop_iat_out_of_window')
  })

  test.each([
    ['just now', 0],
    ['an hour ago', HOUR],
    ['an hour ahead', -HOUR],
  ])(
    'RFC 9449 §9, §11.3: where a nonce is demanded, a proof without one is refused (%s) [D18, DPOP-11.3-1]',
    (_title, age) => {
      expect(judge('required', age).failure).toMatchObject({
        error: 'use_dpop_nonce',
        reason: 'dpop_nonce_required',
      })
    },
  )

  describe.each(['off', 'optional'] as const)('after a restart, where nonces are %s', (mode) => {
    test('RFC 9449 §11.1: a proof from before may have been used, and is not let through [R11]', () => {
      for (const age of [1, 10, 60]) {
        expect(judge(mode, age, undefined, { since: NOW }).failure).toMatchObject({
          error: 'temporarily_unavailable',
          reason: 'dpop_proof_before_start',
        })
      }
    })

    test('RFC 9449 §11.1: one from then on is fresh', () => {
      for (const age of [0, -10]) {
        expect(judge(mode, age, undefined, { since: NOW }).failure).toBeUndefined()
      }
    })
  })

  describe.each(['optional', 'required'] as const)('with a nonce, where it is %s', (mode) => {
    test('RFC 9449 §8: the nonce is of this process, whatever the clock of the client says', () => {
      expect(judge(mode, HOUR, good, { since: NOW }).failure).toBeUndefined()
    })

    test('RFC 9449 §8: one of an instance whose clock is ahead is good as long as a clock may be', () => {
      const next = nonces.current(END - PERIOD)
      const near = judge(mode, 0, next, { now: END - PERIOD - 10 })
      expect(near).toEqual({ failure: undefined, until: END + PERIOD })
      const far = judge(mode, 0, next, { now: END - PERIOD - 10.001 })
      expect(far.failure?.reason).toBe('dpop_nonce_stale')
    })

    test.each([
      ['just now', 0],
      ['an hour ago', HOUR],
      ['an hour ahead', -HOUR],
    ])(
      'RFC 9449 §4.3 (11), T-DPN: the time of the nonce counts, not that of the client (%s) [DPOP-4.3-11]',
      (_title, age) => {
        expect(judge(mode, age, good)).toEqual({ failure: undefined, until: END })
      },
    )

    test('RFC 9449 §8.2: the previous nonce is good, until it ends [D19]', () => {
      expect(judge(mode, 0, previous)).toEqual({ failure: undefined, until: END - PERIOD })
    })

    test.each([
      ['stale', stale],
      ['made up', 'nonce'],
      ['empty', ''],
    ])(
      'RFC 9449 §4.3 (10): one that is %s is refused, however fresh the proof [D18, DPOP-4.3-10]',
      (_title, nonce) => {
        expect(judge(mode, 0, nonce).failure).toMatchObject({
          error: 'use_dpop_nonce',
          reason: 'dpop_nonce_stale',
        })
      },
    )
  })
})
