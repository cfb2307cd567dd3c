/**
 * Where the time of a process went, from a .cpuprofile of V8.
 *
 * @module
 */

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      /** Counted from 0. */
      readonly lineNumber: number
    }
  }[]
  /** Microseconds of a clock that all processes of the machine share. */
  readonly startTime: number
  /** Ids of nodes, each with the microseconds since the one before. */
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface SelfTime {
  readonly name: string
  /** File and line, or nothing for what is not JavaScript. */
  readonly place: string
  /** Of all time in which the process was not idle, from 0 to 1. */
  readonly share: number
}

/** Functions by the time spent in themselves, the most first; idle time is left out. */
export function selfTimes(
  profile: CpuProfile,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): SelfTime[] {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<string, { name: string; place: string; time: number }>()
  let at = profile.startTime
  let total = 0
  for (const [i, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[i]!
    at += delta
    const frame = frames.get(id)
    if (at < from || at > to || frame === undefined || frame.functionName === '(idle)') continue
    const { functionName, url, lineNumber } = frame
    const place = url === '' ? '' : `${url.replace(/^file:\/\//, '')}:${lineNumber + 1}`
    const key = `${functionName} ${place}`
    const entry = times.get(key) ?? { name: functionName || '(anonymous)', place, time: 0 }
    entry.time += delta
    times.set(key, entry)
    total += delta
  }
  return [...times.values()]
    .toSorted((one, other) => other.time - one.time)
    .map(({ name, place, time }) => ({ name, place, share: time / total }))
}
