import { setImmediate as turn } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { releaseStartupMemory } from '../../src/adapter/garbage.ts'

test('collects what nobody holds, and hands the means to nobody else', async () => {
  const kept = ['something']
  const [ofGarbage, ofKept] = [new WeakRef(['something']), new WeakRef(kept)]
  // A reference that was made in this turn holds until its end.
  await turn()
  releaseStartupMemory()
  expect(ofGarbage.deref()).toBeUndefined()
  expect(ofKept.deref()).toBe(kept)
  expect('gc' in globalThis).toBe(false)
  expect(runInNewContext('typeof gc')).toBe('undefined')
})
