/**
 * What the gateway answers by itself, and is no refusal: metadata, and preflights.
 *
 * @module
 */

import { HSTS } from '../http/hsts.ts'
import { INTERACTION_ID } from '../http/interaction-id.ts'
import type { Exchange } from './exchange.ts'
import { endAfterContent } from './linger.ts'

export class Answer {
  readonly status: number
  /** Names and values in turn. */
  readonly fields: readonly string[]
  readonly body: Buffer

  constructor(status: number, fields: readonly string[], body: Buffer) {
    this.status = status
    this.fields = fields
    this.body = body
  }
}

/** RFC 9110 §9.3.7: what may be asked of a resource. */
export function allowing(methods: readonly string[]): Answer {
  return new Answer(200, ['Allow', methods.join(', '), 'Content-Length', '0'], Buffer.alloc(0))
}

/** Writes an answer. FAPI 1.0 Baseline §6.2.1-11: with the interaction id, like every other. */
export function give(exchange: Exchange, { status, fields, body }: Answer): void {
  const { incoming, response, interactionId, hsts } = exchange
  const headers = [...fields, INTERACTION_ID, interactionId]
  if (hsts !== undefined) headers.push(HSTS, hsts)
  if (body.length > 0) headers.push('Content-Length', String(body.length))
  // RFC 9112 §9.6: content that nobody asked for ends the connection.
  if (exchange.isReceiving) {
    headers.push('Connection', 'close')
    response.shouldKeepAlive = false
  }
  response.writeHead(status, headers)
  if (body.length > 0 && incoming.method !== 'HEAD') response.write(body)
  endAfterContent(exchange)
}
