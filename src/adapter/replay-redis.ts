/**
 * The replay store that instances share (RFC 9449 §11.1): Redis or Valkey.
 *
 * A use is one `SET NX PX`, so of any number of instances one is told that it was the first. Nothing but
 * `OK` is that answer; an error, a reply that was lost or that came too late says nothing about the proof,
 * and lets nothing through.
 *
 * @module
 */

import type { ReplayStore, UseOnce } from '../sender-constraint/dpop/replay.ts'
import { StoreFault } from './redis/fault.ts'
import { CLOCK_MARGIN } from './redis/inspection.ts'
import type { Answer } from './redis/pipeline.ts'
import type { RedisStore } from './redis/store.ts'

export class RedisReplayStore implements ReplayStore {
  readonly #store: RedisStore

  constructor(store: RedisStore) {
    this.#store = store
  }

  get since(): number {
    return this.#store.since
  }

  useOnce(key: string, until: number, now: number): UseOnce | Promise<UseOnce> {
    const name = `${this.#store.keyPrefix}jti:${key}`
    // What is left by our clock, which may be ahead of another instance's: for that it lives longer.
    const life = Math.ceil((Math.max(0, until - now) + CLOCK_MARGIN) * 1000)
    const words = ['SET', name, '1', 'NX', 'PX', String(life)]
    const asked = this.#store.run('replay', name, words)
    return asked instanceof StoreFault ? verdictOf(asked) : asked.then(verdictOf)
  }
}

function verdictOf(answer: Answer | StoreFault): UseOnce {
  if (answer === 'OK') return 'first'
  if (answer === null) return 'again'
  return answer instanceof StoreFault && answer.kind === 'out_of_memory' ? 'full' : 'unavailable'
}
