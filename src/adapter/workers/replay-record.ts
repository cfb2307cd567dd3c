/**
 * Questions whether a proof was used, and answers, as bytes between two processes. Records have one
 * length, so that many of them are one message and none has to be looked for.
 *
 * A question holds a hash and two times: nothing of a token or proof leaves the process that judges it.
 *
 * @module
 */

import type { UseOnce } from '../../sender-constraint/dpop/replay.ts'

/** A number of its own, `until`, `now`, the length of the key, the key: 4 + 8 + 8 + 1 + 43 octets. */
export const QUESTION = 64
/** The number of the question, the answer. */
export const ANSWER = 5

/** SHA-256 in base64url. */
const LONGEST_KEY = 43

const ANSWERS: readonly UseOnce[] = ['unavailable', 'first', 'again', 'full']

export interface ReplayQuestion {
  /** 32 bits. */
  readonly id: number
  readonly key: string
  /** Seconds since the epoch, both. */
  readonly until: number
  readonly now: number
}

/** @throws If the key is none: characters of one octet, one to 43. */
export function encodeQuestions(questions: readonly ReplayQuestion[]): Buffer {
  const bytes = Buffer.allocUnsafe(questions.length * QUESTION)
  let at = 0
  for (const { id, key, until, now } of questions) {
    const { length } = key
    if (length === 0 || length > LONGEST_KEY) throw new RangeError('not a replay key')
    bytes.writeUInt32LE(id, at)
    bytes.writeDoubleLE(until, at + 4)
    bytes.writeDoubleLE(now, at + 12)
    bytes[at + 20] = length
    bytes.write(key, at + 21, length, 'latin1')
    at += QUESTION
  }
  return bytes
}

export function decodeQuestion(bytes: Buffer, at: number): ReplayQuestion {
  return {
    id: bytes.readUInt32LE(at),
    until: bytes.readDoubleLE(at + 4),
    now: bytes.readDoubleLE(at + 12),
    key: bytes.toString('latin1', at + 21, at + 21 + bytes[at + 20]!),
  }
}

export function encodeAnswer(bytes: Buffer, at: number, id: number, answer: UseOnce): void {
  bytes.writeUInt32LE(id, at)
  bytes[at + 4] = ANSWERS.indexOf(answer)
}

/** What is no answer is one that nothing is known by. */
export function decodeAnswer(bytes: Buffer, at: number): readonly [id: number, answer: UseOnce] {
  return [bytes.readUInt32LE(at), ANSWERS[bytes[at + 4]!] ?? 'unavailable']
}

/** Cuts a stream of bytes into whole records. */
export class Records {
  readonly #length: number
  #rest: Buffer = Buffer.alloc(0)

  constructor(length: number) {
    this.#length = length
  }

  /** All whole records that have come, in one piece; what is left over waits for the next bytes. */
  take(chunk: Buffer): Buffer {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const whole = bytes.length - (bytes.length % this.#length)
    this.#rest = bytes.subarray(whole)
    return bytes.subarray(0, whole)
  }
}
