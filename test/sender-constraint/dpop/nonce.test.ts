import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Nonces } from '../../../src/sender-constraint/dpop/nonce.ts'

const PERIOD = 30
/** The first moment of a period. */
const START = 1_700_000_010
const secret = Buffer.alloc(32, 7)

describe('Nonces', () => {
  test('RFC 9449 §8.1: a nonce is of NQCHARs, and long enough not to be guessed [DPOP-8.1-1, DPOP-8-2]', () => {
    const nonce = new Nonces([secret], PERIOD).current(START)
    expect(nonce).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
    // FAPI 2.0 SP §5.4.1 wants 128 bits; each character of base64url has six.
    expect(nonce.length * 6).toBeGreaterThanOrEqual(128)
  })

  test('RFC 9449 §8.2: within a period one nonce is given out, and in the next another [HOLE-7]', () => {
    const nonces = new Nonces([secret], PERIOD)
    const first = nonces.current(START)
    expect(nonces.current(START + PERIOD - 0.001)).toBe(first)
    expect(nonces.current(START + PERIOD)).not.toBe(first)
  })

  test('RFC 9449 §8.2: the current nonce ends with the next period', () => {
    const nonces = new Nonces([secret], PERIOD)
    const nonce = nonces.current(START)
    expect(nonces.acceptedUntil(nonce, START + 1)).toBe(START + 2 * PERIOD)
  })

  test('RFC 9449 §8.2: the previous one stays good for one more period, to the same end [D19, DPOP-8.2-1]', () => {
    const nonces = new Nonces([secret], PERIOD)
    const nonce = nonces.current(START)
    const end = START + 2 * PERIOD
    expect(nonces.acceptedUntil(nonce, START + PERIOD)).toBe(end)
    expect(nonces.acceptedUntil(nonce, end - 0.001)).toBe(end)
    expect(nonces.acceptedUntil(nonce, end)).toBeUndefined()
  })

  test('RFC 9449 §9: the one before it is not [D18]', () => {
    const nonces = new Nonces([secret], PERIOD)
    const [old] = [nonces.current(START), nonces.current(START + PERIOD)]
    expect(nonces.acceptedUntil(old!, START + 2 * PERIOD)).toBeUndefined()
  })

  test('RFC 9449 §9: nor is one that has not been given out yet [D18]', () => {
    const ahead = new Nonces([secret], PERIOD).current(START + PERIOD)
    expect(new Nonces([secret], PERIOD).acceptedUntil(ahead, START)).toBeUndefined()
  })

  test('RFC 9449 §8: one of an instance that is ahead is good, so far as it may be ahead', () => {
    const ahead = new Nonces([secret], PERIOD).current(START + PERIOD)
    const nonces = new Nonces([secret], PERIOD)
    const end = START + 3 * PERIOD
    expect(nonces.acceptedUntil(ahead, START + PERIOD - 5, 5)).toBe(end)
    expect(nonces.acceptedUntil(ahead, START + PERIOD, 5)).toBe(end)
    expect(nonces.acceptedUntil(ahead, START + PERIOD - 5.001, 5)).toBeUndefined()
    expect(nonces.acceptedUntil(ahead, START + PERIOD - 5)).toBeUndefined()
    // However far a clock may be ahead, of the nonces to come the next alone is good.
    const farther = new Nonces([secret], PERIOD).current(START + 2 * PERIOD)
    expect(nonces.acceptedUntil(farther, START, 10 * PERIOD)).toBeUndefined()
  })

  test.each([
    ['empty', () => ''],
    ['cut off', (good: string) => good.slice(0, -1)],
    ['with more behind it', (good: string) => `${good}A`],
    [
      'with another first character',
      (good: string) => (good[0] === 'A' ? 'B' : 'A') + good.slice(1),
    ],
    [
      'with another last character',
      (good: string) => good.slice(0, -1) + (good.endsWith('A') ? 'B' : 'A'),
    ],
    ['in another case', (good: string) => good.toUpperCase()],
    [
      'of the same number of characters, but not of bytes',
      (good: string) => `${good.slice(0, -1)}\u00e9`,
    ],
    ['of 64 KiB', (good: string) => good.repeat(2048)],
    ['made up', () => randomBytes(24).toString('base64url')],
  ])('RFC 9449 §9: a forged one is not good (%s) [D18]', (_title, forge) => {
    const nonces = new Nonces([secret], PERIOD)
    const forged = forge(nonces.current(START))
    expect(nonces.acceptedUntil(forged, START)).toBeUndefined()
    expect(nonces.acceptedUntil(forged, START + PERIOD)).toBeUndefined()
  })

  test('RFC 9449 §9: the empty nonce is not good before any has been given out [D18]', () => {
    expect(new Nonces([secret], PERIOD).acceptedUntil('', START)).toBeUndefined()
  })

  test('RFC 9449 §9: a nonce under another secret is not good [D18, DPOP-8-2, DPOP-9-1, DPOP-11.1-2]', () => {
    const foreign = new Nonces([Buffer.alloc(32, 8)], PERIOD).current(START)
    expect(new Nonces([secret], PERIOD).acceptedUntil(foreign, START)).toBeUndefined()
  })

  test('RFC 9449 §8: instances that share a secret take each other’s nonces [DPOP-8-2]', () => {
    const [one, other] = [new Nonces([secret], PERIOD), new Nonces([Buffer.from(secret)], PERIOD)]
    expect(other.acceptedUntil(one.current(START), START + 5)).toBe(START + 2 * PERIOD)
    expect(one.acceptedUntil(other.current(START + 5), START + PERIOD)).toBe(START + 2 * PERIOD)
  })

  test('RFC 9449 §8: an order of calls makes no difference, nor a clock that goes back', () => {
    const nonces = new Nonces([secret], PERIOD)
    const first = nonces.current(START)
    nonces.current(START + 10 * PERIOD)
    expect(nonces.current(START)).toBe(first)
    expect(nonces.acceptedUntil(first, START)).toBe(START + 2 * PERIOD)
  })

  test('RFC 9449 §8: while a secret is replaced, nonces of both are good, and one is given out', () => {
    const next = Buffer.alloc(32, 9)
    const [old, both, done] = [[secret], [next, secret], [next]].map(
      (secrets) => new Nonces(secrets, PERIOD),
    )
    const [oldNonce, newNonce] = [old!.current(START), done!.current(START)]
    expect(both!.current(START)).toBe(newNonce)
    expect(both!.acceptedUntil(newNonce, START)).toBe(START + 2 * PERIOD)
    expect(both!.acceptedUntil(oldNonce, START)).toBe(START + 2 * PERIOD)
    expect(both!.acceptedUntil(oldNonce, START + PERIOD)).toBe(START + 2 * PERIOD)
    const ahead = old!.current(START + PERIOD)
    expect(both!.acceptedUntil(ahead, START + PERIOD - 1, 5)).toBe(START + 3 * PERIOD)
    expect(old!.acceptedUntil(newNonce, START)).toBeUndefined()
    expect(done!.acceptedUntil(oldNonce, START)).toBeUndefined()
  })

  test('RFC 9449 §11.1: once used proofs may have been forgotten, earlier nonces are not good', () => {
    let epoch = 'one'
    const nonces = new Nonces([secret], PERIOD, () => epoch)
    const before = nonces.current(START)
    epoch = 'two'
    expect(nonces.acceptedUntil(before, START)).toBeUndefined()
    const after = nonces.current(START)
    expect(nonces.acceptedUntil(after, START)).toBe(START + 2 * PERIOD)
    // Another instance that has heard of it gives out the same.
    expect(new Nonces([secret], PERIOD, () => 'two').current(START)).toBe(after)
  })
})
