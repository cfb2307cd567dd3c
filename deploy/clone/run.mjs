/**
 * Runs a script or a tool of this clone, on a machine with npm and some Node and nothing else.
 *
 *     node deploy/clone/run.mjs src/bin.mjs validate gateway.yaml
 *     node deploy/clone/run.mjs test/fuzz/fuzz.ts
 *     node deploy/clone/run.mjs vitest run
 *
 * A supported Node is found, or brought once; the dependencies are installed, once for each state of
 * package-lock.json; then the target runs. All of it with built-in modules, on Node 18 and later.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SUPPORTED_NODE } from '../../src/node-version.mjs'
import { environmentFor, installFrom, isInstalled } from './installation.mjs'
import { withLock } from './lock.mjs'
import { findSupportedNode, hasPinnedNode } from './supported-node.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

process.exitCode = await main(process.argv.slice(2))

/**
 * @param {string[]} argv
 * @returns {Promise<number>}
 */
async function main([target, ...args]) {
  if (target === undefined) {
    say('usage: node deploy/clone/run.mjs <script or tool> [arguments]')
    return 2
  }
  const node = await preparedNode()
  if (node === undefined) return 1

  if (/\.(?:mjs|ts)$/.test(target)) return run(node, [resolve(root, target), ...args], userFolder())

  const tool = scriptOfTool(target)
  if (tool === undefined) {
    say(`no dependency of package.json brings a tool called ${target}`)
    return 2
  }
  return run(node, [tool, ...args], root)
}

/** A supported Node, with the dependencies in place; undefined, and said why, if that cannot be had. */
async function preparedNode() {
  const found = findSupportedNode(root)
  if (found !== undefined && isInstalled(root)) return found

  return withLock(
    join(root, 'deploy/clone/installing'),
    () => say('waiting for another installation in this clone…'),
    async () => {
      const node = findSupportedNode(root) ?? (await broughtNode())
      if (node === undefined || isInstalled(root)) return node

      say('installing dependencies (once)…')
      return (await installFrom(node, root)) ? node : undefined
    },
  )
}

async function broughtNode() {
  if (!hasPinnedNode()) {
    say(
      `Node ${process.versions.node} is not supported, and for ${process.platform} ${process.arch} none is brought along. ` +
        `Install one of ${SUPPORTED_NODE} from https://nodejs.org/ and run this again.`,
    )
    return undefined
  }
  say(`Node ${process.versions.node} is not supported; bringing one that is (once)…`)
  return (await installFrom(process.execPath, join(root, 'deploy/node')))
    ? findSupportedNode(root)
    : undefined
}

/**
 * Where the user is: npm runs its scripts in the root of the clone and leaves the user's folder in
 * INIT_CWD. Anywhere but in the root that variable is of another npm, further out.
 */
function userFolder() {
  const start = process.env['INIT_CWD']
  return process.cwd() === root && start !== undefined ? start : process.cwd()
}

/**
 * The script behind a tool's name, by the `bin` of the packages that package.json names: what lies in
 * node_modules/.bin is not JavaScript on every platform.
 *
 * @param {string} name
 */
function scriptOfTool(name) {
  const { dependencies, devDependencies } = manifest(root)
  for (const dependency of Object.keys({ ...dependencies, ...devDependencies })) {
    const folder = join(root, 'node_modules', dependency)
    const { bin } = manifest(folder)
    const script =
      typeof bin === 'string' ? (dependency.endsWith(name) ? bin : undefined) : bin?.[name]
    if (script !== undefined) return join(folder, script)
  }
  return undefined
}

/**
 * @param {string} folder
 * @returns {{ bin?: string | Record<string, string>, dependencies?: object, devDependencies?: object }}
 */
function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

/**
 * Runs a script and ends as it ends, by its code or by its signal.
 *
 * @param {string} node
 * @param {string[]} argv
 * @param {string} cwd
 * @returns {Promise<number>}
 */
function run(node, argv, cwd) {
  const child = spawn(node, argv, { cwd, env: environmentFor(node), stdio: 'inherit' })

  // A terminal sends Ctrl-C to all its processes, the child among them; sent on, it would arrive
  // twice, and a second one commonly means "at once".
  const passed = /** @type {const} */ (['SIGTERM', 'SIGHUP', 'SIGINT'])
  for (const signal of passed) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  return new Promise((settle) => {
    child.once('error', (error) => {
      say(error.message)
      settle(1)
    })
    child.once('exit', (code, signal) => {
      if (signal === null) return settle(code ?? 1)
      for (const name of passed) process.removeAllListeners(name)
      process.kill(process.pid, signal)
    })
  })
}

/**
 * On the standard error output, since the other belongs to what is run.
 *
 * @param {string} text
 */
function say(text) {
  process.stderr.write(`${text}\n`)
}
