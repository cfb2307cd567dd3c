/**
 * The gateway as its users have it: compiled, in a folder like that of the package.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What the package holds beside the compiled program. */
const SHIPPED = ['package.json', 'config', 'src/bin.mjs', 'src/node-version.mjs']

/**
 * Builds a working tree, with its own dependencies.
 *
 * @param root Where its sources and its node_modules are.
 * @returns The script to run.
 */
export function buildPackage(root: string, folder: string): string {
  for (const path of SHIPPED) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const argv = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]
  const { status, stdout } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${root} does not compile: ${stdout}`)
  return join(folder, 'src/bin.mjs')
}
