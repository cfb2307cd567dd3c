/**
 * A client of another make (nghttp2): skipped on machines that do not have it.
 *
 * @module
 */

import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sumOf } from '../support/exposition.ts'
import { response } from '../support/faulty-upstream.ts'
import { HOST } from '../support/fixture.ts'
import { type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'

const isThere = spawnSync('h2load', ['--version']).status === 0
const run = promisify(execFile)

describe.skipIf(!isThere)('h2load of nghttp2, where it is installed', () => {
  let open: OpenGateway

  beforeAll(async () => {
    open = await startOpenGateway(
      'limits: { requests_per_connection: 1000000 }\n',
      '',
      `
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  alpn: [h2, http/1.1]
`,
    )
    open.upstream.answer = ({ socket }) => void socket.write(response(200, [], 'a'.repeat(1000)))
  })
  afterAll(() => open.close())

  test('every request of many streams on many connections is answered [HTTP-22]', async () => {
    const { port } = open.gateway
    const { stdout } = await run('h2load', [
      ...['-n', '2000', '-c', '10', '-m', '50'],
      `--connect-to=127.0.0.1:${port}`,
      `https://${HOST}:${port}/open/load`,
    ])
    expect(stdout).toContain('Application protocol: h2')
    expect(stdout).toContain('2000 succeeded, 0 failed, 0 errored, 0 timeout')
    expect(stdout).toContain('status codes: 2000 2xx')
    const text = await open.gateway.metrics()
    expect(sumOf(text, 'fapigw_http_requests_in_flight')).toBe(0)
    expect(sumOf(text, 'fapigw_http_requests_total', { outcome: 'ok' })).toBe(2000)
  })
})
