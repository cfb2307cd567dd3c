import { expect, test } from 'vitest'
import { skipped, summary } from './summary-reporter.ts'

type Module = Parameters<typeof summary>[0][number]

/** A module as vitest reports it, with the members that the reporter reads. */
function moduleOf(
  states: readonly string[],
  errors: readonly unknown[] = [],
  suiteErrors: readonly unknown[] = [],
): Module {
  const tests = states.map((state, index) => ({
    fullName: `suite > ${state} ${index}`,
    result: () => ({ state }),
  }))
  return {
    errors: () => errors,
    children: {
      allTests: (state?: string) => tests.filter((it) => !state || it.result().state === state),
      allSuites: () => [{ errors: () => suiteErrors }],
    },
  } as unknown as Module
}

test('the line counts what passed and what failed, over all files', () => {
  const modules = [moduleOf(['passed', 'failed']), moduleOf(['passed'])]
  expect(summary(modules, [])).toBe('2 passed, 1 failed')
})

test('the line counts what was skipped, or never ran, if there is any', () => {
  expect(summary([moduleOf(['passed', 'skipped', 'pending'])], [])).toBe(
    '1 passed, 0 failed, 2 skipped',
  )
})

test.each([
  ['a file that cannot be loaded', [moduleOf([], [new Error('load')])], []],
  ['a hook that threw', [moduleOf([], [], [new Error('hook')])], []],
  ['an error that nobody caught', [moduleOf([])], [new Error('uncaught')]],
])('%s is a failure', (_title, modules, unhandled) => {
  expect(summary(modules, unhandled)).toBe('0 passed, 1 failed')
})

test('what was skipped is named', () => {
  expect(skipped([moduleOf(['passed', 'skipped'])])).toEqual(['skipped: suite > skipped 1'])
})
