/**
 * A gateway of several processes, seen from the primary. It serves no request: it holds what all workers
 * have to agree about (used proofs, keys of issuers, secrets), answers on the admin listener for all of
 * them, and changes them together.
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { Configuration } from '../../config/configuration.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { AdminListener, areReady } from '../admin.ts'
import { steadyClock, wallClock } from '../clock.ts'
import { windowsOf } from '../dpop-state.ts'
import { describe } from '../inventory.ts'
import { obstacleTo } from '../parts.ts'
import type { Running } from '../running.ts'
import { ownState } from '../shared-state.ts'
import { newTicketKey, TICKET_KEY_LIFETIME_MS } from '../ticket-keys.ts'
import { KeyDesk } from './key-desk.ts'
import { Place } from './place.ts'
import { RollCall } from './roll-call.ts'
import type { Beginning, TicketKeyRing, WorkerTalk } from './talk.ts'
import { forkWorker, prepareToFork, type WorkerProcess } from './worker-process.ts'

/** Milliseconds that workers may take for what is at hand, and to prepare a configuration. */
const AT_HAND_MS = 5000
const PREPARE_MS = 120_000

/**
 * Starts the workers of a configuration.
 *
 * @returns When all of them serve.
 * @throws If one of them cannot begin. None is left then.
 */
export async function startCrew(
  configuration: Configuration,
  metrics: Metrics,
  logger: Logger,
): Promise<Running> {
  const crew = new Crew(configuration, metrics, logger)
  await crew.start()
  return crew
}

class Crew implements Running {
  readonly failed: Promise<void>
  readonly #giveUp: () => void
  readonly #metrics: Metrics
  readonly #logger: Logger
  readonly #roll: RollCall
  readonly #state: ReturnType<typeof ownState>
  readonly #keys: KeyDesk
  readonly #places: readonly Place[]
  readonly #admin: AdminListener | undefined
  readonly #rotation: NodeJS.Timeout
  #configuration: Configuration
  #ticketKeys: TicketKeyRing
  #turn: Promise<unknown> = Promise.resolve()
  #proposals = 0
  #isClosing = false
  addresses: readonly string[] = []

  constructor(configuration: Configuration, metrics: Metrics, logger: Logger) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.failed = promise
    this.#giveUp = resolve
    this.#configuration = configuration
    this.#metrics = metrics
    this.#logger = logger
    this.#state = ownState(configuration, metrics, wallClock())
    this.#ticketKeys = ticketKeysOf(configuration)
    const parts = { metrics, logger, now: wallClock, clock: () => steadyClock() / 1000 }
    this.#keys = new KeyDesk(parts, (of, held) => void this.#tell('fetched', { of, held }))
    this.#places = Array.from({ length: configuration.workers }, (_, i) => this.#place(i + 1))
    this.#roll = new RollCall(this.#places, metrics, logger)
    const { admin } = configuration
    this.#admin =
      admin === undefined
        ? undefined
        : new AdminListener({
            metrics: { contentType: metrics.contentType, expose: () => this.#roll.expose() },
            token: admin.token,
            readiness: () => this.#roll.readiness(this.#isClosing),
          })
    this.#rotation = setInterval(() => this.#changeTicketKeys(), TICKET_KEY_LIFETIME_MS)
    this.#rotation.unref()
    describe(configuration, metrics)
  }

  get adminAddress(): string | undefined {
    return this.#admin?.address
  }

  async isReady(): Promise<boolean> {
    return areReady(await this.#roll.readiness(this.#isClosing))
  }

  async start(): Promise<void> {
    const { admin, issuers } = this.#configuration
    try {
      if (admin !== undefined) await this.#admin?.listen(admin.host, admin.port)
      this.#keys.open(issuers)
      prepareToFork()
      const begun = await Promise.all(this.#places.map((place) => place.fill()))
      this.addresses = begun[0] ?? []
    } catch (error) {
      for (const { worker } of this.#places) worker?.kill()
      await this.#end()
      throw error
    }
  }

  reload(configuration: Configuration): Promise<string | undefined> {
    return this.#inTurn(() => this.#reload(configuration))
  }

  /** All workers prepare; if all can, all change. What fails in one of them changes none. */
  async #reload(configuration: Configuration): Promise<string | undefined> {
    if (this.#isClosing) return 'the gateway is stopping'
    const former = this.#configuration
    const obstacle = obstacleTo(former, configuration)
    if (obstacle !== undefined) return obstacle
    this.#keys.open(configuration.issuers)
    this.#proposals += 1
    const number = this.#proposals
    const workers = this.#serving()
    const prepared = workers.map((worker) =>
      worker.channel.ask('prepare', { number, configuration }, PREPARE_MS).catch(causeOf),
    )
    const obstacles = await Promise.all(prepared)
    const met =
      workers.length === 0 ? 'no worker serves' : obstacles.find((one) => one !== undefined)
    if (met !== undefined) {
      await this.#tell('abandon', undefined)
      await this.#keys.keep(former.issuers)
      return met
    }

    this.#configuration = configuration
    // Sessions of the former configuration are not resumed, by whichever worker.
    this.#ticketKeys = ticketKeysOf(configuration)
    const isWindowKept = windowsOf(former) === windowsOf(configuration)
    // Until the last worker has changed, some proof may be accepted for less long than it soon will be.
    const since = isWindowKept ? this.#state.replay.since : Number.POSITIVE_INFINITY
    await this.#demand(workers, 'commit', { number, since, ticketKeys: this.#ticketKeys })
    if (!isWindowKept) {
      this.#state.windowsChanged(wallClock())
      await this.#demand(workers, 'since', this.#state.replay.since)
    }
    describe(configuration, this.#metrics)
    await this.#keys.keep(configuration.issuers)
    return undefined
  }

  async close(): Promise<boolean> {
    const { readyOffFor, drain } = this.#configuration.shutdown
    this.#isClosing = true
    for (const place of this.#places) place.close()
    const workers = this.#workers()
    // Who ends this process now ends them too.
    process.once('exit', () => {
      for (const worker of workers) worker.kill()
    })
    const withinMs = (readyOffFor + drain) * 1000 + AT_HAND_MS
    const closed = await Promise.all(workers.map((worker) => this.#close(worker, withinMs)))
    await this.#end()
    return closed.every((inTime) => inTime)
  }

  async #close(worker: WorkerProcess, withinMs: number): Promise<boolean> {
    try {
      const { inTime, report } = await worker.channel.ask('close', undefined, withinMs)
      this.#roll.union.reported(worker.id, report)
      worker.release()
      const isGone = await Promise.race([
        worker.ended,
        pause(AT_HAND_MS, undefined, { ref: false }),
      ])
      if (isGone === undefined) worker.kill()
      return inTime
    } catch {
      // It ended before, or does not end by itself.
      worker.kill()
      return false
    }
  }

  async #end(): Promise<void> {
    this.#isClosing = true
    for (const place of this.#places) place.close()
    clearInterval(this.#rotation)
    await this.#admin?.close()
    await this.#keys.keep([])
    await this.#roll.union.close()
  }

  #place(number: number): Place {
    this.#metrics.workerRestarts.inc({ worker: String(number) }, 0)
    return new Place(number, {
      logger: this.#logger,
      clock: steadyClock,
      fork: (place) => this.#fork(place),
      beginning: () => this.#beginning(),
      inTurn: (step) => this.#inTurn(step),
      onEnd: (place, { id }) => {
        this.#roll.union.ended(id)
        if (!this.#isClosing) this.#metrics.workerRestarts.inc({ worker: String(place) })
      },
      giveUp: (worker, cause) => {
        this.#logger.fatal({ worker, cause }, 'workers end as soon as they have begun')
        this.#giveUp()
      },
    })
  }

  #fork(place: number): WorkerProcess {
    const worker: WorkerProcess = forkWorker(place, this.#state.replay, {
      keys: (question) => this.#keys.answer(question),
      reported: (report) => this.#roll.union.reported(worker.id, report),
    })
    return worker
  }

  #beginning(): Beginning {
    const { nonceSecret, pseudonym, replay } = this.#state
    const { since } = replay
    const [configuration, ticketKeys] = [this.#configuration, this.#ticketKeys]
    return { configuration, since, nonceSecret, pseudonym, ticketKeys }
  }

  /** One step after the other: nobody begins with a configuration that is being replaced. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(step)
    this.#turn = done.catch(() => {})
    return done
  }

  #workers(): WorkerProcess[] {
    return this.#places.map(({ worker }) => worker).filter((worker) => worker !== undefined)
  }

  #serving(): WorkerProcess[] {
    return this.#places.map(({ serving }) => serving).filter((worker) => worker !== undefined)
  }

  /** Tells every worker, those that are about to serve too. */
  async #tell<K extends keyof WorkerTalk & string>(
    question: K,
    said: Parameters<WorkerTalk[K]>[0],
  ): Promise<void> {
    const told = this.#workers().map(({ channel }) => channel.ask(question, said, AT_HAND_MS))
    await Promise.allSettled(told)
  }

  /** Who does not do what has to be done is replaced. */
  async #demand<K extends keyof WorkerTalk & string>(
    workers: readonly WorkerProcess[],
    question: K,
    said: Parameters<WorkerTalk[K]>[0],
  ): Promise<void> {
    const done = workers.map(async ({ channel, kill, ended }) => {
      await channel.ask(question, said, AT_HAND_MS).catch(() => {
        kill()
        return ended
      })
    })
    await Promise.all(done)
  }

  #changeTicketKeys(): void {
    this.#ticketKeys = ticketKeysOf(this.#configuration)
    void this.#tell('ticketKeys', this.#ticketKeys)
  }
}

function ticketKeysOf({ listeners }: Configuration): TicketKeyRing {
  return new Map(listeners.map(({ id }) => [id, newTicketKey()]))
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
