import { describe, expect, test } from 'vitest'
import { hasPassed, parseMaxForwards } from '../../src/http/hops.ts'

describe('parseMaxForwards', () => {
  test.each<[string[], number | undefined]>([
    [[], undefined],
    [['Max-Forwards', '0'], 0],
    [['max-forwards', '10'], 10],
    [['Max-Forwards', '007'], 7],
    [['Max-Forwards', '999999999999999'], 255],
  ])('RFC 9110 §7.6.2: %j [HTTP-3]', (fields, hops) => {
    expect(parseMaxForwards(fields)).toBe(hops)
  })

  test.each([
    [['Max-Forwards', '']],
    [['Max-Forwards', '-1']],
    [['Max-Forwards', '1.5']],
    [['Max-Forwards', '0, 5']],
    [['Max-Forwards', '0x1']],
    [['Max-Forwards', '1'.repeat(16)]],
    [['Max-Forwards', '0', 'Max-Forwards', '0']],
  ])('RFC 9110 §7.6.2: %j is no number of hops', (fields) => {
    expect(parseMaxForwards(fields)).toMatchObject({ reason: 'max_forwards_malformed' })
  })
})

describe('hasPassed', () => {
  test.each<[string[]]>([
    [['Via', '1.1 gw-1']],
    [['Via', '1.0 fred, HTTP/1.1 GW-1 (comment)']],
    [['Via', '1.0 fred', 'via', '1.1\tgw-1']],
  ])('RFC 9110 §7.6.3: %j names it [HTTP-4]', (fields) => {
    expect(hasPassed(fields, 'gw-1')).toBe(true)
  })

  test.each<[string[]]>([
    [[]],
    [['Via', '']],
    [['Via', '1.1 gw-2']],
    [['Via', '1.1 gw-12, 1.1 x-gw-1']],
    [['Via', '1.1 fred (gw-1)']],
    [['X-Via', '1.1 gw-1']],
  ])('RFC 9110 §7.6.3: %j does not', (fields) => {
    expect(hasPassed(fields, 'gw-1')).toBe(false)
  })
})
