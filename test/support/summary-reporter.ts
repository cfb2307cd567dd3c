/**
 * The closing line of a run, alone and last: `N passed, N failed`, and `, N skipped` if any were; before
 * it, what was skipped, since a title is where a test says what it would have needed.
 *
 * @module
 */

import type { Reporter, SerializedError, TestModule } from 'vitest/node'

export class SummaryReporter implements Reporter {
  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandledErrors: ReadonlyArray<SerializedError>,
  ): void {
    const lines = [...skipped(modules), summary(modules, unhandledErrors)]
    process.stdout.write(`${lines.join('\n')}\n`)
  }
}

export function skipped(modules: ReadonlyArray<Pick<TestModule, 'children'>>): string[] {
  return modules
    .flatMap((module) => [...module.children.allTests('skipped')])
    .map((test) => `skipped: ${test.fullName}`)
}

/**
 * What broke outside of a test counts as a failure as well: a file that cannot be loaded, a hook that
 * threw, an error that nobody caught. So the line never says `0 failed` about a run that failed.
 */
export function summary(
  modules: ReadonlyArray<Pick<TestModule, 'children' | 'errors'>>,
  unhandledErrors: ReadonlyArray<unknown>,
): string {
  const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 }
  for (const module of modules) {
    count.failed += module.errors().length
    for (const suite of module.children.allSuites()) count.failed += suite.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      count[state === 'pending' ? 'skipped' : state] += 1
    }
  }
  const line = `${count.passed} passed, ${count.failed} failed`
  return count.skipped === 0 ? line : `${line}, ${count.skipped} skipped`
}
