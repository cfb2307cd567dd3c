import { expect, test } from 'vitest'
import { profileWindows, ReplayDomain } from './domain.ts'

const NOW = 1_700_000_000

test('the windows are those of the profile, and of the schema', () => {
  expect(profileWindows('required')).toEqual({
    nonce: 'required',
    maxAge: 60,
    futureSkew: 10,
    rotate: 60,
  })
})

test('a proof is accepted once, with a nonce that was given out here', () => {
  const domain = new ReplayDomain(profileWindows('required'), 'one')
  const other = new ReplayDomain(profileWindows('required'), 'other')
  const elsewhere = new ReplayDomain(profileWindows('required'), 'one', 'another store')
  const proof = { jti: '1', iat: NOW, nonce: domain.nonce(NOW) }
  expect(elsewhere.use(proof, NOW).refused).toBe('dpop_nonce_stale')
  expect(domain.use({ ...proof, nonce: undefined }, NOW).refused).toBe('dpop_nonce_required')
  expect(other.use(proof, NOW).refused).toBe('dpop_nonce_stale')
  expect(domain.use(proof, NOW).refused).toBeUndefined()
  expect(domain.use(proof, NOW).refused).toBe('dpop_replayed')
  expect(domain.use({ ...proof, jti: '2' }, NOW + 120).refused).toBe('dpop_nonce_stale')
})

test('without nonces, iat says how long a proof is good', () => {
  const domain = new ReplayDomain(profileWindows('off'), 'one')
  const proof = { jti: '1', iat: NOW, nonce: undefined }
  expect(domain.nonce(NOW)).toBeUndefined()
  expect(domain.use(proof, NOW + 61).refused).toBe('dpop_iat_out_of_window')
  expect(domain.use(proof, NOW + 60)).toMatchObject({ refused: undefined, until: NOW + 61 })
})
