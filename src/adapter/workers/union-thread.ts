/**
 * The thread that adds up what workers report: with a thousand routes that takes a third of a second, for
 * which the primary cannot be silent.
 *
 * @module
 */

import { deserialize } from 'node:v8'
import { parentPort } from 'node:worker_threads'
import { type MetricsReport, MetricsUnion } from '../../telemetry/metrics-union.ts'

/** Reports come serialized: nobody but this thread looks into them. */
export type UnionMessage =
  | { readonly reported: number; readonly report: Uint8Array }
  | { readonly ended: number }
  | { readonly expose: number; readonly own: MetricsReport }

/** The text of a scrape; undefined if it could not be made. */
export interface Exposed {
  readonly expose: number
  readonly text: string | undefined
}

const union = new MetricsUnion()

parentPort?.on('message', (message: UnionMessage) => {
  if ('reported' in message) union.reported(message.reported, deserialize(message.report))
  else if ('ended' in message) union.ended(message.ended)
  else {
    const { expose } = message
    const answer = (text: string | undefined) => parentPort?.postMessage({ expose, text })
    union.expose(message.own).then(answer, () => answer(undefined))
  }
})
