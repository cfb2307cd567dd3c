/**
 * Why a file that a configuration names cannot be read.
 *
 * @module
 */

import { isAbsolute, resolve } from 'node:path'

const CAUSES: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'does not exist'],
  ['EISDIR', 'is a folder'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
])

/**
 * The end of a sentence such as `tls/server.key cannot be read`, or nothing where the cause is not known.
 *
 * @param path What was tried, relative to the current folder.
 * @param written What the file has. Where it is relative, the path that it led to is said too: most often
 *   that is the fault. Undefined: what was tried came from elsewhere, and is not to be shown.
 */
export function causeOf(error: unknown, path: string, written: string | undefined): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const cause = CAUSES.get(code)
  if (cause === undefined) return ''
  const where = written === undefined || isAbsolute(written) ? 'it' : resolve(path)
  return code === 'EACCES' || code === 'EPERM'
    ? `: ${cause}${where === 'it' ? '' : ` (${where})`}`
    : `: ${where} ${cause}`
}
