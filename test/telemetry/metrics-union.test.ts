import { describe, expect, test } from 'vitest'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { MetricsUnion, reportOf } from '../../src/telemetry/metrics-union.ts'
import { parseExposition, sumOf } from '../support/exposition.ts'

const primary = createMetrics()

function worker(requests: number, inFlight: number): Metrics {
  const metrics = createMetrics()
  metrics.requests.inc({ route: 'r', method: 'GET', code: '200', outcome: 'ok' }, requests)
  for (let i = 0; i < requests; i++) metrics.requestSeconds.observe({ route: 'r' }, 0.02 * (i + 1))
  metrics.inFlight.set({ listener: 'main' }, inFlight)
  metrics.revocationDelay.set({ issuer: 'a' }, Number.POSITIVE_INFINITY)
  metrics.crlNextUpdate.set({ ca: 'x' }, 1000 - inFlight)
  metrics.configInfo.set({ hash: `hash-${requests}`, version: '1', profile: 'p' }, 1)
  return metrics
}

async function unite(...workers: Metrics[]) {
  const union = new MetricsUnion()
  for (const [i, metrics] of workers.entries()) union.reported(i, await reportOf(metrics))
  const scrape = async () => union.expose(await primary.report())
  return { union, scrape }
}

describe('the metrics of several processes', () => {
  test('counters and histograms are summed, bucket by bucket', async () => {
    const { scrape } = await unite(worker(3, 1), worker(5, 2))
    const text = await scrape()
    expect(sumOf(text, 'fapigw_http_requests_total', { route: 'r', code: '200' })).toBe(8)
    const name = 'fapigw_http_request_duration_seconds'
    expect(sumOf(text, `${name}_count`, { route: 'r' })).toBe(8)
    expect(sumOf(text, `${name}_sum`, { route: 'r' })).toBeCloseTo(0.02 * (6 + 15))
    expect(sumOf(text, `${name}_bucket`, { route: 'r', le: '0.05' })).toBe(4)
    expect(sumOf(text, `${name}_bucket`, { route: 'r', le: '+Inf' })).toBe(8)
    const own = await primary.expose()
    const types = (of: string) => of.match(/^# TYPE fapigw_.*$/gm)?.toSorted()
    expect(types(text)).toEqual(types(own))
  })

  test('gauges are what their declaration says: a sum, the worst, or what the primary says', async () => {
    primary.configInfo.set({ hash: 'own', version: '1', profile: 'p' }, 1)
    const { scrape } = await unite(worker(3, 1), worker(5, 2))
    const text = await scrape()
    expect(sumOf(text, 'fapigw_http_requests_in_flight')).toBe(3)
    expect(sumOf(text, 'fapigw_revocation_delay_seconds')).toBe(Number.POSITIVE_INFINITY)
    expect(sumOf(text, 'fapigw_crl_next_update_timestamp_seconds')).toBe(998)
    const info = parseExposition(text).filter(({ name }) => name === 'fapigw_config_info')
    expect(info.map(({ labels }) => labels['hash'])).toEqual(['own'])
    expect(sumOf(text, 'process_start_time_seconds')).toBe(
      sumOf(await primary.expose(), 'process_start_time_seconds'),
    )
  })

  test('what one counted stays when it has ended, once; what it measured goes', async () => {
    const [one, other] = [worker(3, 1), worker(5, 2)]
    const { union, scrape } = await unite(one, other)
    union.ended(0)
    // A report that comes late is in the sums already.
    union.reported(0, await reportOf(one))
    for (let i = 0; i < 2; i++) {
      const text = await scrape()
      expect(sumOf(text, 'fapigw_http_requests_total', { route: 'r' })).toBe(8)
      expect(sumOf(text, 'fapigw_http_request_duration_seconds_count', { route: 'r' })).toBe(8)
      expect(sumOf(text, 'fapigw_http_requests_in_flight')).toBe(2)
    }
    union.ended(1)
    union.reported(2, await reportOf(worker(1, 0)))
    expect(sumOf(await scrape(), 'fapigw_http_requests_total', { route: 'r' })).toBe(9)
  })
})
