/**
 * A gateway that runs: a configuration's listeners, issuers and upstreams, put together.
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { Services } from '../check/check.ts'
import type { Configuration } from '../config/configuration.ts'
import { Accountant, initialiseRoute } from '../gateway/account.ts'
import { Gateway } from '../gateway/handler.ts'
import { Tunnels } from '../gateway/tunnel.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { RationedLog } from '../telemetry/rationed-log.ts'
import { AdminListener, areReady, type Readiness } from './admin.ts'
import { describeCaches } from './cache-metrics.ts'
import { steadyClock, wallClock } from './clock.ts'
import { createStore, DpopState } from './dpop-state.ts'
import { describe, describeLists } from './inventory.ts'
import { type IssuerParts, initialiseIssuer } from './issuers.ts'
import { Listener } from './listener.ts'
import { MemoryPressure } from './memory-pressure.ts'
import {
  buildParts,
  type LeftOver,
  leftOver,
  neverLoaded,
  obstacleTo,
  type Parts,
  retire,
} from './parts.ts'
import type { RedisStore } from './redis/store.ts'
import type { Prepared, RunningProcess } from './running.ts'
import { SharedAnswers } from './shared-answers.ts'
import { ownState, type SharedState } from './shared-state.ts'
import { ImportedKeys } from './token-cache.ts'

/** Seconds between two lines about requests that failed unexpectedly: one stack tells as much as many. */
const BUG_PAUSE = 1

/** Milliseconds for which a request that began before a reload may still use what it began with. */
const RETIRE_MS = 60_000

/**
 * Starts a gateway.
 *
 * @returns When its addresses are bound and the issuers were asked once for their keys. An issuer that
 *   did not answer is asked again in the background, and `isReady` says no until it has.
 * @param now Seconds since the epoch.
 * @param state What it has in common with other processes of the same gateway.
 * @throws If an address cannot be bound.
 */
export async function startGateway(
  configuration: Configuration,
  metrics: Metrics,
  logger: Logger,
  now: () => number = wallClock,
  state: SharedState = ownState(configuration, metrics, now()),
): Promise<RunningProcess> {
  const server = new GatewayServer(configuration, metrics, logger, now, state)
  await server.start()
  return server
}

class GatewayServer implements RunningProcess {
  readonly #metrics: Metrics
  readonly #store: RedisStore | undefined
  readonly #dpop: DpopState
  #services: Omit<Services, 'revocation'>
  readonly #outside: IssuerParts
  readonly #gateway: Gateway
  readonly #accountant: Accountant
  readonly #listeners: readonly Listener[]
  readonly #admin: AdminListener | undefined
  readonly #memory = new MemoryPressure()
  readonly #tunnels = new Tunnels()
  readonly #retired = new Map<NodeJS.Timeout, LeftOver>()
  #parts: Parts
  #reloading: Promise<unknown> = Promise.resolve()
  #closing = false

  constructor(
    configuration: Configuration,
    metrics: Metrics,
    logger: Logger,
    now: () => number,
    state: SharedState,
  ) {
    const { dpop, limits, logging, hash, admin } = configuration
    this.#metrics = metrics
    const proofKeys = new ImportedKeys(dpop.proofKeys)
    const clock = () => steadyClock() / 1000
    const outside = { metrics, logger, now, clock, keysOf: state.keysOf }
    this.#store = createStore(configuration, outside)
    const { encryptionKeys = [] } = configuration.stores.redis ?? {}
    const answers = this.#store && new SharedAnswers(this.#store, encryptionKeys)
    this.#outside = { ...outside, answers }
    this.#dpop = new DpopState(configuration, this.#store, state, now)
    const { replay, nonces } = this.#dpop
    this.#services = { replay, nonces, proofKeys }
    this.#parts = buildParts(configuration, undefined, this.#services, this.#outside)
    this.#accountant = new Accountant(metrics, logger, steadyClock, logging.access, hash)
    const bugs = new RationedLog(logger, BUG_PAUSE, this.#outside.clock)
    this.#gateway = new Gateway(this.#parts.serving, {
      pseudonym: state.pseudonym,
      now,
      clock: steadyClock,
      tunnels: this.#tunnels,
      isFull: () => this.#memory.isHigh,
      account: (exchange) => this.#accountant.account(exchange),
      bug: (error, interactionId) => {
        const stack = error instanceof Error ? error.stack : String(error)
        bugs.write(
          'error',
          { interaction_id: interactionId, stack },
          'a request failed unexpectedly',
        )
      },
    })
    // Nobody is silent longer than while the slowest upstream is waited for.
    const waits = configuration.upstreams.map((one) => one.connectTimeout + one.responseTimeout + 1)
    const silence = Math.max(limits.idle, ...waits)
    this.#listeners = configuration.listeners.map(
      (listener) =>
        new Listener(listener, {
          gateway: this.#gateway,
          metrics,
          limits,
          silence,
          ticketKeys: state.ticketKeys,
          refused: (...refusal) => this.#accountant.refused(...refusal),
        }),
    )
    this.#admin =
      admin === undefined
        ? undefined
        : new AdminListener({ metrics, token: admin.token, readiness: () => this.readiness() })
    metrics.watch(() => this.#countConnections())
    metrics.watch(() => {
      const { issuers, revocations } = this.#parts
      const cached = [...issuers.values(), ...revocations.values()].flatMap(({ caches }) => caches)
      describeCaches([{ name: 'proof_keys', issuer: '', cache: proofKeys }, ...cached], metrics)
    })
    metrics.watch(() => describeLists(this.#parts.revocations.values(), metrics))
    this.#take(this.#parts)
  }

  get addresses(): readonly string[] {
    return this.#listeners.map(({ address }) => address)
  }

  get adminAddress(): string | undefined {
    return this.#admin?.address
  }

  isReady(): boolean {
    return areReady(this.readiness())
  }

  async start(): Promise<void> {
    const { admin } = this.#parts.configuration
    try {
      if (admin !== undefined) await this.#admin?.listen(admin.host, admin.port)
      for (const listener of this.#listeners) await listener.listen()
    } catch (error) {
      await this.#end()
      throw error
    }
    const { issuers, revocations } = this.#parts
    const asked = [...issuers.values(), ...revocations.values()].map((one) => one.start())
    await Promise.all([...asked, this.#store?.start()])
  }

  reload(configuration: Configuration): Promise<string | undefined> {
    // One after the other: the configuration that came last is the one that stays.
    const reloaded = this.#reloading.then(() => this.#reload(configuration))
    this.#reloading = reloaded.catch(() => {})
    return reloaded
  }

  async #reload(configuration: Configuration): Promise<string | undefined> {
    const prepared = await this.prepare(configuration)
    if (typeof prepared === 'string') return prepared
    prepared.commit()
    return undefined
  }

  async prepare(configuration: Configuration): Promise<Prepared | string> {
    if (this.#closing) return 'the gateway is stopping'
    const former = this.#parts
    const obstacle = obstacleTo(former.configuration, configuration)
    if (obstacle !== undefined) return obstacle

    const services = { ...this.#services, nonces: this.#dpop.noncesOf(configuration) }
    const parts = buildParts(configuration, former, services, this.#outside)
    const prepared = configuration.listeners.map((one, i) => this.#listeners[i]!.prepare(one))
    const added = leftOver(parts, former)
    // Lists that are in force already are read again too: that is what one reloads for.
    const started = [...added.issuers, ...parts.revocations.values()]
    await Promise.all(started.map((one) => one.start()))
    const abandon = () => retire(added)
    const lost = added.issuers.find(
      ({ ready, config }) => !ready && former.issuers.get(config.id)?.ready,
    )
    if (lost !== undefined) {
      await abandon()
      return `no key of issuer ${lost.config.id} can be had, and those in force can be used`
    }
    const missing = added.revocations.flatMap(({ sources }) => sources).find(neverLoaded)
    if (missing !== undefined) {
      await abandon()
      return `the revocation list ${missing.source} cannot be taken`
    }
    const commit = () => {
      for (const takeOver of prepared) takeOver()
      this.#services = services
      this.#dpop.take(configuration, services.nonces)
      this.#take(parts)
      this.#retireLater(leftOver(former, parts))
    }
    return { commit, abandon }
  }

  async close(readyOffFor?: number): Promise<boolean> {
    const { shutdown } = this.#parts.configuration
    this.#closing = true
    await pause((readyOffFor ?? shutdown.readyOffFor) * 1000)
    const drained = Promise.all(this.#listeners.map((listener) => listener.drain()))
    this.#tunnels.leave()
    const isDrained = new AbortController()
    const late = pause(shutdown.drain * 1000, false, { signal: isDrained.signal })
    const inTime = await Promise.race([drained.then(() => true), late.catch(() => true)])
    isDrained.abort()
    await this.#end()
    return inTime
  }

  /** Ends everything, whatever is under way. */
  async #end(): Promise<void> {
    this.#closing = true
    for (const listener of this.#listeners) listener.destroy()
    this.#memory.close()
    await this.#admin?.close()
    for (const timer of this.#retired.keys()) clearTimeout(timer)
    const { issuers, upstreams, revocations } = this.#parts
    const inForce = {
      issuers: [...issuers.values()],
      upstreams: [...upstreams.values()],
      revocations: [...revocations.values()],
    }
    await Promise.all([inForce, ...this.#retired.values()].map(retire))
    await this.#store?.close()
  }

  /** Puts parts in force, from the next request on. */
  #take(parts: Parts): void {
    this.#parts = parts
    this.#gateway.serving = parts.serving
    this.#accountant.config = parts.configuration.hash
    this.#accountant.replayStore = parts.configuration.dpop.replayStore
    for (const route of parts.routes) initialiseRoute(this.#metrics, route)
    this.#metrics.revocationDelay.reset()
    for (const { config } of parts.issuers.values()) initialiseIssuer(this.#metrics, config)
    describe(parts.configuration, this.#metrics)
  }

  /** What is under way finishes with what it began with. */
  #retireLater(parts: LeftOver): void {
    const timer = setTimeout(() => {
      this.#retired.delete(timer)
      void retire(parts)
    }, RETIRE_MS)
    timer.unref()
    this.#retired.set(timer, parts)
  }

  readiness(): Readiness[] {
    const issuers = [...this.#parts.issuers.values()].map((one) => ({
      name: `issuer ${one.config.id}`,
      ready: one.ready,
    }))
    const lists = [...this.#parts.revocations.values()]
      .flatMap(({ sources }) => sources)
      .map((one) => ({ name: `revocation list ${one.source}`, ready: !neverLoaded(one) }))
    const stores = this.#store === undefined ? [] : [this.#store.readiness]
    return [{ name: 'not shutting down', ready: !this.#closing }, ...issuers, ...lists, ...stores]
  }

  #countConnections(): void {
    this.#metrics.upstreamConnections.reset()
    for (const [upstream, { connections }] of this.#parts.upstreams) {
      for (const [state, count] of Object.entries(connections)) {
        this.#metrics.upstreamConnections.set({ upstream, state }, count)
      }
    }
  }
}
