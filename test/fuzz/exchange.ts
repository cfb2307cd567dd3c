/**
 * Sends bytes to a server on a connection of their own and watches what comes back.
 *
 * @module
 */

import type { Socket } from 'node:net'
import type { Reading } from './strict-reader.ts'

export interface Answer {
  readonly status: number
  /** Lower-case lines. */
  readonly head: string
}

export interface Observation {
  /** Final answers, in order. */
  readonly answers: readonly Answer[]
  /** Whether whole requests went without an answer, on an open connection, for a second. */
  readonly isSlow: boolean
}

/** From the last byte of a request on. */
const SLOW_MS = 1000

/** For how long to see what becomes of bytes behind the last whole request. */
const GRACE_MS = 25

/**
 * Done when every whole request is answered, when the connection is closed, or after a second. Then the
 * connection is gone.
 *
 * @param connect Opens the connection.
 * @param pieces Sizes of the pieces that are written one after the other; the last is repeated.
 * @param reading What the bytes say: how many answers to wait for.
 */
export function exchange(
  connect: () => Socket,
  bytes: Buffer,
  pieces: readonly number[],
  { requests, isClean }: Reading,
): Promise<Observation> {
  const wanted = requests.filter(({ end }) => end !== undefined).length
  return new Promise((resolve) => {
    let received = ''
    let isWritten = false
    let timer: NodeJS.Timeout | undefined
    const socket = connect()
    const finish = (isSlow: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ answers: parseAnswers(received), isSlow })
    }
    const look = () => {
      if (!isWritten || parseAnswers(received).length < wanted) return
      clearTimeout(timer)
      if (isClean && wanted > 0) finish(false)
      else timer = setTimeout(finish, GRACE_MS, false)
    }
    socket.on('error', () => {})
    socket.once('close', () => finish(false))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      look()
    })
    void writeInPieces(socket, bytes, pieces).then(() => {
      isWritten = true
      timer = setTimeout(finish, SLOW_MS, true)
      look()
    })
  })
}

async function writeInPieces(socket: Socket, bytes: Buffer, pieces: readonly number[]) {
  const write = (piece: Buffer) => new Promise((resolve) => socket.write(piece, resolve))
  let at = 0
  for (let i = 0; at < bytes.length && !socket.destroyed; i++) {
    const size = pieces[Math.min(i, pieces.length - 1)] ?? bytes.length
    await write(bytes.subarray(at, at + size))
    at += size
  }
}

/** Heads of answers but interim ones. No answer we could get has another's status line in its content. */
export function parseAnswers(received: string): Answer[] {
  return [...received.matchAll(/HTTP\/1\.[01] ([2-9]\d\d)[^\r\n]*(?:\r\n[^\r\n]+)*\r\n\r\n/g)].map(
    ([head, status]) => ({ status: Number(status), head: head.toLowerCase() }),
  )
}
