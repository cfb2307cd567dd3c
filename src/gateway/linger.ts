/**
 * Ends a response whose request is still being sent.
 *
 * To close at once would reset the connection, and the client might never see why it was refused (RFC
 * 9112 §9.6). So what still comes is read and dropped for a while, but not for long and not without end.
 *
 * @module
 */

import type { Exchange } from './exchange.ts'

const MAX_BYTES = 1_048_576
const MAX_MS = 1000

/** Ends the response now, or as soon as the request's content has come, or enough of it. */
export function endAfterContent(exchange: Exchange): void {
  const { body, response } = exchange
  // Who waits for a 100 has not begun to send, and the final status tells it not to.
  if (!exchange.isReceiving || exchange.expectsContinue) {
    response.end()
    return
  }
  let left = MAX_BYTES
  const end = () => {
    clearTimeout(timer)
    body.off('data', drop)
    body.off('end', end)
    body.off('close', end)
    response.end()
  }
  const drop = (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  }
  const timer = setTimeout(end, MAX_MS)
  body.on('data', drop)
  body.once('end', end)
  body.once('close', end)
  body.resume()
}
