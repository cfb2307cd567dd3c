/**
 * The command `fapi-gateway serve` as a process of its own.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const BIN = join(import.meta.dirname, '../../src/bin.mjs')

export interface GatewayProcess {
  readonly child: ChildProcess
  /** Every line of both outputs, in the order they came. */
  readonly lines: readonly string[]
  /** The first line, past or future, that holds this text; refused if the process ends without. */
  line(text: string): Promise<string>
  /** Exit code, or the name of the signal that ended it. */
  readonly exit: Promise<number | string>
}

/**
 * @param more Variables of its environment beside those of this process.
 * @param nodeOptions For Node itself, before the program.
 */
export function serve(
  file: string,
  more: NodeJS.ProcessEnv = {},
  nodeOptions: readonly string[] = [],
): GatewayProcess {
  const { FAPI_GATEWAY_CONFIG: _, NODE_OPTIONS: __, ...env } = process.env
  const child = spawn(process.execPath, [...nodeOptions, BIN, 'serve', '--config', file], {
    env: { ...env, ...more },
  })
  const lines: string[] = []
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => {
      lines.push(line)
      child.emit('line')
    })
  }
  const exit = once(child, 'close').then(([code, signal]) => code ?? signal)
  return {
    child,
    lines,
    exit,
    async line(text) {
      for (;;) {
        const found = lines.find((line) => line.includes(text))
        if (found !== undefined) return found
        const gone = exit.then((code) => `gone ${code}`)
        const next = await Promise.race([once(child, 'line').then(() => undefined), gone])
        if (next !== undefined && !lines.some((line) => line.includes(text))) {
          throw new Error(`${next} without "${text}": ${lines.join('\n')}`)
        }
      }
    },
  }
}

/** What the line that says it is ready says about where. */
export function readPorts(line: string): { port: number; admin: string } {
  const { listeners, admin } = JSON.parse(line)
  return { port: Number(new URL(listeners[0]).port), admin }
}
