/**
 * How long an answer is waited for, by the time that passed for the server and not for us.
 *
 * A timer alone says less. It counts from when this turn of the event loop began, which may be long ago; and when
 * it ends, an answer may be here that was not read yet, since we were busy ourselves.
 *
 * @module
 */

import { steadyClock } from '../clock.ts'

/**
 * @param late Called when so many milliseconds have passed, and what came within them has been read.
 * @returns What puts an end to it.
 */
export function startDeadline(milliseconds: number, late: () => void): () => void {
  const end = steadyClock() + milliseconds
  let immediate: NodeJS.Immediate | undefined
  const onTimer = () => {
    // After this turn has read what there is.
    immediate = setImmediate(() => {
      const left = end - steadyClock()
      if (left > 0) timer = setTimeout(onTimer, left)
      else late()
    })
  }
  let timer = setTimeout(onTimer, milliseconds)
  return () => {
    clearTimeout(timer)
    clearImmediate(immediate)
  }
}
