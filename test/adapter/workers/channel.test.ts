import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Channel, type Talk } from '../../../src/adapter/workers/channel.ts'

interface Sums extends Talk {
  double(said: number): number
  later(said: number): Promise<number>
  fail(said: string): never
  silent(said: undefined): Promise<never>
}

const sums: Sums = {
  double: (said) => said * 2,
  later: async (said) => said + 1,
  fail: (said) => {
    throw new Error(said)
  },
  silent: () => new Promise(() => {}),
}

/** Two ends; what is said is copied on its way, as between processes. */
function connect() {
  const ends = [new EventEmitter(), new EventEmitter()] as const
  const wire = (own: EventEmitter, other: EventEmitter) => ({
    on: (event: 'message', listener: (message: unknown) => void) => own.on(event, listener),
    send(message: unknown, sent: (error: Error | null) => void) {
      const copy = structuredClone(message)
      setImmediate(() => {
        other.emit('message', copy)
        sent(null)
      })
    },
  })
  return {
    asking: new Channel<Sums, Record<never, never>>(wire(ends[0], ends[1]), {}),
    answering: new Channel<Record<never, never>, Sums>(wire(ends[1], ends[0]), sums),
  }
}

describe('a question', () => {
  test('has its answer, at once or later, whatever else is asked meanwhile', async () => {
    const { asking } = connect()
    const answers = [asking.ask('later', 1), asking.ask('double', 4), asking.ask('later', 2)]
    expect(await Promise.all(answers)).toEqual([2, 8, 3])
  })

  test('that makes the other side fail fails here, with what it said', async () => {
    const { asking } = connect()
    await expect(asking.ask('fail', 'no such thing')).rejects.toThrow('no such thing')
    expect(await asking.ask('double', 1)).toBe(2)
  })

  test('that is not answered in time fails', async () => {
    const { asking } = connect()
    await expect(asking.ask('silent', undefined, 5)).rejects.toThrow('no answer to silent in 5 ms')
  })

  test('to a side that is gone fails, asked before or after', async () => {
    const { asking } = connect()
    const asked = asking.ask('silent', undefined)
    asking.end('the worker has ended: SIGKILL')
    await expect(asked).rejects.toThrow('SIGKILL')
    await expect(asking.ask('double', 1)).rejects.toThrow('SIGKILL')
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('channel closed')
      },
    ],
    [
      'says so later',
      (_: unknown, sent: (error: Error) => void) => sent(new Error('channel closed')),
    ],
  ])('that cannot be sent fails: where sending %s', async (_, send) => {
    const channel = new Channel<Sums, Record<never, never>>({ send, on: () => {} }, {})
    await expect(channel.ask('double', 1)).rejects.toThrow('channel closed')
  })
})
