/**
 * A gateway with public routes in front of an upstream of bytes, for tests about messages and connections,
 * where tokens do not matter.
 *
 * @module
 */

import {
  type FaultyUpstream,
  type ReceivedRequest,
  startFaultyUpstream,
} from './faulty-upstream.ts'
import { type Fixture, HOST, startFixture, type TestGateway } from './fixture.ts'
import { type Answer, sendRaw } from './raw-socket.ts'

export interface OpenGateway {
  readonly fixture: Fixture
  readonly upstream: FaultyUpstream
  readonly gateway: TestGateway
  /** Sends bytes on a connection of their own and waits until the gateway has closed it. */
  send(bytes: string | Buffer): Promise<Answer[]>
  /**
   * What reached the upstream since so many requests. An honest request behind all others shows that it
   * has seen what it ever will.
   */
  forwardedSince(before: number): Promise<ReceivedRequest[]>
  /** The same, as `METHOD target`. */
  reachedSince(before: number): Promise<string[]>
  close(): Promise<void>
}

const LISTEN = `
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
`

/** @param more Sections of the configuration; `$UPSTREAM` in it is replaced, and `/open/**` is public. */
export async function startOpenGateway(
  more = '',
  upstreamSettings = '',
  listen = LISTEN,
): Promise<OpenGateway> {
  const upstream = await startFaultyUpstream()
  const fixture = await startFixture()
  const gateway = await fixture.gateway(
    `version: 1
profile: fapi2-security
listen: ${listen}
upstreams:
  raw: { url: "$UPSTREAM"${upstreamSettings} }
shutdown: { ready_off_for: 0s, drain: 2s }
routes:
  - { id: open, match: /open/**, public: true, upstream: raw }
${more}`.replaceAll('$UPSTREAM', upstream.url),
  )
  const send = (bytes: string | Buffer) => sendRaw(fixture, gateway, bytes)
  const forwardedSince = async (before: number) => {
    const [answer] = await send(get('/open/last', ['Connection: close']))
    if (answer?.status !== 200) throw new Error(`the last request: ${answer?.startLine}`)
    return upstream.requests.slice(before).filter(({ line }) => line !== 'GET /open/last')
  }
  return {
    fixture,
    upstream,
    gateway,
    send,
    forwardedSince,
    reachedSince: async (before) => (await forwardedSince(before)).map(({ line }) => line),
    async close() {
      await fixture.close()
      await upstream.close()
    },
  }
}

/** A request without content. */
export function get(target: string, fields: readonly string[] = [], method = 'GET'): string {
  return [`${method} ${target} HTTP/1.1`, `Host: ${HOST}`, ...fields, '', ''].join('\r\n')
}

/** A request of these fields, with content behind it. */
export function post(fields: readonly string[], content = '', target = '/open'): string {
  return get(target, fields, 'POST') + content
}
