import { expect, test } from 'vitest'
import { shareOf } from '../../../src/adapter/workers/share.ts'
import type { Configuration } from '../../../src/config/configuration.ts'

const whole = (workers: number) =>
  ({
    workers,
    hash: 'abc',
    limits: { connections: 10, connectionsPerAddress: 7, headerBytes: 100 },
    upstreams: [
      { id: 'one', connections: 64 },
      { id: 'other', connections: 5 },
    ],
    issuers: [
      { id: 'jwt', introspection: undefined },
      { id: 'opaque', introspection: { connections: 32, timeout: 2 } },
    ],
    admin: { host: '127.0.0.1', port: 1, token: undefined },
  }) as unknown as Configuration

test.each([1, 2, 3, 4, 5])(
  '%i workers have together what is allowed, and each has some',
  (workers) => {
    const shares = Array.from({ length: workers }, (_, i) => shareOf(whole(workers), i + 1))
    const sum = (of: (share: Configuration) => number) =>
      shares.reduce((total, share) => total + of(share), 0)
    expect(sum(({ limits }) => limits.connections)).toBe(10)
    expect(sum(({ limits }) => limits.connectionsPerAddress)).toBe(7)
    expect(sum(({ upstreams }) => upstreams[0]!.connections)).toBe(64)
    expect(sum(({ upstreams }) => upstreams[1]!.connections)).toBe(5)
    expect(sum(({ issuers }) => issuers[1]!.introspection!.connections)).toBe(32)
    for (const { limits, upstreams } of shares) {
      const parts = [limits.connections, limits.connectionsPerAddress]
      parts.push(...upstreams.map(({ connections }) => connections))
      expect(Math.min(...parts)).toBeGreaterThan(0)
    }
  },
)

test('nothing else differs, but for the admin listener, which is the primary’s', () => {
  const share = shareOf(whole(2), 0)
  expect(share.limits.headerBytes).toBe(100)
  expect(share.hash).toBe('abc')
  expect(share.issuers[0]).toEqual({ id: 'jwt', introspection: undefined })
  expect(share.issuers[1]!.introspection!.timeout).toBe(2)
  expect(share.admin).toBeUndefined()
})
