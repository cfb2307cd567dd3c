/**
 * The requests of the parser's own tests, each sent to a public route: twice, as it is and with our `Host`
 * in front, since most of them are for another host.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sumOf } from '../support/exposition.ts'
import { HOST } from '../support/fixture.ts'
import { type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'

interface Case {
  readonly file: string
  readonly title: string
  readonly type: string
  readonly input_b64: string
  readonly expect_error: string | null
}

const corpora = process.env['CORPORA']
const cases: Case[] =
  corpora === undefined
    ? []
    : JSON.parse(readFileSync(join(corpora, 'http/llhttp-requests.json'), 'utf8')).cases

describe.skipIf(corpora === undefined)('llhttp: requests (needs CORPORA) [H37]', () => {
  let open: OpenGateway

  beforeAll(async () => {
    open = await startOpenGateway('  - { id: all, match: /**, public: true, upstream: raw }\n')
  })
  afterAll(() => open.close())

  const inFlight = async () =>
    sumOf(await open.gateway.metrics(), 'fapigw_http_requests_in_flight', { listener: 'listen' }) ??
    0

  test('there are some', () => {
    expect(cases.length).toBeGreaterThan(100)
  })

  test.each(cases.map((one, index) => ({ ...one, index })))(
    '$index $file: $title ($type)',
    async ({ input_b64, expect_error }) => {
      const input = Buffer.from(input_b64, 'base64').toString('latin1')
      for (const bytes of [input, withOurHost(input)]) {
        // What an earlier case left behind is over.
        await expect.poll(inFlight).toBe(0)
        const before = open.upstream.requests.length
        const raw = await openSocket(open.fixture, open.gateway)
        raw.write(bytes)
        const forwarded = await open.forwardedSince(before)
        raw.socket.destroy()
        const reached = forwarded.map(({ line }) => line)

        const heads = requestLines(bytes)
        expect(heads.slice(0, reached.length)).toEqual(reached)
        expect(reached.filter((line) => /evil|bye/.test(line))).toEqual([])
        // An error comes at the last head or in the content behind it, and no whole request comes of that.
        if (expect_error !== null && !/^Pause/.test(expect_error)) {
          const whole = forwarded.filter(({ message }) => message.complete)
          expect(whole.length).toBeLessThan(Math.max(1, heads.length))
        }
      }
    },
  )
})

function withOurHost(input: string): string {
  return input
    .replace(/^[Hh][Oo][Ss][Tt] *:.*\r\n/gm, '')
    .replace(/^(\S+ \S+ HTTP\/1\.[01]\r\n)/gm, `$1Host: ${HOST}\r\n`)
}

/** Whatever looks like a request line, whether or not a parser would find it there. */
function requestLines(text: string): string[] {
  return [...text.matchAll(/([A-Z-]+ \S+) HTTP\/\d/g)].map(([, line = '']) => line)
}
