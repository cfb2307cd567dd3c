/**
 * What `npm ci` has put into the clone, and npm itself.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/**
 * Whether node_modules holds what package-lock.json asks for.
 *
 * The contents are compared and not the times of the files, which a checkout or a copy changes. npm
 * writes its record last, so an installation that was cut off counts as none.
 *
 * @param {string} root
 */
export function isInstalled(root) {
  const record = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(record)) return false
  const installed = packagesOf(record)
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(([path, wanted]) => {
    if (!path.startsWith('node_modules/')) return true
    const found = installed[path]
    // Optional packages are those for other platforms.
    if (found === undefined) return wanted.optional === true || wanted.devOptional === true
    return found.version === wanted.version && found.integrity === wanted.integrity
  })
}

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean, devOptional?: boolean }>}
 */
function packagesOf(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages
}

/**
 * Runs `npm ci` in a folder under the given Node; npm is heard only if it fails.
 *
 * No script of a dependency runs. The development dependencies are asked for by name, because
 * NODE_ENV=production would otherwise leave out the tools that are about to be run.
 *
 * @param {string} node
 * @param {string} folder
 * @returns {Promise<boolean>} Whether it succeeded.
 */
export async function installFrom(node, folder) {
  const npm = npmCli()
  if (npm === undefined) {
    process.stderr.write('npm is not on PATH: install npm, or run `npm ci` by other means.\n')
    return false
  }
  const child = spawn(
    node,
    [
      npm,
      'ci',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--include=dev',
      '--loglevel=notice',
    ],
    {
      cwd: folder,
      env: environmentFor(node),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  /** @type {Buffer[]} */
  const output = []
  child.stdout.on('data', (chunk) => output.push(chunk))
  child.stderr.on('data', (chunk) => output.push(chunk))
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output.push(Buffer.from(`${error.message}\n`))
      resolve(1)
    })
    child.once('close', resolve)
  })
  if (code !== 0) process.stderr.write(Buffer.concat(output))
  return code === 0
}

/**
 * The environment in which a child finds the given Node before any other.
 *
 * @param {string} node
 */
export function environmentFor(node) {
  return { ...process.env, PATH: [dirname(node), process.env['PATH'] ?? ''].join(delimiter) }
}

/**
 * npm's own script, to be run by a Node of our choice: the `npm` on PATH would be run by whichever
 * Node comes first there, and an unsupported one warns about every package.
 */
function npmCli() {
  const running = process.env['npm_execpath']
  if (running !== undefined && isNpmCli(running)) return running

  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const path of [join(folder, 'npm'), join(folder, 'node_modules/npm/bin/npm-cli.js')]) {
      if (!existsSync(path)) continue
      const script = realpathSync(path)
      if (isNpmCli(script)) return script
    }
  }
  return undefined
}

/** @param {string} path */
function isNpmCli(path) {
  return path.endsWith('npm-cli.js') && existsSync(path)
}
