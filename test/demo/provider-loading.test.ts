import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** What a Node release that is no long-term one writes to its console. */
function consoleOf(script: string): string {
  const release = "Object.defineProperty(process.release, 'lts', { value: undefined });"
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `${release} ${script}`],
    { cwd: root, encoding: 'utf8' },
  )
  expect(status, stderr).toBe(0)
  return stdout + stderr
}

describe('on a Node release that is no long-term one', () => {
  test('oidc-provider by itself complains', () => {
    expect(consoleOf("await import('oidc-provider')")).toContain('Unsupported runtime')
  })

  test('the demo holds that line back and lets every later one through', () => {
    const output = consoleOf(
      `const { loadProvider } = await import('./src/demo/provider-loading.ts')
       await loadProvider()
       console.warn('a later warning')`,
    )
    expect(output).toBe('a later warning\n')
  })
})
