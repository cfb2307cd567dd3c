/**
 * Finds a Node that the gateway runs on.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { isSupportedNode } from '../../src/node-version.mjs'

/** The platforms for which deploy/node pins a Node; undefined elsewhere. */
const BROUGHT =
  process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
    ? `node-linux-${process.arch}`
    : undefined

/** Whether a Node can be brought to this machine. */
export function hasPinnedNode() {
  return BROUGHT !== undefined
}

/**
 * The path of a supported Node: the running one, the one brought before, one on PATH, one of nvm's.
 *
 * @param {string} root The clone.
 * @returns {string | undefined}
 */
export function findSupportedNode(root) {
  if (isSupportedNode(process.versions.node)) return process.execPath
  return candidates(root).find((path) => existsSync(path) && isSupportedNode(versionOf(path)))
}

/** @param {string} root */
function candidates(root) {
  const executable = process.platform === 'win32' ? 'node.exe' : 'node'
  const brought =
    BROUGHT === undefined ? [] : [join(root, 'deploy/node/node_modules', BROUGHT, 'bin/node')]
  const onPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, executable))
  const versions = join(homedir(), '.nvm/versions/node')
  const ofNvm = existsSync(versions)
    ? readdirSync(versions).map((version) => join(versions, version, 'bin/node'))
    : []
  return [...brought, ...onPath, ...ofNvm]
}

/**
 * Asked of the executable itself: what lies on PATH may be a shim whose name and folder say nothing.
 *
 * @param {string} path
 */
function versionOf(path) {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 })
  return (stdout ?? '').trim()
}
