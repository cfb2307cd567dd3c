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

/**
 * Seconds: the longest for which a proof that is used now can be accepted by its `iat`, by whatever
 * configuration. Another instance may have that one already, or have it soon.
 */
const LONGEST_WINDOW = 360

/** Seconds for which a use is remembered. By our clock, which may be ahead of another's: so it is longer. */
export function lifeInStore(until: number, now: number): number {
  return Math.max(until - now, LONGEST_WINDOW) + CLOCK_MARGIN
}

export class RedisReplayStore implements ReplayStore {
  readonly #store: RedisStore

  constructor(store: RedisStore) {
    this.#store = store
  }

  get since(): number {
    return this.#store.since
  }

  useOnce(key: string, until: number, now: number): UseOnce | Promise<UseOnce> {
    // It waited for its issuer: by now, another instance's note of its use may have ended.
    if (this.#store.now() > until) return 'unavailable'
    const name = `${this.#store.keyPrefix}jti:${key}`
    const life = Math.ceil(lifeInStore(until, now) * 1000)
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
