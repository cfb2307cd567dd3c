import { expect, test } from 'vitest'
import { TrustedProxies } from '../../src/adapter/trusted-proxies.ts'

const proxies = new TrustedProxies(['10.1.0.0/16', '192.0.2.7/32', 'fd12::/64'])

test.each([
  ['10.1.0.0', 'trusted'],
  ['10.1.255.255', 'trusted'],
  ['10.2.0.0', 'other'],
  ['10.0.255.255', 'other'],
  ['192.0.2.7', 'trusted'],
  ['192.0.2.8', 'other'],
  ['fd12::1', 'trusted'],
  ['fd12:0:0:1::1', 'other'],
  ['::1', 'other'],
  ['', undefined],
  ['10.1', undefined],
  ['proxy', undefined],
])('%s is %s', (address, kind) => {
  expect(proxies.kindOf(address)).toBe(kind)
  expect(proxies.has(address)).toBe(kind === 'trusted')
})

test('where none is named, none is trusted', () => {
  expect(new TrustedProxies([]).has('127.0.0.1')).toBe(false)
})

test.each(['::/8', '::/80', '::ffff:0:0/96'])('%s has no IPv4 address in it', (range) => {
  expect(new TrustedProxies([range]).kindOf('192.0.2.7')).toBe('other')
})
