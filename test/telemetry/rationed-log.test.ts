import { expect, test } from 'vitest'
import { createLogger } from '../../src/telemetry/log.ts'
import { RationedLog } from '../../src/telemetry/rationed-log.ts'

function open() {
  const lines: Record<string, unknown>[] = []
  const time = { now: 100 }
  const logger = createLogger('info', { write: (line) => void lines.push(JSON.parse(line)) })
  return { lines, time, log: new RationedLog(logger, 10, () => time.now) }
}

test('of ten thousand lines about one fault the first is written, and then one in a while [I20]', () => {
  const { lines, time, log } = open()
  for (let i = 0; i < 10_000; i++) log.write('warn', { i }, 'it failed')
  expect(lines).toMatchObject([{ level: 'warn', i: 0, msg: 'it failed' }])
  expect(lines[0]).not.toHaveProperty('suppressed')

  time.now += 9.9
  log.write('warn', { i: 'soon' }, 'it failed')
  expect(lines).toHaveLength(1)
  time.now += 0.1
  log.write('warn', { i: 'later' }, 'it failed')
  expect(lines[1]).toMatchObject({ i: 'later', suppressed: 10_000 })
})

test('a fault that is rare is always written, at its level', () => {
  const { lines, time, log } = open()
  for (let i = 0; i < 3; i++) {
    log.write('error', { i }, 'it failed')
    time.now += 10
  }
  expect(lines.map(({ level, i }) => [level, i])).toEqual([
    ['error', 0],
    ['error', 1],
    ['error', 2],
  ])
  expect(lines.every((line) => !('suppressed' in line))).toBe(true)
})
