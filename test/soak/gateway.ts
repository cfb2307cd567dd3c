/**
 * The gateway of a soak: a process of its own, whose lines are read as they come, and what it takes from
 * the machine.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readPorts } from '../support/gateway-process.ts'

const ROOT = join(import.meta.dirname, '../..')

export interface AccessLine {
  readonly interaction_id: string
  readonly status: number
  readonly reason?: string
  readonly [member: string]: unknown
}

/** What is left after garbage has been collected. */
export interface Probe {
  readonly heapUsed: number
  readonly external: number
  readonly timers: number
}

export class GatewayUnderSoak {
  readonly port: number
  readonly admin: string
  readonly #child: ChildProcess
  readonly #events: EventEmitter
  readonly #gone: Promise<unknown>

  private constructor(
    child: ChildProcess,
    events: EventEmitter,
    gone: Promise<unknown>,
    line: string,
  ) {
    const { port, admin } = readPorts(line)
    this.port = port
    this.admin = admin
    this.#child = child
    this.#events = events
    this.#gone = gone
  }

  /**
   * @param onAccess Called for every request that was answered.
   * @param onError Called with every line that says that something is wrong with the gateway.
   */
  static async start(
    file: string,
    onAccess: (line: AccessLine) => void,
    onError: (line: string) => void,
  ): Promise<GatewayUnderSoak> {
    const { FAPI_GATEWAY_CONFIG: _, NODE_OPTIONS: __, ...env } = process.env
    // V8 extends its young generation by and by, whatever is held: here it is as large as it gets soon.
    const own = [
      '--expose-gc',
      '--max-semi-space-size=4',
      '--import',
      join(ROOT, 'test/soak/probe.mjs'),
    ]
    const child = spawn(
      process.execPath,
      [...own, join(ROOT, 'src/bin.mjs'), 'serve', '--config', file],
      { env, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const events = new EventEmitter()
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text)
      if (line.msg === 'access') onAccess(line)
      else if (line.level === 'error' || line.level === 'fatal') onError(text)
      events.emit(text.includes('"ready: ') ? 'ready' : line.msg, text)
    })
    const gone = once(child, 'close').then(([code, signal]) => {
      onError(`the gateway ended: ${code ?? signal}`)
      return undefined
    })
    const ready = await Promise.race([once(events, 'ready'), gone])
    if (ready === undefined) throw new Error('the gateway did not start')
    return new GatewayUnderSoak(child, events, gone, ready[0])
  }

  /** Has the file read again; done when it is in force. */
  async reload(): Promise<void> {
    const done = once(this.#events, 'configuration reloaded', {
      signal: AbortSignal.timeout(60_000),
    })
    this.#child.kill('SIGHUP')
    await done
  }

  async probe(): Promise<Probe> {
    const said = once(this.#events, 'probe', { signal: AbortSignal.timeout(60_000) })
    this.#child.kill('SIGUSR2')
    const [text] = await said
    return JSON.parse(text)
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.admin}/metrics`, { headers: { connection: 'close' } })).text()
  }

  /** Bytes that are resident, and sockets that are open. Of Linux. */
  async usage(): Promise<{ readonly rss: number; readonly sockets: number }> {
    const folder = `/proc/${this.#child.pid}`
    const status = await readFile(`${folder}/status`, 'utf8')
    const rss = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
    const links = (await readdir(`${folder}/fd`)).map((name) =>
      readlink(`${folder}/fd/${name}`).catch(() => ''),
    )
    const sockets = (await Promise.all(links)).filter((link) => link.startsWith('socket:')).length
    return { rss, sockets }
  }

  async close(): Promise<void> {
    this.#child.kill()
    await this.#gone
  }
}
