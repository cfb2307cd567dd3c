/**
 * Where workers ask whether a proof was used: the one store of the primary answers them all.
 *
 * @module
 */

import type { Duplex } from 'node:stream'
import type { ReplayStore, UseOnce } from '../../sender-constraint/dpop/replay.ts'
import { ANSWER, decodeQuestion, encodeAnswer, QUESTION, Records } from './replay-record.ts'

/**
 * Answers what comes on a stream, as much in one message as came in one.
 *
 * A stream on which something comes that is no question is closed: whoever writes to it is out of step.
 */
export function answerReplayQuestions(stream: Duplex, store: ReplayStore): void {
  const records = new Records(QUESTION)
  // The stream closes behind it, and its worker is told so by that.
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    try {
      answer(stream, records.take(chunk), store)
    } catch {
      stream.destroy()
    }
  })
}

function answer(stream: Duplex, questions: Buffer, store: ReplayStore): void {
  const bytes = Buffer.allocUnsafe((questions.length / QUESTION) * ANSWER)
  let length = 0
  for (let at = 0; at < questions.length; at += QUESTION) {
    const { id, key, until, now } = decodeQuestion(questions, at)
    const use = store.useOnce(key, until, now)
    if (use instanceof Promise) {
      void use.then((late) => answerOne(stream, id, late)).catch(() => stream.destroy())
      continue
    }
    encodeAnswer(bytes, length, id, use)
    length += ANSWER
  }
  if (length > 0) stream.write(bytes.subarray(0, length))
}

function answerOne(stream: Duplex, id: number, use: UseOnce): void {
  const bytes = Buffer.allocUnsafe(ANSWER)
  encodeAnswer(bytes, 0, id, use)
  stream.write(bytes)
}
