/**
 * What the gateway answers by itself, and is no refusal: metadata, and preflights.
 *
 * @module
 */

import { INTERACTION_ID } from '../http/interaction-id.ts'
import type { Exchange } from './exchange.ts'

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

/** Writes an answer. FAPI 1.0 Baseline §6.2.1-11: with the interaction id, like every other. */
export function give({ response, interactionId }: Exchange, answer: Answer): void {
  const { status, fields, body } = answer
  const length = body.length === 0 ? [] : ['Content-Length', String(body.length)]
  response.writeHead(status, [...fields, ...length, INTERACTION_ID, interactionId])
  response.end(body)
}
