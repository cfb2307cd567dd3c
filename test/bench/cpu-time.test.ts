import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { parseCpuList } from './cores.ts'
import { cpuTime, parseStat, residentMemory } from './cpu-time.ts'

const LINE = `77 (a) b (c)) S 12 77 77 0 -1 4194304 1 2 3 4 100 20 3 1 20 0 1 0 5 6 7`

describe('parseStat', () => {
  test('adds user and system time to those of children waited for, whatever the program is called', () => {
    expect(parseStat(LINE)).toEqual({ parent: 12, ticks: 124 })
  })

  test('is undefined for what is no such line', () => {
    expect(parseStat('')).toBeUndefined()
  })
})

describe.skipIf(process.platform !== 'linux')('the usage of processes', () => {
  test('is that of children too', async () => {
    const spin = 'while (process.cpuUsage().user < 400_000);'
    const child = `require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(spin)}])`
    const keep = 'process.stdin.resume(); console.log(1)'
    const parent = spawn(process.execPath, ['-e', `${child}; ${keep}`])
    await once(parent.stdout, 'data')
    const own = spawn(process.execPath, ['-e', keep])
    await once(own.stdout, 'data')
    expect(cpuTime([parent.pid!]) - cpuTime([own.pid!])).toBeGreaterThan(200_000)
    expect(residentMemory([parent.pid!])).toBeGreaterThan(10_000_000)
    const gone = [once(parent, 'close'), once(own, 'close')]
    parent.stdin.end()
    own.stdin.end()
    await Promise.all(gone)
    expect(cpuTime([parent.pid!])).toBe(0)
  })
})

describe('parseCpuList', () => {
  test('reads ranges and single ones', () => {
    expect(parseCpuList('0-2,5,7-8')).toEqual([0, 1, 2, 5, 7, 8])
  })
})
