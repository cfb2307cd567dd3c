import { expect, test } from 'vitest'
import { HSTS, hstsOf } from '../../src/http/hsts.ts'

test('RFC 6797 §6.1: a max-age, without subdomains [TLS-18]', () => {
  expect(HSTS).toBe('strict-transport-security')
  expect(hstsOf(31_536_000)).toBe('max-age=31536000')
})
