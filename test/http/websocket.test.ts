import { describe, expect, test } from 'vitest'
import { acceptOf, opensWebSocket, parseWebSocketHandshake } from '../../src/http/websocket.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

const HONEST = {
  Upgrade: 'websocket',
  Connection: 'keep-alive, Upgrade',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': KEY,
}

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>

/** Names and values in turn; several values are several lines, undefined is none. */
function lines(fields: Fields): string[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((line) => [name, line]),
  )
}

function parse(changed: Fields, method = 'GET', version = '1.1') {
  return parseWebSocketHandshake(method, version, lines({ ...HONEST, ...changed }))
}

describe('parseWebSocketHandshake', () => {
  test('RFC 6455 §4.2.1: an honest handshake is read', () => {
    expect(parse({})).toEqual({ key: KEY, protocols: [], extensions: [] })
    const offers = {
      Upgrade: 'WebSocket',
      Connection: ['close', 'UPGRADE'],
      'Sec-WebSocket-Protocol': ['v2, V1', 'old'],
      'Sec-WebSocket-Extensions': ['permessage-deflate; client_max_window_bits, X-a', 'b;c'],
    }
    expect(parse(offers)).toEqual({
      key: KEY,
      protocols: ['v2', 'V1', 'old'],
      extensions: ['permessage-deflate', 'x-a', 'b'],
    })
  })

  test.each<[string, Fields, string?, string?]>([
    ['HTTP/1.0', {}, 'GET', '1.0'],
    ['no Upgrade', { Upgrade: undefined }],
    ['h2c', { Upgrade: 'h2c' }],
    ['several protocols', { Upgrade: 'h2c, websocket' }],
    ['two lines', { Upgrade: ['websocket', 'websocket'] }],
    ['a version of the protocol', { Upgrade: 'websocket/13' }],
    ['Connection that does not name it', { Connection: 'keep-alive' }],
    ['no Connection', { Connection: undefined }],
    ['another method, and no Connection', { Connection: undefined }, 'POST'],
  ])(
    'RFC 9110 §7.8: %s asks for no WebSocket [HTTP-23, H17, H2-218]',
    (_, changed, method, version) => {
      expect(parse(changed, method, version)).toBeUndefined()
    },
  )

  test.each<[string, Fields, string, string?]>([
    ['RFC 6455 §4.2.1 (1): by POST', {}, 'websocket_method_not_get', 'POST'],
    ['RFC 6455 §4.2.1 (1): by HEAD', {}, 'websocket_method_not_get', 'HEAD'],
    ['with a length', { 'Content-Length': '5' }, 'websocket_with_content'],
    ['with a length of nothing', { 'Content-Length': '0' }, 'websocket_with_content'],
    ['with two lengths', { 'Content-Length': ['0', '0'] }, 'websocket_with_content'],
    ['in chunks', { 'Transfer-Encoding': 'chunked' }, 'websocket_with_content'],
    [
      'RFC 6455 §4.2.1 (6): without a version',
      { 'Sec-WebSocket-Version': undefined },
      'websocket_version_unknown',
    ],
    [
      'RFC 6455 §4.4: of another version',
      { 'Sec-WebSocket-Version': '8' },
      'websocket_version_unknown',
    ],
    ['of two versions', { 'Sec-WebSocket-Version': ['13', '13'] }, 'websocket_version_unknown'],
    [
      'RFC 6455 §4.2.1 (5): without a key',
      { 'Sec-WebSocket-Key': undefined },
      'websocket_key_malformed',
    ],
    ['with two keys', { 'Sec-WebSocket-Key': [KEY, KEY] }, 'websocket_key_malformed'],
    [
      'with a key of 15 bytes',
      { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' },
      'websocket_key_malformed',
    ],
    [
      'with a key of 17 bytes',
      { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAAA=' },
      'websocket_key_malformed',
    ],
    [
      'with a key spelt otherwise',
      { 'Sec-WebSocket-Key': KEY.replace('Q==', 'R==') },
      'websocket_key_malformed',
    ],
  ])('%s it is refused [H17]', (_, changed, reason, method) => {
    expect(parse(changed, method)).toMatchObject({ error: 'bad_request', reason })
  })
})

test('RFC 6455 §1.3, §4.2.2 (5.4): the example of the specification', () => {
  expect(acceptOf(KEY)).toBe(ACCEPT)
})

describe('opensWebSocket', () => {
  const asked = { key: KEY, protocols: ['v2', 'v1'], extensions: ['permessage-deflate'] }
  const answer = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': ACCEPT }
  const opens = (changed: Fields) => opensWebSocket(asked, lines({ ...answer, ...changed }))

  test.each<[string, Fields]>([
    ['nothing but what has to be', {}],
    ['another case', { Upgrade: 'WebSocket', Connection: 'upgrade' }],
    ['a subprotocol that was offered', { 'Sec-WebSocket-Protocol': 'v1' }],
    [
      'an extension that was offered',
      { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover' },
    ],
  ])('RFC 6455 §4.1: an answer opens it with %s', (_, changed) => {
    expect(opens(changed)).toBe(true)
  })

  test.each<[string, Fields]>([
    ['(2): no Upgrade', { Upgrade: undefined }],
    ['(2): another protocol', { Upgrade: 'h2c' }],
    ['(2): one more protocol', { Upgrade: 'websocket, h2c' }],
    ['(3): no Connection', { Connection: 'keep-alive' }],
    ['(4): no digest', { 'Sec-WebSocket-Accept': undefined }],
    [
      '(4): the digest of another key',
      { 'Sec-WebSocket-Accept': acceptOf('AAAAAAAAAAAAAAAAAAAAAA==') },
    ],
    ['(4): two digests', { 'Sec-WebSocket-Accept': [ACCEPT, ACCEPT] }],
    [
      '(5): an extension that was not offered',
      { 'Sec-WebSocket-Extensions': 'permessage-deflate, x' },
    ],
    ['(6): a subprotocol that was not offered', { 'Sec-WebSocket-Protocol': 'V1' }],
    ['(6): two subprotocols', { 'Sec-WebSocket-Protocol': 'v1, v2' }],
    ['(6): two lines of them', { 'Sec-WebSocket-Protocol': ['v1', 'v1'] }],
  ])('RFC 6455 §4.1 %s does not', (_, changed) => {
    expect(opens(changed)).toBe(false)
  })
})
