/**
 * The clocks, read here and nowhere below.
 *
 * @module
 */

/** Seconds since the epoch. May jump. */
export function wallClock(): number {
  return Date.now() / 1000
}

/** Milliseconds of a clock that never jumps. */
export function steadyClock(): number {
  return performance.now()
}
