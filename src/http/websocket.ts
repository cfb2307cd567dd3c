/**
 * The opening handshake of a WebSocket, on both of the gateway's sides (RFC 6455 §4, RFC 9110 §7.8).
 *
 * What travels in the connection that it opens is not looked at.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { type Failure, fail } from '../failure/failure.ts'
import {
  fieldLines,
  isFieldName,
  parseListTokens,
  SEVERAL,
  soleField,
  trimBlanks,
} from './field.ts'

/** What a client asks for, as far as the upstream's answer is held against it. */
export interface WebSocketHandshake {
  /** `Sec-WebSocket-Key`, as it came. */
  readonly key: string
  /** Subprotocols that were offered: they are compared as they are written. */
  readonly protocols: readonly string[]
  /** Names of the extensions that were offered, in lower case. */
  readonly extensions: readonly string[]
}

/** RFC 6455 §4.1: the one version there is. */
export const WEBSOCKET_VERSION = '13'

/** 16 bytes in Base64, its spare bits zero. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/**
 * Reads what a request says of a WebSocket.
 *
 * Undefined where it asks for none: `Upgrade` does not name it alone, or `Connection` does not name
 * `Upgrade`. Such a field is nobody's to follow and does no harm. A request that does ask has to do it
 * in the one way that every reader takes for a handshake.
 *
 * @param method In upper case, as methods are.
 */
export function parseWebSocketHandshake(
  method: string,
  httpVersion: string,
  rawFields: readonly string[],
): WebSocketHandshake | Failure | undefined {
  // RFC 9110 §7.8: of HTTP/1.0 it is ignored; of several protocols none is chosen, h2c least of all.
  if (httpVersion !== '1.1') return undefined
  if (!isWebSocket(soleField(rawFields, 'upgrade'))) return undefined
  if (!namesUpgrade(rawFields)) return undefined

  // RFC 6455 §4.2.1 (1).
  if (method !== 'GET') return fail('bad_request', 'websocket_method_not_get')
  // Whether its content is content or the beginning of the tunnel, two readers could disagree.
  if (
    soleField(rawFields, 'content-length') !== undefined ||
    soleField(rawFields, 'transfer-encoding') !== undefined
  ) {
    return fail('bad_request', 'websocket_with_content')
  }
  // RFC 6455 §4.2.1 (6), §4.4.
  if (soleField(rawFields, 'sec-websocket-version') !== WEBSOCKET_VERSION) {
    return fail('bad_request', 'websocket_version_unknown')
  }
  // RFC 6455 §4.2.1 (5).
  const key = soleField(rawFields, 'sec-websocket-key')
  if (key === undefined || key === SEVERAL || !KEY.test(key)) {
    return fail('bad_request', 'websocket_key_malformed')
  }
  return {
    key,
    protocols: listed(fieldLines(rawFields, 'sec-websocket-protocol')),
    extensions: extensionNames(rawFields),
  }
}

/**
 * Whether the head of a 101 opens the WebSocket that was asked for, and no other protocol, subprotocol or
 * extension (RFC 6455 §4.1, the client's checks 2 to 6). Parameters of extensions are the client's to judge.
 */
export function opensWebSocket(asked: WebSocketHandshake, rawFields: readonly string[]): boolean {
  const protocols = fieldLines(rawFields, 'sec-websocket-protocol')
  return (
    isWebSocket(soleField(rawFields, 'upgrade')) &&
    namesUpgrade(rawFields) &&
    soleField(rawFields, 'sec-websocket-accept') === acceptOf(asked.key) &&
    (protocols.length === 0 ||
      (protocols.length === 1 && asked.protocols.includes(protocols[0]!))) &&
    extensionNames(rawFields).every((name) => asked.extensions.includes(name))
  )
}

/** RFC 6455 §4.2.2 (5.4): what shows that the other side has read this very handshake. */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64')
}

function isWebSocket(upgrade: ReturnType<typeof soleField>): boolean {
  return typeof upgrade === 'string' && upgrade.toLowerCase() === 'websocket'
}

function namesUpgrade(rawFields: readonly string[]): boolean {
  return parseListTokens(fieldLines(rawFields, 'connection').join(',')).includes('upgrade')
}

function listed(lines: readonly string[]): string[] {
  return lines.join(',').split(',').map(trimBlanks).filter(isFieldName)
}

/** RFC 6455 §9.1: each element of the list is a name, and its parameters behind semicolons. */
function extensionNames(rawFields: readonly string[]): string[] {
  const lines = fieldLines(rawFields, 'sec-websocket-extensions')
  if (lines.length === 0) return []
  return lines
    .join(',')
    .split(',')
    .map((element) => (element.split(';')[0] ?? '').trim().toLowerCase())
    .filter((name) => name !== '')
}
