/**
 * What is installed with the gateway: only what package-lock.json names, by digest, and nothing of it runs
 * while it is installed.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly hasInstallScript?: boolean
  readonly link?: boolean
}

const root = join(import.meta.dirname, '../..')
const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'))
const { dependencies, devDependencies } = read('package.json')
const locked = Object.entries(read('package-lock.json').packages as Record<string, Locked>).filter(
  ([path]) => path !== '',
)
const shipped = locked.filter(([, { dev }]) => dev !== true)

describe('GHSA-p77j-4mvh-x3m3: a flaw in a dependency is one of the gateway [O23, PF-47]', () => {
  test('what it depends on is pinned to one version each', () => {
    for (const version of Object.values({ ...dependencies, ...devDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    }
  })

  test('the lock file has a digest of every package', () => {
    expect(locked.length).toBeGreaterThan(20)
    for (const [path, { integrity }] of locked) expect(integrity, path).toMatch(/^sha512-/)
  })

  test('no package that is shipped runs a script when it is installed', () => {
    expect(shipped.length).toBeGreaterThan(5)
    const running = shipped.filter(([, { hasInstallScript }]) => hasInstallScript === true)
    expect(running.map(([path]) => path)).toEqual([])
  })

  test('what is shipped is what package.json says and what that brings, and no proxy but our own', () => {
    const names = shipped.map(([path]) => path.replace(/^.*node_modules\//, ''))
    expect(names).toEqual(expect.arrayContaining(Object.keys(dependencies)))
    for (const name of ['http-proxy', 'follow-redirects', 'oidc-provider', 'vitest']) {
      expect(names).not.toContain(name)
    }
  })
})
