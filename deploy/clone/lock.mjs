/**
 * One installation at a time in this clone.
 *
 * The lock is a folder with one file in it, and the file's name says who holds it. Both ways to get
 * it are a single rename, so of any number of processes exactly one succeeds: moving a filled folder
 * to the lock's place fails while a filled one is there, and renaming the file of a holder that died
 * fails once another has renamed it.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Runs `work` while holding the lock at `folder`, waiting for a living holder as long as it lives.
 *
 * @template T
 * @param {string} folder
 * @param {() => void} onWait Called once, if there is somebody to wait for.
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(folder, onWait, work) {
  const name = `${process.pid}-${randomUUID()}`
  for (let waited = false; !isTaken(folder, name); waited = true) {
    if (!waited) onWait()
    await sleep(200)
  }
  try {
    return await work()
  } finally {
    rmSync(join(folder, name), { force: true })
    try {
      rmdirSync(folder)
    } catch {
      // Between the two lines another process may have moved its own folder here: it is theirs now.
    }
  }
}

/**
 * @param {string} folder
 * @param {string} name
 */
function isTaken(folder, name) {
  const own = `${folder}-${name}`
  mkdirSync(own)
  writeFileSync(join(own, name), '')
  if (isMoved(own, folder)) return true
  rmSync(own, { recursive: true, force: true })

  const holder = entries(folder)[0]
  if (holder === undefined || isAlive(Number.parseInt(holder, 10))) return false
  return isMoved(join(folder, holder), join(folder, name))
}

/**
 * @param {string} from
 * @param {string} to
 */
function isMoved(from, to) {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    // ENOENT: somebody was faster; the others say that the place is taken (EPERM on Windows).
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error))) return false
    throw error
  }
}

/** @param {string} folder */
function entries(folder) {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, under another user.
    return codeOf(error) === 'EPERM'
  }
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function codeOf(error) {
  return String(/** @type {NodeJS.ErrnoException} */ (error).code)
}
