/**
 * A request's content on its way to the upstream: counted, and cut off at the route's limit.
 *
 * @module
 */

import { type Readable, Transform, type TransformCallback } from 'node:stream'
import { fail } from '../failure/failure.ts'
import type { ClientRequest } from './client.ts'

/** The end of content that is longer than its route allows. */
export class ContentTooLarge extends Error {
  readonly failure = fail('content_too_large', 'body_too_large')
}

/** Content that came to an end before it was whole. */
export class ContentAborted extends Error {}

export class CountedContent extends Transform {
  readonly #incoming: ClientRequest
  readonly #max: number
  /** Bytes that have come so far. */
  count: number

  constructor(incoming: ClientRequest, body: Readable, max: number) {
    super()
    this.#incoming = incoming
    this.#max = max
    this.count = 0
    // Whoever reads is told in other ways, and may not be there yet.
    this.on('error', () => {})
    body.once('close', () => {
      if (!incoming.complete) this.destroy(clientLeft())
    })
    body.pipe(this)
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.count += chunk.length
    if (this.count > this.#max) done(new ContentTooLarge('longer than the route allows'))
    else done(null, chunk)
  }

  /** Some streams end in good order when they were reset: it is the request that knows if it was whole. */
  override _flush(done: TransformCallback): void {
    done(this.#incoming.complete ? null : clientLeft())
  }
}

function clientLeft(): ContentAborted {
  return new ContentAborted('the client left')
}

/**
 * Reads the content of a request whole.
 *
 * @returns Undefined if there is more than `max` bytes, or the client left before the end.
 */
export function readContent(
  incoming: ClientRequest,
  body: Readable,
  max: number,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (content: Buffer | undefined) => {
      body.off('data', take)
      body.off('end', end)
      body.off('close', leave)
      resolve(content)
    }
    const take = (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size > max) {
        body.pause()
        settle(undefined)
      }
    }
    const end = () => settle(incoming.complete ? Buffer.concat(chunks) : undefined)
    const leave = () => settle(undefined)
    body.on('data', take)
    body.once('end', end)
    body.once('close', leave)
  })
}
