import { describe, expect, test } from 'vitest'
import { renderMatrix } from './document.ts'
import { faultsOf, idsOf, parseSection, type Section, type TestRun } from './matrix.ts'

const run = (
  title: string,
  state: TestRun['state'] = 'passed',
  file = 'test/a.test.ts',
): TestRun => ({
  file,
  titles: ['a group', title],
  state,
})

const section = (...rows: object[]): Section => ({
  title: 'Rules',
  rows: rows.map((row) => ({ id: 'BT-1', rule: 'rule', clause: 'RFC 1 §1', ...row })),
})

describe('ids of a title', () => {
  test.each([
    ['RFC 6750 §2.1: a scheme in any case [BT-1]', ['BT-1']],
    ['refused [DPOP-4.3-9n, J02, H2-201]', ['DPOP-4.3-9n', 'J02', 'H2-201']],
    ['an empty list []', []],
    ['a list of [1, 2]', []],
    ['of mixed content [bt-1, and more]', []],
    ['in the middle [BT-1] of it', []],
  ])('%s', (title, ids) => {
    expect(idsOf(title)).toEqual(ids)
  })
})

describe('a row', () => {
  test.each([
    ['without a state', '- { id: BT-1, rule: r, clause: c }'],
    ['with two states', '- { id: BT-1, rule: r, clause: c, met: m, unmet: u }'],
    ['with a member that is none', '- { id: BT-1, rule: r, clause: c, met: m, mett: m }'],
  ])('%s is refused', (_, text) => {
    expect(() => parseSection('Rules', text)).toThrow()
  })
})

describe('the matrix', () => {
  test('is true where a met row has a test that passed', () => {
    expect(faultsOf([section({ met: 'so' })], [run('it is [BT-1]')])).toEqual([])
  })

  test.each([
    ['a met row without a test', [{ met: 'so' }], [run('nothing')]],
    ['a met row whose test failed', [{ met: 'so' }], [run('[BT-1]', 'failed')]],
    ['a row that is said not to be met, and has a test', [{ unmet: 'why' }], [run('it is [BT-1]')]],
    ['two rows of one id', [{ met: 'so' }, { met: 'so' }], [run('it is [BT-1]')]],
    ['an id of no known form', [{ id: 'XX-1', elsewhere: 'who' }], []],
    [
      'a title with an id that is none',
      [{ met: 'so' }],
      [run('[BT-1]'), run('it is [BT-1, bt-2]')],
    ],
    ['a test of a row that does not exist', [{ met: 'so' }], [run('[BT-1]'), run('[BT-99]')]],
  ])('is not: %s', (_, rows, runs) => {
    expect(faultsOf([section(...rows)], runs)).toHaveLength(1)
  })

  test('counts an id once, though group and test name it', () => {
    const page = renderMatrix(
      [section({ met: 'so' })],
      [{ file: 'test/a.test.ts', titles: ['group [BT-1]', 'test [BT-1]'], state: 'passed' }],
    )
    expect(page).toContain('| so | [a](../test/a.test.ts) 1 | passed |')
  })

  test('lists what is not met first, and says what was not run', () => {
    const page = renderMatrix(
      [
        section(
          { met: 'so' },
          { id: 'BT-2', unmet: 'a | reason' },
          { id: 'BT-3', elsewhere: 'who' },
        ),
      ],
      [run('one [BT-1]'), run('two [BT-1]', 'skipped')],
    )
    expect(page).toContain('3 rows: 1 met, 1 not met, 1 for somebody else')
    expect(page.indexOf('a \\| reason')).toBeLessThan(page.indexOf('passed, 1 not run'))
    expect(page.indexOf('passed, 1 not run')).toBeLessThan(page.indexOf('| who |'))
  })
})
