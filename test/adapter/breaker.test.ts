import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Breaker } from '../../src/adapter/breaker.ts'

const CONFIG = { failures: 3, window: 10, halfOpenAfter: 5 }

function open(config = CONFIG) {
  const time = { now: 0 }
  return { time, breaker: new Breaker(config, () => time.now) }
}

/** Failed so often that the circuit is open, at the time 0. */
function opened() {
  const { time, breaker } = open()
  for (let i = 0; i < CONFIG.failures; i++) breaker.failed()
  return { time, breaker }
}

describe('a circuit', () => {
  test('is closed as long as fewer calls fail than open it', () => {
    const { breaker } = open()
    breaker.failed()
    breaker.failed()
    expect(breaker.admits()).toBe(true)
    breaker.failed()
    expect(breaker.admits()).toBe(false)
  })

  test('is not opened by failures that are far apart', () => {
    const { time, breaker } = open()
    for (let i = 0; i < 20; i++) {
      breaker.failed()
      time.now += 5.1
      expect(breaker.admits()).toBe(true)
    }
  })

  test('is opened by failures that lie as far apart as they may', () => {
    const { time, breaker } = open()
    for (const now of [0, 5, 10]) {
      time.now = now
      breaker.failed()
    }
    expect(breaker.admits()).toBe(false)
  })

  test('is not opened by failures with a success between them', () => {
    const { breaker } = open()
    for (let i = 0; i < 20; i++) {
      breaker.failed()
      breaker.failed()
      breaker.succeeded()
    }
    expect(breaker.admits()).toBe(true)
  })
})

describe('an open circuit', () => {
  test('lets one call through after its time, and the next only after as much again', () => {
    const { time, breaker } = opened()
    time.now = 4.9
    expect(breaker.admits()).toBe(false)
    time.now = 5
    expect([breaker.admits(), breaker.admits()]).toEqual([true, false])
    time.now = 9.9
    expect(breaker.admits()).toBe(false)
    time.now = 10
    expect([breaker.admits(), breaker.admits()]).toEqual([true, false])
  })

  test('is closed by the success of that call', () => {
    const { time, breaker } = opened()
    time.now = 5
    breaker.admits()
    breaker.succeeded()
    expect([breaker.admits(), breaker.admits()]).toEqual([true, true])
    // And needs as many failures as before to open again.
    breaker.failed()
    breaker.failed()
    expect(breaker.admits()).toBe(true)
  })

  test('stays open when that call fails, however long ago the others did', () => {
    const { time, breaker } = opened()
    time.now = 60
    expect(breaker.admits()).toBe(true)
    time.now = 62
    breaker.failed()
    expect(breaker.admits()).toBe(false)
    time.now = 65
    expect(breaker.admits()).toBe(true)
  })

  test('is not kept open by calls from before it opened, which fail late', () => {
    const { time, breaker } = opened()
    time.now = 4
    for (let i = 0; i < 100; i++) breaker.failed()
    time.now = 5
    expect(breaker.admits()).toBe(true)
  })

  test('lets no more through than one in its time, whatever happens, until one succeeds', () => {
    const step = fc.record({ wait: fc.nat({ max: 3 }), fails: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { time, breaker } = opened()
        let last = 0
        for (const { wait, fails } of steps) {
          time.now += wait
          if (fails) breaker.failed()
          if (!breaker.admits()) continue
          expect(time.now - last).toBeGreaterThanOrEqual(CONFIG.halfOpenAfter)
          last = time.now
        }
      }),
    )
  })
})
