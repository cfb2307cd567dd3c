/**
 * A worker: a gateway that serves, and leaves to the primary what all workers have to agree about.
 *
 * It lives as long as the primary wants it. Where the primary is gone it takes nothing new, answers what
 * is under way, and ends.
 *
 * @module
 */

import cluster from 'node:cluster'
import { Socket } from 'node:net'
import { serialize } from 'node:v8'
import type { Configuration, IssuerConfig } from '../../config/configuration.ts'
import { createLogger, type Logger } from '../../telemetry/log.ts'
import { createMetrics } from '../../telemetry/metrics.ts'
import { reportOf } from '../../telemetry/metrics-union.ts'
import { standardOutput } from '../../telemetry/standard-output.ts'
import { steadyClock, wallClock } from '../clock.ts'
import { startGateway } from '../gateway-server.ts'
import type { Prepared, RunningProcess } from '../running.ts'
import type { SharedState } from '../shared-state.ts'
import { SharedTicketKeys } from '../ticket-keys.ts'
import { Channel, type Wire } from './channel.ts'
import { Proposals } from './proposals.ts'
import { RelayedKeys } from './relayed-keys.ts'
import { RelayedReplayStore } from './relayed-replay.ts'
import { shareOf } from './share.ts'
import type { Beginning, Ending, PrimaryTalk, SerializedReport, WorkerTalk } from './talk.ts'

/** The variable in which a worker finds its place, from 1. */
export const PLACE = 'FAPI_GATEWAY_WORKER'
/** The descriptor on which the primary answers about proofs. */
export const REPLAY_DESCRIPTOR = 4

/** Milliseconds between two reports; and at most one part in so many of the time goes into them. */
const REPORT_MS = 1000
const REPORT_SHARE = 200
/** Milliseconds after which a process that has nothing left to do is gone. */
const LAST_MS = 5000

/** Serves as the primary says. @returns The exit code, when everything has ended. */
export function runWorker(): Promise<number> {
  // They come to every process of a group; what is to be done the primary says.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  return new Promise((resolve) => new Worker(resolve))
}

class Worker {
  readonly #metrics = createMetrics()
  readonly #place = Number(process.env[PLACE])
  readonly #finish: (code: number) => void
  readonly #channel: Channel<PrimaryTalk, WorkerTalk>
  readonly #stream = new Socket({ fd: REPLAY_DESCRIPTOR, readable: true, writable: true })
  readonly #keys = new Set<RelayedKeys>()
  readonly #proposals = new Proposals()
  #replay: RelayedReplayStore | undefined
  #ticketKeys: SharedTicketKeys | undefined
  #logger: Logger | undefined
  #running: Promise<RunningProcess> | undefined
  #timer: NodeJS.Timeout | undefined
  #closing: Promise<boolean> | undefined
  #isLeaving = false

  constructor(finish: (code: number) => void) {
    this.#finish = finish
    // Otherwise Node would end the process with the primary, and cut off what is under way.
    if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
    process.once('disconnect', () => void this.#leave())
    // What Node says to a primary that is gone, before it knows that, would end the process too.
    cluster.worker?.on('error', () => {})
    this.#stream.once('close', () => void this.#leave())
    this.#channel = new Channel(wireOf(process), {
      begin: (said) => this.#begin(said),
      isThere: () => {},
      readiness: async () => (await this.#running)?.readiness() ?? [],
      report: () => this.#report(),
      prepare: ({ number, configuration }) =>
        this.#proposals.prepare(number, () => this.#prepare(configuration)),
      abandon: () => this.#proposals.abandon(),
      commit: ({ number, since, ticketKeys }) => {
        if (this.#replay !== undefined) this.#replay.since = since
        this.#proposals.commit(number)
        this.#ticketKeys?.take(ticketKeys)
      },
      since: (since) => {
        if (this.#replay !== undefined) this.#replay.since = since
      },
      ticketKeys: (keys) => this.#ticketKeys?.take(keys),
      fetched: ({ of, held }) => {
        for (const keys of this.#keys) if (keys.name === of) keys.take(held)
      },
      close: () => this.#close(),
    })
  }

  async #begin(said: Beginning): Promise<readonly string[]> {
    const { configuration, since } = said
    const dropped = (lines: number) => this.#metrics.logLinesDropped.inc(lines)
    const logger = createLogger(configuration.logging.level, standardOutput(dropped, true))
    this.#logger = logger.child({ worker: this.#place })
    this.#replay = new RelayedReplayStore(this.#stream, since, steadyClock)
    this.#ticketKeys = new SharedTicketKeys(said.ticketKeys)
    const state: SharedState = {
      replay: this.#replay,
      nonceSecret: Buffer.from(said.nonceSecret),
      pseudonym: said.pseudonym,
      ticketKeys: this.#ticketKeys,
      keysOf: (config, onWithdrawn) => this.#keysOf(config, onWithdrawn),
      // The primary knows it first, and says since when uses are known.
      windowsChanged: () => {},
    }
    const share = shareOf(configuration, this.#place)
    this.#running = startGateway(share, this.#metrics, this.#logger, wallClock, state)
    const { addresses } = await this.#running
    this.#reportLater(REPORT_MS)
    return addresses
  }

  async #prepare(configuration: Configuration): Promise<Prepared | string> {
    const running = await this.#running
    return running?.prepare(shareOf(configuration, this.#place)) ?? 'it has not begun'
  }

  #keysOf(config: IssuerConfig, onWithdrawn: () => void): RelayedKeys {
    const keys = new RelayedKeys({
      config,
      clock: () => steadyClock() / 1000,
      onWithdrawn,
      ask: (question, withinMs) => this.#channel.ask('keys', question, withinMs),
      onClose: (closed) => void this.#keys.delete(closed),
    })
    this.#keys.add(keys)
    return keys
  }

  /** What was counted is told from time to time: who is killed cannot tell it. */
  #reportLater(pauseMs: number): void {
    this.#timer = setTimeout(async () => {
      const startedAt = steadyClock()
      const taken = this.#channel.ask('reported', await this.#report())
      const tookMs = steadyClock() - startedAt
      // One at a time: a primary that does not read gets no more of them.
      const isTaken = await taken.then(
        () => true,
        () => false,
      )
      if (isTaken) this.#reportLater(Math.max(REPORT_MS, tookMs * REPORT_SHARE))
    }, pauseMs)
    this.#timer.unref()
  }

  async #report(): Promise<SerializedReport> {
    return serialize(await reportOf(this.#metrics))
  }

  async #close(): Promise<Ending> {
    const inTime = await this.#closed()
    return { inTime, report: await this.#report() }
  }

  #closed(readyOffFor?: number): Promise<boolean> {
    // One that cannot begin has nothing to close.
    const running = this.#running?.catch(() => undefined) ?? Promise.resolve(undefined)
    this.#closing ??= running.then((one) => one?.close(readyOffFor) ?? true)
    return this.#closing
  }

  /** The primary has let go: of a worker that has closed, or by its own end. */
  async #leave(): Promise<void> {
    if (this.#isLeaving) return
    this.#isLeaving = true
    this.#channel.end('the primary is gone')
    clearTimeout(this.#timer)
    if (this.#closing === undefined) {
      this.#logger?.fatal('the primary is gone: no new connections, and then the end')
    }
    // At once: whoever takes the primary's place wants the address.
    const inTime = await this.#closed(0)
    this.#stream.destroy()
    if (process.connected) process.disconnect()
    setTimeout(() => process.exit(), LAST_MS).unref()
    this.#finish(inTime ? 0 : 1)
  }
}

function wireOf(own: NodeJS.Process): Wire {
  return {
    send: (message, sent) => void own.send?.(message, undefined, {}, sent),
    on: (event, listener) => own.on(event, listener),
  }
}
