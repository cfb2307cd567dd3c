import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Channel } from '../../../src/adapter/workers/channel.ts'
import { Place } from '../../../src/adapter/workers/place.ts'
import type { Beginning, PrimaryTalk, WorkerTalk } from '../../../src/adapter/workers/talk.ts'
import type { WorkerProcess } from '../../../src/adapter/workers/worker-process.ts'
import { createLogger } from '../../../src/telemetry/log.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const SECOND = 1000

/** A place that is filled: the far end answers for as long as `isThere` holds, and then nothing. */
async function filled() {
  const far = { isThere: true, kills: 0, calls: 0 }
  const { promise: ended, resolve: end } = Promise.withResolvers<string>()
  const fork = (): WorkerProcess => {
    const messages = new EventEmitter()
    const channel = new Channel<WorkerTalk, PrimaryTalk>(
      {
        send(message) {
          const { id, question } = message as { id: number; question: string }
          if (question === 'isThere') far.calls += 1
          const answer = question === 'begin' ? ['https://127.0.0.1:1'] : undefined
          if (far.isThere) queueMicrotask(() => messages.emit('message', { id, answer }))
        },
        on: (event, listener) => messages.on(event, listener),
      },
      {} as PrimaryTalk,
    )
    const kill = () => {
      far.kills += 1
    }
    return { id: 1, pid: 1, channel, ended, release() {}, kill }
  }
  const place = new Place(1, {
    logger: createLogger('silent', { write() {} }),
    clock: () => 0,
    fork,
    beginning: () => ({}) as Beginning,
    inTurn: (step) => step(),
    onEnd() {},
    giveUp() {},
  })
  expect(await place.fill()).toEqual(['https://127.0.0.1:1'])
  return { place, far, end }
}

test('a worker that answers is asked again and again, and left alone', async () => {
  const { place, far } = await filled()
  await vi.advanceTimersByTimeAsync(60 * SECOND)
  expect(far).toMatchObject({ calls: 12, kills: 0 })
  place.close()
})

test('a worker that answers nothing is ended, once, after twenty seconds', async () => {
  const { place, far } = await filled()
  far.isThere = false
  await vi.advanceTimersByTimeAsync(20 * SECOND - 1)
  expect(far.kills).toBe(0)
  await vi.advanceTimersByTimeAsync(60 * SECOND)
  expect(far.kills).toBe(1)
  place.close()
})

test('one answer that is late is no end: the primary may have been stopped itself', async () => {
  const { place, far } = await filled()
  far.isThere = false
  await vi.advanceTimersByTimeAsync(12 * SECOND)
  far.isThere = true
  await vi.advanceTimersByTimeAsync(12 * SECOND)
  far.isThere = false
  await vi.advanceTimersByTimeAsync(12 * SECOND)
  expect(far.kills).toBe(0)
  place.close()
})

test('nobody is asked in a place that is closed, or who has ended', async () => {
  for (const leave of ['close', 'end'] as const) {
    const { place, far, end } = await filled()
    if (leave === 'end') end('SIGKILL')
    place.close()
    await vi.advanceTimersByTimeAsync(60 * SECOND)
    expect(far).toMatchObject({ calls: 0, kills: 0 })
  }
})
