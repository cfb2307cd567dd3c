/**
 * The store that instances share: one server, the master that sentinels name, or the masters of a cluster.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { RedisConfig, StoreAddress, StoreUser } from '../../config/shared-store.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { RationedLog } from '../../telemetry/rationed-log.ts'
import type { Readiness } from '../admin.ts'
import { ClusterNodes } from './cluster.ts'
import { RedisConnection } from './connection.ts'
import { STORE_FAULTS, StoreFault } from './fault.ts'
import { RedisNode } from './node.ts'
import type { Answer } from './pipeline.ts'
import { locateMaster } from './sentinel.ts'

/** Seconds between two lines about a store that cannot be used. */
const LOG_PAUSE = 10

const STORE = 'redis'

export const STORE_OPERATIONS = ['replay', 'cache_get', 'cache_set'] as const
export type StoreOperation = (typeof STORE_OPERATIONS)[number]

export interface StoreParts {
  readonly metrics: Metrics
  readonly logger: Logger
  /** Seconds since the epoch. */
  readonly now: () => number
  /** Seconds of a clock that never jumps. */
  readonly clock: () => number
}

/** What there is to know of one server or several. */
interface Nodes {
  readonly nodes: readonly RedisNode[]
  /** What is wrong beside what is wrong with a node. */
  readonly fault: StoreFault | undefined
  /** Since when all nodes together have what was stored. */
  readonly since: number
  nodeFor(key: string): RedisNode | undefined
  alarm(): void
  start(): Promise<void>
  close(): Promise<void>
}

export class RedisStore {
  readonly keyPrefix: string
  readonly #parts: StoreParts
  readonly #nodes: Nodes
  readonly #log: RationedLog
  readonly #seconds: ReadonlyMap<string, { observe(seconds: number): void }>
  #windows: string
  #epoch = ''
  #widenedAt = 0
  #wasUp = false
  #isUp = false

  /**
   * @param isMemory Whether it holds what may not be forgotten, or only what can be asked for again.
   * @param windows Names how long proofs are accepted.
   */
  constructor(config: RedisConfig, isMemory: boolean, windows: string, parts: StoreParts) {
    const { metrics, logger, clock } = parts
    this.keyPrefix = config.keyPrefix
    this.#parts = parts
    this.#windows = windows
    this.#log = new RationedLog(logger, LOG_PAUSE, clock)
    this.#seconds = new Map(
      STORE_OPERATIONS.map((op) => [op, metrics.storeSeconds.labels({ store: STORE, op })]),
    )
    this.#nodes = this.#createNodes(config, isMemory)
    for (const kind of STORE_FAULTS) metrics.storeErrors.inc({ store: STORE, kind }, 0)
    metrics.storeResets.inc({ store: STORE }, 0)
    metrics.watch(() => this.#describe())
  }

  /** Another one after all that was stored may have been lost: the same for all instances. */
  get epoch(): string {
    return this.#epoch
  }

  /** Seconds since the epoch, by our clock: from when on all that was stored is there. */
  get since(): number {
    const { nodes, since } = this.#nodes
    return nodes.reduce(
      (latest, node) => Math.max(latest, node.since),
      Math.max(since, this.#widenedAt),
    )
  }

  get isUp(): boolean {
    const { fault, nodes } = this.#nodes
    return fault === undefined && nodes.every(({ isUp }) => isUp)
  }

  /** Until it was reached once, there is no saying whether it ever can be. */
  get readiness(): Readiness {
    const trouble = this.#trouble
    const name = `store ${STORE}`
    return trouble === undefined && this.isUp
      ? { name, ready: true }
      : {
          name: `${name}: ${trouble?.message ?? 'answers are late'}`,
          ready: false,
          isPassing: this.#wasUp,
        }
  }

  /**
   * Has a command carried out where its key is.
   *
   * @returns What came back, and is believed; or why it is not known whether it was carried out. A promise
   *   only if the store was asked.
   */
  run(
    operation: StoreOperation,
    key: string,
    words: readonly string[],
  ): StoreFault | Promise<Answer | StoreFault> {
    const node = this.#nodes.nodeFor(key)
    const isWrite = operation !== 'cache_get'
    const asked = node?.run(words, isWrite) ?? this.#nodes.fault ?? UNKNOWN
    if (asked instanceof StoreFault) return this.#failed(asked)
    const begun = this.#parts.clock()
    return asked.then((answer) => {
      this.#seconds.get(operation)?.observe(this.#parts.clock() - begun)
      return answer instanceof StoreFault ? this.#failed(answer) : answer
    })
  }

  /** The time of the server that has a key, in seconds since the epoch; undefined: nobody knows. */
  timeAt(key: string): number | undefined {
    return this.#nodes.nodeFor(key)?.time
  }

  /** What is another after all that this server held may be lost. */
  epochAt(key: string): string {
    return this.#nodes.nodeFor(key)?.epoch ?? ''
  }

  /** Seconds since the epoch, by our clock. */
  now(): number {
    return this.#parts.now()
  }

  /** Proofs are accepted for another time from now on: of those from before, less may be known. */
  useWindows(windows: string): void {
    this.#windows = windows
    this.#widenedAt = Math.ceil(this.#parts.now())
    for (const node of this.#nodes.nodes) node.inspect()
  }

  /** @returns When it was tried once to reach it. */
  start(): Promise<void> {
    return this.#nodes.start()
  }

  close(): Promise<void> {
    return this.#nodes.close()
  }

  get #trouble(): StoreFault | undefined {
    const { fault, nodes } = this.#nodes
    return fault ?? nodes.map(({ trouble }) => trouble).find((one) => one !== undefined)
  }

  #failed(fault: StoreFault): StoreFault {
    this.#parts.metrics.storeErrors.inc({ store: STORE, kind: fault.kind })
    if (fault.kind === 'moved') this.#nodes.alarm()
    return fault
  }

  #createNodes(config: RedisConfig, isMemory: boolean): Nodes {
    const { topology, keyPrefix, timeout, maxInFlight, waitForReplicas } = config
    const limits = { timeoutMs: timeout * 1000, maxInFlight, waitForReplicas }
    const opener = (user: StoreUser, database: number) => {
      return (address: StoreAddress, timeoutMs: number) =>
        RedisConnection.open({ address, user, database, tls: config.tls, timeoutMs })
    }
    const open = opener(config.user, config.database)
    const { now, clock } = this.#parts
    const order = (hashTag: string) => ({
      keyPrefix,
      hashTag,
      isCluster: topology.kind === 'cluster',
      isMemory,
      windows: this.#windows,
      now,
    })
    const changed = () => this.#changed()
    const common = { open, limits, now, clock, changed }
    if (topology.kind === 'cluster') {
      return new ClusterNodes({ seeds: topology.seeds, order, ...common })
    }
    const openSentinel = topology.kind === 'sentinel' ? opener(topology.user, 0) : open
    const locate = () =>
      topology.kind === 'sentinel'
        ? locateMaster(topology.master, topology.sentinels, openSentinel)
        : Promise.resolve(topology.address)
    const node = new RedisNode({ locate, order: () => order(''), ...common })
    return {
      nodes: [node],
      fault: undefined,
      since: 0,
      nodeFor: () => node,
      alarm: () => {},
      start: () => node.start(),
      close: () => node.close(),
    }
  }

  #changed(): void {
    const { logger, metrics } = this.#parts
    const epochs = this.#nodes.nodes.map(({ epoch }) => epoch).sort()
    const epoch = createHash('sha256').update(epochs.join(' ')).digest('base64url').slice(0, 22)
    if (epoch !== this.#epoch && this.#wasUp) {
      metrics.storeResets.inc({ store: STORE })
      const message = 'what the store held may be lost: proofs from before are refused'
      logger.warn({ store: STORE }, message)
    }
    // At once, whether or not all of them are up: one that is answers already.
    this.#epoch = epoch
    const { isUp } = this
    const trouble = this.#trouble
    if (!isUp) {
      const facts = { store: STORE, fault: trouble?.kind, cause: trouble?.message }
      this.#log.write('warn', facts, 'the store cannot be used')
    } else if (!this.#isUp) {
      logger.info({ store: STORE }, 'the store can be used')
    }
    this.#isUp = isUp
    this.#wasUp ||= isUp
  }

  #describe(): void {
    this.#parts.metrics.storeUp.set({ store: STORE }, this.isUp ? 1 : 0)
  }
}

const UNKNOWN = new StoreFault('moved', 'no server is known to have this key')
