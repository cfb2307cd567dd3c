import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isHigh, MemoryPressure } from '../../src/adapter/memory-pressure.ts'

const heap = (used: number) => ({ used_heap_size: used, heap_size_limit: 1000 })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test.each([
  [0, false],
  [849, false],
  [850, false],
  [851, true],
  [1000, true],
])('%d of 1000 bytes in use: high is %s', (used, expected) => {
  expect(isHigh(heap(used))).toBe(expected)
})

test('it is looked at twice a second, and goes down again [O09]', () => {
  let used = 900
  const memory = new MemoryPressure(() => heap(used))
  expect(memory.isHigh).toBe(false)
  vi.advanceTimersByTime(500)
  expect(memory.isHigh).toBe(true)
  used = 100
  vi.advanceTimersByTime(499)
  expect(memory.isHigh).toBe(true)
  vi.advanceTimersByTime(1)
  expect(memory.isHigh).toBe(false)
  memory.close()
})

test('after the end nobody looks', () => {
  let looks = 0
  const memory = new MemoryPressure(() => {
    looks += 1
    return heap(0)
  })
  vi.advanceTimersByTime(1000)
  memory.close()
  vi.advanceTimersByTime(5000)
  expect(looks).toBe(2)
})

test('the heap of this very process is not high', () => {
  const memory = new MemoryPressure()
  vi.advanceTimersByTime(500)
  expect(memory.isHigh).toBe(false)
  memory.close()
})
