/**
 * Where workers ask whether a proof was used: the one store of the primary answers them all.
 *
 * @module
 */

import type { Duplex } from 'node:stream'
import type { MemoryReplayStore } from '../replay-memory.ts'
import { ANSWER, decodeQuestion, encodeAnswer, QUESTION, Records } from './replay-record.ts'

/** It answers at once. */
type Memory = Pick<MemoryReplayStore, 'useOnce'>

/**
 * Answers what comes on a stream, as much in one message as came in one.
 *
 * A stream on which something comes that is no question is closed: whoever writes to it is out of step.
 */
export function answerReplayQuestions(stream: Duplex, store: Memory): void {
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

function answer(stream: Duplex, questions: Buffer, store: Memory): void {
  const count = questions.length / QUESTION
  const bytes = Buffer.allocUnsafe(count * ANSWER)
  for (let i = 0; i < count; i++) {
    const { id, key, until, now } = decodeQuestion(questions, i * QUESTION)
    encodeAnswer(bytes, i * ANSWER, id, store.useOnce(key, until, now))
  }
  if (count > 0) stream.write(bytes)
}
