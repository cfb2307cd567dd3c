/**
 * Load by wrk: cheap enough not to be the bottleneck of any subject, but without client certificates.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pathOf } from '../programs.ts'
import type { Rig } from '../rig.ts'
import {
  type Answered,
  CONNECTIONS,
  Exhausted,
  type Fields,
  requestText,
  Unanswered,
} from './load.ts'

const SCRIPT = join(import.meta.dirname, 'wrk.lua')

export interface WrkOptions {
  /** Requests in turn; from the beginning again when they are used up, unless `once`. */
  readonly requests: readonly { readonly path: string; readonly fields: Fields }[]
  readonly once?: boolean
  readonly connections?: number
  /** Port that the requests name, where that is another than they are sent to. */
  readonly publicPort?: number
}

/** Writes the requests down. The call makes the run; it throws if one answer was not a success. */
export async function prepareWrk(
  { folder, cores }: Rig,
  port: number,
  seconds: number,
  { requests, once = false, connections = CONNECTIONS, publicPort = port }: WrkOptions,
): Promise<() => Promise<Answered>> {
  const file = join(folder, `requests-${port}`)
  const lines = requests.map(({ path, fields }) =>
    requestText(publicPort, path, fields).replaceAll('\r\n', '\t'),
  )
  await writeFile(file, lines.join('\n'))
  const url = `https://localhost:${port}`
  const wrk = [pathOf('wrk'), '-t1', `-c${connections}`, `-d${seconds}s`, '-s', SCRIPT, url]
  return async () => {
    const argv = ['-c', cores.load, ...wrk, '--', file, once ? 'once' : 'again']
    const { stdout } = await promisify(execFile)('taskset', argv)
    const [, text] = /^JSON (.*)$/m.exec(stdout) ?? []
    if (text === undefined) throw new Error(`wrk said: ${stdout}`)
    const { refused, broken, exhausted, ...answered } = JSON.parse(text)
    // On a busy machine all of a short run may be handshakes.
    if (answered.requests === 0) throw new Unanswered()
    if (exhausted) throw new Exhausted()
    if (refused + broken > 0) {
      throw new Error(
        `of ${answered.requests} requests to ${port} ${refused} were refused, ${broken} broke`,
      )
    }
    return answered
  }
}
