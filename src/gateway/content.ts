/**
 * A request's content on its way to the upstream: counted, and cut off at the route's limit.
 *
 * @module
 */

import type { IncomingMessage } from 'node:http'
import { Transform, type TransformCallback } from 'node:stream'
import { fail } from '../failure/failure.ts'

/** The end of content that is longer than its route allows. */
export class ContentTooLarge extends Error {
  readonly failure = fail('content_too_large', 'body_too_large')
}

/** Content that came to an end before it was whole. */
export class ContentAborted extends Error {}

export class CountedContent extends Transform {
  readonly #max: number
  /** Bytes that have come so far. */
  count: number

  constructor(incoming: IncomingMessage, max: number) {
    super()
    this.#max = max
    this.count = 0
    // Whoever reads is told in other ways, and may not be there yet.
    this.on('error', () => {})
    incoming.once('close', () => {
      if (!incoming.complete) this.destroy(new ContentAborted('the client left'))
    })
    incoming.pipe(this)
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.count += chunk.length
    if (this.count > this.#max) done(new ContentTooLarge('longer than the route allows'))
    else done(null, chunk)
  }
}

/**
 * Reads the content of a request whole.
 *
 * @returns Undefined if there is more than `max` bytes, or the client left before the end.
 */
export function readContent(incoming: IncomingMessage, max: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (content: Buffer | undefined) => {
      incoming.off('data', take)
      incoming.off('end', end)
      incoming.off('close', leave)
      resolve(content)
    }
    const take = (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size > max) {
        incoming.pause()
        settle(undefined)
      }
    }
    const end = () => settle(Buffer.concat(chunks))
    const leave = () => settle(undefined)
    incoming.on('data', take)
    incoming.once('end', end)
    incoming.once('close', leave)
  })
}
