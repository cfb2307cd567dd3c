import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linesOf } from '../support/caller.ts'
import { HOST } from '../support/fixture.ts'
import { get, type OpenGateway, startOpenGateway } from '../support/open-gateway.ts'
import { expectClosingRefusal, openSocket } from '../support/raw-socket.ts'

const LISTEN = `
  address: 127.0.0.1:0
  public_urls: [https://$HOST, https://localhost]
  certificate: server.crt
  key: server.key
`

let open: OpenGateway

beforeAll(async () => {
  open = await startOpenGateway('', '', LISTEN)
})
afterAll(() => open.close())

const CLOSE = 'Connection: close'

/** A request with these lines in place of its `Host`. */
function withHosts(...lines: string[]): string {
  return ['GET /open HTTP/1.1', ...lines, '', ''].join('\r\n')
}

describe('RFC 9112 §3.2: a request says once, and well, which host it is for [HTTP-10, H24]', () => {
  test.each<[string, string, string]>([
    ['no Host', withHosts(), 'host_missing'],
    ['no Host in HTTP/1.0', 'GET /open HTTP/1.0\r\n\r\n', 'host_missing'],
    ['a request of HTTP/0.9', 'GET /open\r\n\r\n', 'http_version_unknown'],
    ['two equal ones', withHosts(`Host: ${HOST}`, `host: ${HOST}`), 'host_several'],
    ['two different ones', withHosts(`Host: ${HOST}`, 'Host: x'), 'host_several'],
    ...[
      '',
      `user@${HOST}`,
      `${HOST}:99999`,
      `${HOST}:`,
      `${HOST}:443:443`,
      `${HOST}/open`,
      `${HOST}, ${HOST}`,
      `${HOST} x`,
      `${HOST}\\x`,
      `${HOST}%00`,
      `.${HOST}`,
      `${HOST}..`,
      '[::1%25eth0]',
      '[::1',
      'b\xe4nk.example',
    ].map((host): [string, string, string] => [
      `Host: ${host}`,
      withHosts(`Host: ${host}`),
      'host_malformed',
    ]),
  ])('%s', async (_, bytes, reason) => {
    const before = open.upstream.requests.length
    const answers = await open.send(bytes)
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 400, reason)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test.each([HOST.toUpperCase(), `${HOST}:443`, `${HOST}:8443`])(
    'CVE-2026-42273, RFC 3986 §6.2.2.1: Host: %s is served [PF-6]',
    async (host) => {
      const [answer] = await open.send(withHosts(`Host: ${host}`, CLOSE))
      expect(answer?.status).toBe(200)
    },
  )
})

describe('RFC 9110 §7.4: an authority that is not served is answered 421 [RT-3, HTTP-5, H24, P11]', () => {
  test.each([
    'other.example',
    '127.0.0.1',
    'bank.example',
    `x.${HOST}`,
    `${HOST}.`,
    `${HOST}.evil.example`,
    '[::1]',
    'localhost.localdomain',
  ])('Host: %s', async (host) => {
    const before = open.upstream.requests.length
    const answers = await open.send(withHosts(`Host: ${host}`))
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 421, 'host_not_served')
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('RFC 9110 §15.5.20: the host of the request is not that of the handshake [HTTP-5]', async () => {
    const raw = await openSocket(open.fixture, open.gateway, { servername: 'localhost' })
    raw.write(get('/open'))
    const answers = await raw.rest()
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 421, 'host_is_not_sni')
  })
})

describe('RFC 9112 §3.2.2: the authority of an absolute-form target wins over Host [HTTP-11, H25]', () => {
  const absolute = (target: string, host: string) =>
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${CLOSE}\r\n\r\n`

  test('RFC 9112 §3.2: a Host that is none is refused, beside it too', async () => {
    const before = open.upstream.requests.length
    const answers = await open.send(absolute(`https://${HOST}/open`, 'api.bank.exaHTTP/1.0mple'))
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], 400, 'host_malformed')
    expect(await open.reachedSince(before)).toEqual([])
  })

  test.each<[string, string, string]>([
    [`https://${HOST}/open/a?b=c`, HOST, 'GET /open/a?b=c'],
    [`HTTPS://${HOST.toUpperCase()}/open/a`, HOST, 'GET /open/a'],
    [`https://${HOST}:443/open/a`, 'other.example', 'GET /open/a'],
  ])('%s with Host: %s is forwarded as %s', async (target, host, expected) => {
    const before = open.upstream.requests.length
    const [answer] = await open.send(absolute(target, host))
    expect(answer?.status).toBe(200)
    expect(await open.reachedSince(before)).toEqual([expected])
  })

  test.each<[string, number, string]>([
    ['https://other.example/open', 421, 'host_not_served'],
    [`https://user@${HOST}/open`, 400, 'host_malformed'],
    [`https://${HOST}\\@evil/open`, 400, 'http_malformed'],
    [`http://${HOST}/open`, 400, 'path_form_not_supported'],
    [`ftp://${HOST}/open`, 400, 'path_form_not_supported'],
    [`https:/${HOST}/open`, 400, 'http_malformed'],
    ['https:///open', 400, 'path_form_not_supported'],
    [`//${HOST}/open`, 400, 'path_empty_segment'],
  ])('%s is not', async (target, status, reason) => {
    const before = open.upstream.requests.length
    const answers = await open.send(absolute(target, HOST))
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], status, reason)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test.each(['evil.example', '192.0.2.1:99'])(
    'RFC 7239 §5.3: the upstream is told the authority that won, and not Host: %s',
    async (host) => {
      const before = open.upstream.requests.length
      await open.send(absolute(`https://${HOST}:8443/open`, host))
      const { fields = [] } = open.upstream.requests[before]?.message ?? {}
      expect(linesOf(fields, 'x-forwarded-host')).toEqual([`${HOST}:8443`])
      expect(linesOf(fields, 'forwarded')).toEqual([
        `for=127.0.0.1;host="${HOST}:8443";proto=https`,
      ])
      expect(fields.join()).not.toContain(host)
    },
  )
})

describe('methods that are not served [H26, HTTP-24]', () => {
  const head = (line: string) => `${line} HTTP/1.1\r\nHost: ${HOST}\r\n${CLOSE}\r\n\r\n`

  test.each<[string, string, number, string]>([
    ['RFC 9110 §9.3.6: CONNECT', `CONNECT ${HOST}:443`, 405, 'method_connect'],
    ['RFC 9110 §9.3.7: OPTIONS of the server', 'OPTIONS *', 400, 'path_form_not_supported'],
    ['RFC 9110 §9.3.8: TRACE', 'TRACE /open', 405, 'method_not_of_route'],
    ['RFC 9110 §9.1: a method in lower case', 'get /open', 400, 'http_malformed'],
  ])('%s', async (_, line, status, reason) => {
    const before = open.upstream.requests.length
    const answers = await open.send(head(line))
    expect(answers).toHaveLength(1)
    expectClosingRefusal(answers[0], status, reason)
    // RFC 9110 §15.5.6.
    expect(answers[0]?.lines('allow')).toHaveLength(status === 405 ? 1 : 0)
    expect(await open.reachedSince(before)).toEqual([])
  })

  test('RFC 9110 §9.3.6: a tunnel carries nothing [HTTP-24]', async () => {
    const before = open.upstream.requests.length
    const answers = await open.send(head(`CONNECT ${HOST}:443`) + get('/open'))
    expect(answers).toHaveLength(1)
    expect(await open.reachedSince(before)).toEqual([])
  })
})
