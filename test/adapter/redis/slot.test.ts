import { describe, expect, test } from 'vitest'
import { hashTagWithin, SLOTS, slotOf } from '../../../src/adapter/redis/slot.ts'

describe('the slot of a key', () => {
  // As CLUSTER KEYSLOT answers; the first is the check value of CRC-16/XMODEM.
  test.each([
    ['123456789', 0x31c3],
    ['', 0],
    ['foo', 12_182],
    ['fgw:jti:0123456789-_', 15_641],
    ['{user1000}.following', 3443],
    ['{user1000}.followers', 3443],
    ['foo{}{bar}', 8363],
    ['foo{{bar}}zap', 4015],
    ['foo{bar}{zap}', 5061],
  ])('of %j is %d', (key, slot) => {
    expect(slotOf(key)).toBe(slot)
  })

  test('of a hash tag is found among any that a node may have', () => {
    for (const [from, to] of [
      [0, 5460],
      [5461, 10_922],
      [16_383, 16_383],
    ] as const) {
      const tag = hashTagWithin((slot) => slot >= from && slot <= to)
      expect(slotOf(`fgw:epoch:${tag}x`)).toBeGreaterThanOrEqual(from)
      expect(slotOf(`fgw:epoch:${tag}x`)).toBeLessThanOrEqual(to)
    }
    expect(hashTagWithin((slot) => slot >= SLOTS)).toBe('')
  })
})
