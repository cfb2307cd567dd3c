import { expect, test } from 'vitest'
import { BoundedCache } from '../../src/adapter/bounded-cache.ts'
import { describeCaches } from '../../src/adapter/cache-metrics.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { sumOf } from '../support/exposition.ts'

const open = () => new BoundedCache<object>({ entries: 10, bytes: 10_000 }, () => 50)

test('caches are told of by name and issuer, those of one name together, and counted on', async () => {
  const metrics = createMetrics()
  const [one, other] = [open(), open()]
  one.set('a', {})
  one.get('a')
  other.set('b', {})
  other.get('x')
  const tell = async () => {
    const caches = [one, other].map((cache) => ({ name: 'tokens', issuer: 'bank', cache }))
    describeCaches(caches, metrics)
    const text = await metrics.expose()
    const of = (name: string, labels = {}) =>
      sumOf(text, `fapigw_cache_${name}`, { cache: 'tokens', issuer: 'bank', ...labels })
    return [
      of('entries'),
      of('bytes'),
      of('lookups_total', { result: 'hit' }),
      of('lookups_total', { result: 'miss' }),
      of('evictions_total'),
    ]
  }
  expect(await tell()).toEqual([2, one.bytes + other.bytes, 1, 1, 0])
  one.get('a')
  one.clear()
  expect(await tell()).toEqual([1, other.bytes, 2, 1, 0])
})
