import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { SummaryReporter } from './test/support/summary-reporter.ts'

const { TEST_RESULTS: outputFile } = process.env

// What `npm run conformance` reads.
const resultsFile: ['json', object][] = outputFile ? [['json', { outputFile }]] : []

// Processes rather than threads: tests start servers, set signal handlers and read process.env.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // One fewer, as is the default, leaves half of a small machine idle: much of a test is waiting.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 30_000,
    // What is waited for may take longer on a machine that is busy.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 60_000,
    reporters: ['default', new SummaryReporter(), ...resultsFile],
  },
})
