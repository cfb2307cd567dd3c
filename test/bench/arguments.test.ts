import { describe, expect, test } from 'vitest'
import { parseArguments } from './arguments.ts'

const IDS = ['P1', 'P2', 'P10']
const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean), IDS)

describe('parseArguments', () => {
  test('without arguments asks for all rows, and for the page', () => {
    expect(parse('')).toEqual({ task: 'rows', names: [], revision: '', quick: false, write: true })
  })

  test('writes the page of whole runs only, unless told otherwise', () => {
    expect(parse('--quick')?.write).toBe(false)
    expect(parse('P2')?.write).toBe(false)
    expect(parse('P2 --write')?.write).toBe(true)
    expect(parse('--no-write')?.write).toBe(false)
  })

  test('takes ids in either case', () => {
    expect(parse('p1 P10')?.names).toEqual(['P1', 'P10'])
  })

  test('takes the first name behind compare for a revision', () => {
    expect(parse('compare P2 P1')).toMatchObject({
      task: 'compare',
      revision: 'P2',
      names: ['P1'],
      write: false,
    })
  })

  test('takes any name behind micro, as it stands', () => {
    expect(parse('micro router jws')).toMatchObject({ task: 'micro', names: ['router', 'jws'] })
  })

  test('writes what is simulated only if it is told to', () => {
    expect(parse('simulate')).toMatchObject({ task: 'simulate', names: [], write: false })
    expect(parse('simulate --write')?.write).toBe(true)
  })

  test.each([
    'P3',
    'compare',
    'compare main P3',
    'profile',
    'profile P1 P2',
    'report P1',
    'simulate P1',
    '--fast',
  ])('does not guess what %s means', (line) => {
    expect(parse(line)).toBeUndefined()
  })
})
