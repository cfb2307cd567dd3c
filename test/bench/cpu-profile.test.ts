import { describe, expect, test } from 'vitest'
import { type CpuProfile, selfTimes } from './cpu-profile.ts'

const frame = (functionName: string, url = '', lineNumber = -1) => ({
  functionName,
  url,
  lineNumber,
})

const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(idle)') },
    { id: 2, callFrame: frame('route', 'file:///src/router.ts', 9) },
    { id: 3, callFrame: frame('', 'node:net', 0) },
    // The same function, called from elsewhere.
    { id: 4, callFrame: frame('route', 'file:///src/router.ts', 9) },
  ],
  startTime: 1000,
  samples: [1, 2, 3, 4, 2],
  timeDeltas: [50, 30, 10, 20, 40],
}

describe('selfTimes', () => {
  test('adds up a function over its callers, and leaves out idle time', () => {
    expect(selfTimes(PROFILE)).toEqual([
      { name: 'route', place: '/src/router.ts:10', share: 0.9 },
      { name: '(anonymous)', place: 'node:net:1', share: 0.1 },
    ])
  })

  test('counts what lies within a stretch of time', () => {
    expect(selfTimes(PROFILE, 1085, 1120).map(({ name, share }) => [name, share])).toEqual([
      ['route', 2 / 3],
      ['(anonymous)', 1 / 3],
    ])
  })
})
