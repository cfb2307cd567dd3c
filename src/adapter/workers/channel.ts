/**
 * Questions and answers between two processes, over messages that each can send the other.
 *
 * Every question has an answer, if only that it was taken. What is thrown on the other side, and a side
 * that is gone, is an error here; a side that is there and silent is one after the time that is given.
 *
 * @module
 */

/** By the name of a question: what is said with it, and what it is answered by. */
export type Talk = Readonly<Record<string, (said: never) => unknown>>

type Said<T extends Talk, K extends keyof T> = Parameters<T[K]>[0]
type Answer<T extends Talk, K extends keyof T> = Awaited<ReturnType<T[K]>>

/** A process that messages can be sent to. */
export interface Wire {
  /** May throw, or call back with an error, where the other side is gone. */
  send(message: unknown, sent: (error: Error | null) => void): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

type Message =
  | { readonly id: number; readonly question: string; readonly said: unknown }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly fault: string }

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
}

/** @typeParam Other What the other side can be asked. @typeParam Own What it can ask here. */
export class Channel<Other extends Talk, Own extends Talk> {
  readonly #wire: Wire
  readonly #answers: Own
  readonly #waiting = new Map<number, Waiting>()
  #last = 0
  #end: Error | undefined

  constructor(wire: Wire, answers: Own) {
    this.#wire = wire
    this.#answers = answers
    wire.on('message', (message) => this.#take(message as Message))
  }

  /**
   * @param withinMs Milliseconds that the answer may take; undefined: as long as the other side lives.
   * @throws If there is no answer.
   */
  ask<K extends keyof Other & string>(
    question: K,
    said: Said<Other, K>,
    withinMs?: number,
  ): Promise<Answer<Other, K>> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    this.#last += 1
    const id = this.#last
    const { promise, resolve, reject } = Promise.withResolvers<Answer<Other, K>>()
    const late = () => reject(new Error(`no answer to ${question} in ${withinMs} ms`))
    const timer = withinMs === undefined ? undefined : setTimeout(late, withinMs)
    this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject })
    this.#send({ id, question, said }, reject)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#waiting.delete(id)
    })
  }

  /** Nothing will be answered any more. */
  end(cause: string): void {
    this.#end ??= new Error(cause)
    for (const { reject } of this.#waiting.values()) reject(this.#end)
  }

  #take(message: Message): void {
    if ('question' in message) {
      void this.#answer(message.id, message.question, message.said)
      return
    }
    const waiting = this.#waiting.get(message.id)
    if ('answer' in message) waiting?.resolve(message.answer)
    else waiting?.reject(new Error(message.fault))
  }

  async #answer(id: number, question: string, said: unknown): Promise<void> {
    try {
      const answer = await this.#answers[question]?.(said as never)
      this.#send({ id, answer })
    } catch (error) {
      this.#send({ id, fault: error instanceof Error ? error.message : String(error) })
    }
  }

  /** Whoever is gone gets no message, and needs none. */
  #send(message: Message, failed: (error: Error) => void = () => {}): void {
    const sent = (error: Error | null) => error === null || failed(error)
    try {
      this.#wire.send(message, sent)
    } catch (error) {
      failed(error as Error)
    }
  }
}
