/**
 * Programs that are started for the benchmark, and that end with it.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { isTaken } from '../support/ports.ts'

/** Milliseconds for starting, and for ending before it is ended by force. */
const PATIENCE = 15_000

export interface Child {
  readonly pid: number
  /** Its two outputs. */
  readonly log: string
  /** Ends it and waits until it has. */
  close(): Promise<void>
}

export interface ChildOptions {
  /** Where its outputs go, under its name. */
  readonly folder: string
  readonly name: string
  /** As taskset takes them. */
  readonly cores: string
  /** Ports that it listens on once it is ready. */
  readonly ports: readonly number[]
  readonly env?: NodeJS.ProcessEnv
}

/** Starts a program on some cores. @returns When it accepts connections. */
export async function startChild(argv: readonly string[], options: ChildOptions): Promise<Child> {
  const { folder, name, cores, ports, env = process.env } = options
  const log = join(folder, `${name}.log`)
  const output = openSync(log, 'a')
  // taskset becomes the program: one process, one id.
  const child = spawn('taskset', ['-c', cores, ...argv], {
    cwd: folder,
    env,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  // Asked and not forced: those with processes of their own end them first.
  const orphaned = () => void child.kill('SIGTERM')
  process.once('exit', orphaned)
  child.once('close', () => process.off('exit', orphaned))
  await once(child, 'spawn')
  const close = () => end(child)
  try {
    for (const port of ports) await accepting(child, port)
  } catch (error) {
    await close()
    throw new Error(`${name} did not start: ${readFileSync(log, 'utf8').slice(-2000)}`, {
      cause: error,
    })
  }
  return { pid: child.pid!, log, close }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'close')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
  await gone
  clearTimeout(timer)
}

async function accepting(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + PATIENCE
  for (;;) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`)
    if (performance.now() > deadline) throw new Error(`nobody listens on ${port}`)
    if (await isTaken(connect(port, '127.0.0.1'))) return
    await pause(20)
  }
}
