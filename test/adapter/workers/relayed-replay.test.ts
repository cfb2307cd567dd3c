import { type Duplex, duplexPair } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { MemoryReplayStore } from '../../../src/adapter/replay-memory.ts'
import { RelayedReplayStore } from '../../../src/adapter/workers/relayed-replay.ts'
import { answerReplayQuestions } from '../../../src/adapter/workers/replay-desk.ts'
import {
  ANSWER,
  decodeQuestion,
  encodeAnswer,
  QUESTION,
  Records,
} from '../../../src/adapter/workers/replay-record.ts'

const NOW = 1_700_000_000
const UNTIL = NOW + 60
const clock = () => performance.now()

let own: Duplex
let other: Duplex

beforeEach(() => {
  ;[own, other] = duplexPair()
})

const relayed = () => new RelayedReplayStore(own, NOW, clock)
const keyOf = (i: number) => `key-${i}`

describe('RFC 9449 §11.1: a store that is in another process', () => {
  test('answers as it would here, in whichever order it is asked', async () => {
    answerReplayQuestions(other, new MemoryReplayStore(3, NOW))
    const store = relayed()
    const ask = (i: number) => store.useOnce(keyOf(i), UNTIL, NOW)
    const asked = [1, 2, 1, 3, 4, 2].map(ask)
    expect(await Promise.all(asked)).toEqual(['first', 'first', 'again', 'first', 'full', 'again'])
    expect(await ask(1)).toBe('again')
    expect(store.since).toBe(NOW)
  })

  test('is asked for the very key and the very times', async () => {
    const seen: unknown[] = []
    answerReplayQuestions(other, {
      useOnce(...said) {
        seen.push(said)
        return 'first'
      },
    })
    const key = 'A-Za-z0_9'.repeat(5).slice(0, 43)
    await relayed().useOnce(key, UNTIL + 0.123, NOW + 0.456)
    expect(seen).toEqual([[key, UNTIL + 0.123, NOW + 0.456]])
  })

  test('may answer in another order: each answer finds its question', async () => {
    const questions = new Records(QUESTION)
    const ids: number[] = []
    other.on('data', (chunk: Buffer) => {
      const come = questions.take(chunk)
      for (let at = 0; at < come.length; at += QUESTION) ids.push(decodeQuestion(come, at).id)
    })
    const store = relayed()
    const asked = [1, 2, 3].map((i) => store.useOnce(keyOf(i), UNTIL, NOW))
    await expect.poll(() => ids.length).toBe(3)
    const answers = Buffer.alloc(3 * ANSWER)
    for (const [i, use] of (['again', 'full', 'first'] as const).entries()) {
      encodeAnswer(answers, i * ANSWER, ids[2 - i]!, use)
    }
    other.write(answers)
    expect(await Promise.all(asked)).toEqual(['first', 'full', 'again'])
  })

  test('is asked in one message for all that is asked in one turn', async () => {
    const messages: number[] = []
    other.on('data', (chunk: Buffer) => messages.push(chunk.length))
    const store = relayed()
    for (let i = 0; i < 20; i++) void store.useOnce(keyOf(i), UNTIL, NOW)
    await expect.poll(() => messages).toEqual([20 * QUESTION])
  })

  test('is understood however its answers are cut', async () => {
    const [far, near] = duplexPair()
    answerReplayQuestions(far, new MemoryReplayStore(100, NOW))
    other.pipe(near)
    near.on('data', (chunk: Buffer) => {
      for (const octet of chunk) other.write(Buffer.of(octet))
    })
    const store = relayed()
    const asked = [1, 2, 1].map((i) => store.useOnce(keyOf(i), UNTIL, NOW))
    expect(await Promise.all(asked)).toEqual(['first', 'first', 'again'])
  })
})

describe('fails closed: what nobody answers is not known', () => {
  test('where there is no answer in time; then it is not asked until it has answered something [R12]', async () => {
    const store = relayed()
    const questions: Buffer[] = []
    other.on('data', (chunk: Buffer) => questions.push(chunk))
    expect(await store.useOnce(keyOf(1), UNTIL, NOW)).toBe('unavailable')
    expect(store.useOnce(keyOf(2), UNTIL, NOW)).toBe('unavailable')
    expect(Buffer.concat(questions)).toHaveLength(QUESTION)

    // To the first question: "first". It is refused already.
    other.write(Buffer.of(1, 0, 0, 0, 1))
    await expect.poll(() => typeof store.useOnce(keyOf(3), UNTIL, NOW)).toBe('object')
    await expect.poll(() => Buffer.concat(questions).length).toBeGreaterThan(QUESTION)
  })

  test('where an answer is to another question [R12]', async () => {
    other.once('data', () => other.write(Buffer.of(77, 0, 0, 0, 1)))
    expect(await relayed().useOnce(keyOf(1), UNTIL, NOW)).toBe('unavailable')
  })

  test('where the other side is gone, before and after [R12]', async () => {
    const store = relayed()
    other.resume()
    const asked = store.useOnce(keyOf(1), UNTIL, NOW)
    await pause(5)
    own.destroy()
    expect(await asked).toBe('unavailable')
    expect(await store.useOnce(keyOf(2), UNTIL, NOW)).toBe('unavailable')
  })

  test('where questions pile up: then none is added, and nobody waits [R12]', async () => {
    const store = relayed()
    for (let i = 0; i < 2000; i++) void store.useOnce(keyOf(i), UNTIL, NOW)
    await expect.poll(() => own.writableLength).toBeGreaterThan(65_536)
    expect(store.useOnce(keyOf(0), UNTIL, NOW)).toBe('unavailable')
  })

  test('where an answer is none', async () => {
    other.on('data', () => other.write(Buffer.of(1, 0, 0, 0, 77)))
    expect(await relayed().useOnce(keyOf(1), UNTIL, NOW)).toBe('unavailable')
  })

  test('where a question is none: nothing is answered any more', async () => {
    const store = new MemoryReplayStore(10, NOW)
    answerReplayQuestions(other, { useOnce: (key) => store.useOnce(key, UNTIL, NOW) })
    const useOnce = () => {
      throw new RangeError('not a replay key')
    }
    const [far, near] = duplexPair()
    answerReplayQuestions(far, { useOnce })
    near.write(Buffer.alloc(QUESTION))
    await expect.poll(() => far.destroyed).toBe(true)
    expect(await relayed().useOnce(keyOf(1), UNTIL, NOW)).toBe('first')
  })
})
