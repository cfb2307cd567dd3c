/**
 * What load is, however it is made.
 *
 * @module
 */

/** What a client saw. */
export interface Answered {
  readonly requests: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** Connections that ask at the same time. */
export const CONNECTIONS = 32

/** The fields of one request besides Host, as lines. */
export type Fields = readonly string[]

/** A request for an account, as FAPI clients write it. */
export function requestText(port: number, path: string, fields: Fields): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: localhost:${port}`,
    'Accept: application/json',
    'User-Agent: bench/1',
    'X-Fapi-Interaction-Id: 93bac548-d2de-4546-b106-880a5018460d',
    ...fields,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The run says nothing: there were too few requests prepared for it. */
export class Exhausted extends Error {
  override readonly message = 'there were too few requests'
}

/** The run says nothing: it was over before the first answer. */
export class Unanswered extends Error {
  override readonly message = 'there was no answer in time'
}
