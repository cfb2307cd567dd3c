/**
 * A gateway that runs: a configuration's listeners, issuers and upstreams, put together.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Services } from '../check/check.ts'
import type { Configuration } from '../config/configuration.ts'
import { Accountant, initialiseRoute } from '../gateway/account.ts'
import { Gateway, type Serving } from '../gateway/handler.ts'
import { Route } from '../gateway/route.ts'
import { Router } from '../gateway/router.ts'
import { Nonces } from '../sender-constraint/dpop/nonce.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { AdminListener, type Readiness } from './admin.ts'
import { steadyClock, wallClock } from './clock.ts'
import { describe } from './inventory.ts'
import { ReachedIssuer } from './issuers.ts'
import { Listener } from './listener.ts'
import { MemoryPressure } from './memory-pressure.ts'
import { MemoryReplayStore } from './replay-memory.ts'
import { createProofKeys } from './token-cache.ts'
import { PooledUpstream } from './upstream.ts'

/** Keys of proofs that are kept imported: as many clients as are active at a time. */
const PROOF_KEYS = 10_000

export interface Running {
  /** `https://address:port` of each listener, in the configuration's order. */
  readonly addresses: readonly string[]
  readonly adminAddress: string | undefined
  /** Whether requests can be decided: what `/readyz` says. */
  isReady(): boolean
  /** Puts another configuration in force, or says why that needs a restart and changes nothing. */
  reload(configuration: Configuration): Promise<string | undefined>
  /** Turns readiness off, answers what is under way, and ends. True if nothing had to be cut off. */
  close(): Promise<boolean>
}

/** The parts of a running gateway that one configuration made. */
interface Parts {
  readonly configuration: Configuration
  readonly issuers: ReadonlyMap<string, ReachedIssuer>
  readonly upstreams: ReadonlyMap<string, PooledUpstream>
  readonly serving: Serving
}

/**
 * Starts a gateway.
 *
 * @returns When its addresses are bound and the issuers were asked once for their keys. An issuer that
 *   did not answer is asked again in the background, and `isReady` says no until it has.
 * @throws If an address cannot be bound.
 */
export async function startGateway(
  configuration: Configuration,
  metrics: Metrics,
  logger: Logger,
): Promise<Running> {
  const server = new GatewayServer(configuration, metrics, logger)
  await server.start()
  return server
}

class GatewayServer implements Running {
  readonly #metrics: Metrics
  readonly #logger: Logger
  readonly #services: Services
  readonly #gateway: Gateway
  readonly #accountant: Accountant
  readonly #listeners: readonly Listener[]
  readonly #admin: AdminListener | undefined
  readonly #memory = new MemoryPressure()
  #parts: Parts
  #closing = false

  constructor(configuration: Configuration, metrics: Metrics, logger: Logger) {
    const { dpop, limits, logging, hash, admin } = configuration
    this.#metrics = metrics
    this.#logger = logger
    const replay = new MemoryReplayStore(dpop.replayEntries)
    const secret = dpop.nonceSecret === undefined ? randomBytes(32) : Buffer.from(dpop.nonceSecret)
    this.#services = {
      replay,
      nonces: new Nonces(secret, dpop.nonceRotation),
      proofKeys: createProofKeys(PROOF_KEYS),
    }
    this.#parts = this.#build(configuration, undefined)
    this.#accountant = new Accountant(metrics, logger, steadyClock, logging.access, hash)
    this.#gateway = new Gateway(this.#parts.serving, {
      now: wallClock,
      clock: steadyClock,
      isFull: () => this.#memory.isHigh,
      account: (exchange) => this.#accountant.account(exchange),
      bug: (error, interactionId) => {
        const stack = error instanceof Error ? error.stack : String(error)
        logger.error({ interaction_id: interactionId, stack }, 'a request failed unexpectedly')
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
          refused: (id, failure) => this.#accountant.refused(id, failure),
        }),
    )
    this.#admin =
      admin === undefined
        ? undefined
        : new AdminListener({ metrics, token: admin.token, readiness: () => this.#readiness() })
    metrics.watch(() => metrics.replayEntries.set({ store: 'memory' }, replay.size))
    metrics.watch(() => this.#countConnections())
    describe(configuration, metrics)
  }

  get addresses(): readonly string[] {
    return this.#listeners.map(({ address }) => address)
  }

  get adminAddress(): string | undefined {
    return this.#admin?.address
  }

  isReady(): boolean {
    return this.#readiness().every(({ ready }) => ready)
  }

  async start(): Promise<void> {
    const { admin } = this.#parts.configuration
    try {
      if (admin !== undefined) await this.#admin?.listen(admin.host, admin.port)
      for (const listener of this.#listeners) await listener.listen()
    } catch (error) {
      await this.close()
      throw error
    }
    await Promise.all([...this.#parts.issuers.values()].map((issuer) => issuer.start()))
  }

  async reload(configuration: Configuration): Promise<string | undefined> {
    const former = this.#parts
    const obstacle = obstacleTo(former.configuration, configuration)
    if (obstacle !== undefined) return obstacle

    const parts = this.#build(configuration, former)
    const added = [...parts.issuers.values()].filter((one) => !has(former.issuers, one))
    await Promise.all(added.map((issuer) => issuer.start()))
    configuration.listeners.forEach((listener, index) => {
      this.#listeners[index]?.reload(listener)
    })
    this.#parts = parts
    this.#gateway.serving = parts.serving
    this.#accountant.config = configuration.hash
    describe(configuration, this.#metrics)

    // What is under way finishes with what it began with.
    for (const one of former.issuers.values()) if (!has(parts.issuers, one)) void one.close()
    for (const one of former.upstreams.values()) if (!has(parts.upstreams, one)) void one.close()
    return undefined
  }

  async close(): Promise<boolean> {
    const { shutdown } = this.#parts.configuration
    this.#closing = true
    await pause(shutdown.readyOffFor)
    const drained = Promise.all(this.#listeners.map((listener) => listener.drain()))
    const inTime = await Promise.race([
      drained.then(() => true),
      pause(shutdown.drain).then(() => false),
    ])
    for (const listener of this.#listeners) listener.destroy()
    this.#memory.close()
    await this.#admin?.close()
    await Promise.all([...this.#parts.issuers.values()].map((issuer) => issuer.close()))
    await Promise.all([...this.#parts.upstreams.values()].map((upstream) => upstream.destroy()))
    return inTime
  }

  /** Builds what a configuration asks for; what another one had already, unchanged, is kept. */
  #build(configuration: Configuration, former: Parts | undefined): Parts {
    const outside = {
      metrics: this.#metrics,
      logger: this.#logger,
      now: wallClock,
      clock: () => steadyClock() / 1000,
    }
    const issuers = new Map<string, ReachedIssuer>()
    for (const config of configuration.issuers) {
      const known = former?.issuers.get(config.id)
      const same = known !== undefined && isSame(known.config, config)
      issuers.set(config.id, same ? known : new ReachedIssuer(config, outside))
    }
    const upstreams = new Map<string, PooledUpstream>()
    for (const config of configuration.upstreams) {
      const known = former?.upstreams.get(config.id)
      const same = known !== undefined && isSame(known.config, config)
      upstreams.set(config.id, same ? known : new PooledUpstream(config))
    }
    const certificatesAsked = configuration.listeners.some(({ certificates }) =>
      certificates.some((one) => one.clientCertificate.mode !== 'off'),
    )
    const routes = configuration.routes.map(
      (config) =>
        new Route(config, {
          upstream: upstreams.get(config.upstream)!,
          issuers: config.issuers.map((id) => issuers.get(id)!.issuer),
          services: this.#services,
          maxToken: configuration.limits.token,
          certificatesAsked,
        }),
    )
    for (const route of routes) initialiseRoute(this.#metrics, route)
    const serving = { router: new Router(routes), limits: configuration.limits }
    return { configuration, issuers, upstreams, serving }
  }

  #readiness(): Readiness[] {
    const issuers = [...this.#parts.issuers.values()].map((one) => ({
      name: `issuer ${one.config.id}`,
      ready: one.ready,
    }))
    return [{ name: 'not shutting down', ready: !this.#closing }, ...issuers]
  }

  #countConnections(): void {
    for (const [upstream, { connections }] of this.#parts.upstreams) {
      for (const [state, count] of Object.entries(connections)) {
        this.#metrics.upstreamConnections.set({ upstream, state }, count)
      }
    }
  }
}

/** What cannot be changed while running, if anything of it was changed. */
function obstacleTo(former: Configuration, next: Configuration): string | undefined {
  const bound = ({ listeners }: Configuration) =>
    listeners.map(({ id, host, port }) => [id, host, port])
  if (!isSame(bound(former), bound(next))) return 'listener addresses changed: restart needed'
  if (!isSame(former.admin, next.admin)) return 'admin changed: restart needed'
  if (!isSame(former.dpop, next.dpop)) return 'dpop nonces or replay store changed: restart needed'
  if (!isSame(former.limits, next.limits)) return 'limits changed: restart needed'
  if (!isSame(former.logging, next.logging)) return 'logging changed: restart needed'
  return undefined
}

/** Configurations are plain data, which its JSON tells apart. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function has<T>(map: ReadonlyMap<string, T>, value: T): boolean {
  return [...map.values()].includes(value)
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000).unref())
}
