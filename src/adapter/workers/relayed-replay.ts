/**
 * The replay store of a worker (RFC 9449 §11.1): it asks that of the primary, which all workers ask.
 *
 * What is asked at about the same time goes in one message. A primary that does not answer in time, that is
 * gone, or that lets questions pile up knows nothing: `unavailable`, and no request goes through. One that is
 * late is not asked, and nobody waits for it, until it has answered something.
 *
 * @module
 */

import type { Duplex } from 'node:stream'
import type { ReplayStore, UseOnce } from '../../sender-constraint/dpop/replay.ts'
import {
  ANSWER,
  decodeAnswer,
  encodeQuestions,
  Records,
  type ReplayQuestion,
} from './replay-record.ts'

/** Milliseconds from the moment at which a question is sent. */
const PATIENCE_MS = 200
/** Milliseconds between two messages. Who asks more often has many to ask, and asks them in one. */
const PAUSE_MS = 1
/** Octets of questions that wait to be sent, where the primary reads none. */
const MOST_UNSENT = 65_536

interface Waiting {
  readonly deadline: number
  resolve(answer: UseOnce): void
}

export class RelayedReplayStore implements ReplayStore {
  since: number
  readonly #stream: Duplex
  readonly #clock: () => number
  /** By number, the oldest first. */
  readonly #waiting = new Map<number, Waiting>()
  #questions: ReplayQuestion[] = []
  #resolvers: Waiting['resolve'][] = []
  #last = 0
  #sentAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #isLate = false
  #isGone = false

  /**
   * @param since What the primary says about it.
   * @param clock Milliseconds of a clock that never jumps.
   */
  constructor(stream: Duplex, since: number, clock: () => number) {
    this.since = since
    this.#stream = stream
    this.#clock = clock
    const records = new Records(ANSWER)
    stream.on('data', (chunk: Buffer) => this.#take(records.take(chunk)))
    // The stream closes behind it.
    stream.on('error', () => {})
    stream.on('close', () => this.#end())
  }

  useOnce(key: string, until: number, now: number): UseOnce | Promise<UseOnce> {
    const isDeaf = this.#isGone || this.#isLate || this.#stream.writableLength > MOST_UNSENT
    if (isDeaf) return 'unavailable'
    this.#last = (this.#last + 1) >>> 0
    this.#questions.push({ id: this.#last, key, until, now })
    if (this.#questions.length === 1) this.#flushSoon()
    return new Promise((resolve) => void this.#resolvers.push(resolve))
  }

  /** At once after a pause; and where there is none, when there will have been one. */
  #flushSoon(): void {
    if (this.#clock() - this.#sentAt >= PAUSE_MS) setImmediate(() => this.#flush())
    else setTimeout(() => this.#flush(), PAUSE_MS)
  }

  #flush(): void {
    const questions = this.#questions
    const resolvers = this.#resolvers
    this.#questions = []
    this.#resolvers = []
    if (this.#isGone) {
      for (const resolve of resolvers) resolve('unavailable')
      return
    }
    this.#sentAt = this.#clock()
    const deadline = this.#sentAt + PATIENCE_MS
    for (const [i, { id }] of questions.entries()) {
      this.#waiting.set(id, { deadline, resolve: resolvers[i]! })
    }
    this.#stream.write(encodeQuestions(questions))
    this.#timer ??= setTimeout(() => this.#look(), PATIENCE_MS)
  }

  #take(answers: Buffer): void {
    for (let at = 0; at < answers.length; at += ANSWER) {
      const [id, answer] = decodeAnswer(answers, at)
      this.#isLate = false
      // One that came too late has been given up: the request is refused already.
      this.#waiting.get(id)?.resolve(answer)
      this.#waiting.delete(id)
    }
  }

  /** A process that was busy itself reads first what has come meanwhile, and then gives up. */
  #look(): void {
    this.#timer = undefined
    setImmediate(() => {
      const now = this.#clock()
      for (const [id, { deadline, resolve }] of this.#waiting) {
        if (deadline > now) {
          this.#timer ??= setTimeout(() => this.#look(), deadline - now)
          return
        }
        this.#isLate = true
        this.#waiting.delete(id)
        resolve('unavailable')
      }
    })
  }

  #end(): void {
    this.#isGone = true
    clearTimeout(this.#timer)
    for (const { resolve } of this.#waiting.values()) resolve('unavailable')
    this.#waiting.clear()
  }
}
