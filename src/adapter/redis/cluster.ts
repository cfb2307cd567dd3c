/**
 * The masters of a cluster, and which of them has a key.
 *
 * A key that is elsewhere by now is not looked for there: its request is answered with 503, and the next one
 * finds it. That a slot moved changes nothing about what is stored, and a promoted replica is another
 * server, with a marker of its own.
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { StoreAddress } from '../../config/shared-store.ts'
import type { RedisConnection } from './connection.ts'
import { faultFrom, StoreFault } from './fault.ts'
import { type NodeParts, RedisNode } from './node.ts'
import { portOf, type Reply } from './reply.ts'
import { Rest } from './rest.ts'
import { hashTagWithin, SLOTS, slotOf } from './slot.ts'

/** Milliseconds for a connection, and for an answer. */
const OPEN_MS = 500
const ANSWER_MS = 500
/** Milliseconds between two looks at the slots: while all is well, and otherwise. */
const CALM_MS = 5000
/** Milliseconds after which another node is asked as well. */
const LATE_MS = 100
const ALARMED_MS = 250

export interface ClusterParts {
  readonly seeds: readonly StoreAddress[]
  open(address: StoreAddress, timeoutMs: number): Promise<RedisConnection>
  order(hashTag: string): ReturnType<NodeParts['order']>
  readonly limits: NodeParts['limits']
  readonly now: NodeParts['now']
  readonly clock: NodeParts['clock']
  changed(): void
}

interface Master {
  readonly address: StoreAddress
  readonly node: RedisNode
  hashTag: string
}

interface Range {
  readonly from: number
  readonly to: number
  readonly address: StoreAddress
}

export class ClusterNodes {
  readonly #parts: ClusterParts
  readonly #rest = new Rest()
  #isClosing = false
  #masters: ReadonlyMap<string, Master> = new Map()
  #nodes: readonly RedisNode[] = []
  #owners: readonly (RedisNode | undefined)[] = []
  #fault: StoreFault | undefined = new StoreFault('connection', 'not connected yet')
  #since = 0
  #isAlarmed = false
  #isCalm = false
  #living: Promise<void> | undefined

  constructor(parts: ClusterParts) {
    this.#parts = parts
  }

  get nodes(): readonly RedisNode[] {
    return this.#nodes
  }

  /** Why the slots are not known, or not all of them are somewhere. */
  get fault(): StoreFault | undefined {
    return this.#fault
  }

  /** Seconds since the epoch: since when no master has left, with its slots given to others as they are. */
  get since(): number {
    return this.#since
  }

  nodeFor(key: string): RedisNode | undefined {
    return this.#owners[slotOf(key)]
  }

  /** Something is not where it was thought to be: has the slots looked at soon. */
  alarm(): void {
    if (this.#isAlarmed) return
    this.#isAlarmed = true
    if (this.#isCalm) this.#rest.wake()
  }

  /** @returns When it was tried once to reach the nodes. */
  async start(): Promise<void> {
    await this.#refresh()
    const tried = Promise.all(this.nodes.map((node) => node.start()))
    this.#living ??= this.#live()
    await tried
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#rest.end()
    await this.#living
    await Promise.all(this.nodes.map((node) => node.close()))
  }

  async #live(): Promise<void> {
    while (!this.#isClosing) {
      await this.#rest.take(ALARMED_MS)
      this.#isCalm = this.#fault === undefined && this.nodes.every(({ isUp }) => isUp)
      if (this.#isCalm && !this.#isAlarmed) await this.#rest.take(CALM_MS)
      this.#isCalm = false
      this.#isAlarmed = false
      if (!this.#isClosing) await this.#refresh()
    }
  }

  /** Asks the nodes, one more every moment, until one knows where the slots are. */
  async #refresh(): Promise<void> {
    const known = [...this.#masters.values()].map(({ address }) => address)
    const answered = new AbortController()
    const asked = [...known, ...this.#parts.seeds].map(async (address, i) => {
      await pause(i * LATE_MS, undefined, { signal: answered.signal, ref: false })
      return this.#ask(address)
    })
    try {
      this.#take(await Promise.any(asked))
    } catch (error) {
      // Where they were is the best guess until somebody knows better.
      this.#fault = faultFrom(error instanceof AggregateError ? error.errors.at(-1) : error)
      this.#parts.changed()
    } finally {
      answered.abort()
    }
  }

  async #ask(address: StoreAddress): Promise<Range[]> {
    const connection = await this.#parts.open(address, OPEN_MS)
    try {
      return parseSlots(await connection.call(['CLUSTER', 'SLOTS'], ANSWER_MS), address)
    } finally {
      connection.destroy(new StoreFault('connection', 'no longer needed'))
    }
  }

  #take(ranges: readonly Range[]): void {
    const owners: (RedisNode | undefined)[] = new Array(SLOTS).fill(undefined)
    const masters = new Map<string, Master>()
    for (const { from, to, address } of ranges) {
      const name = `${address.host} ${address.port}`
      const master = masters.get(name) ?? this.#masters.get(name) ?? this.#create(address)
      masters.set(name, master)
      owners.fill(master.node, from, to + 1)
    }
    const former = this.#masters
    this.#masters = masters
    this.#nodes = [...masters.values()].map(({ node }) => node)
    this.#owners = owners
    this.#fault = owners.includes(undefined)
      ? new StoreFault('moved', 'there are slots that no node has')
      : undefined
    const gone = [...former].filter(([name]) => !masters.has(name))
    if (gone.length > 0) {
      // Their slots may have come to their new nodes without what was in them, and back to where they were.
      this.#since = Math.ceil(this.#parts.now())
      for (const { node } of masters.values()) node.suspect()
    }
    for (const [, { node }] of gone) void node.close()
    for (const [name, master] of masters) {
      const hashTag = hashTagWithin((slot) => owners[slot] === master.node)
      const isOther = hashTag !== master.hashTag
      master.hashTag = hashTag
      if (!former.has(name)) void master.node.start()
      else if (isOther) master.node.inspect()
    }
    this.#parts.changed()
  }

  #create(address: StoreAddress): Master {
    const { open, order, limits, now, clock, changed } = this.#parts
    const node = new RedisNode({
      locate: () => Promise.resolve(address),
      open,
      order: () => order(master.hashTag),
      limits,
      now,
      clock,
      changed: ({ isUp }) => {
        if (!isUp) this.alarm()
        changed()
      },
    })
    const master: Master = { address, node, hashTag: '' }
    return master
  }
}

/** @param asked Who said it: where a node does not know its own name, it is this one. */
function parseSlots(reply: Reply, asked: StoreAddress): Range[] {
  if (!Array.isArray(reply)) throw new StoreFault('protocol', 'CLUSTER SLOTS is no list')
  return (reply as readonly Reply[]).map((range) => {
    const [from, to, master] = Array.isArray(range) ? (range as readonly Reply[]) : []
    const [host, named] = Array.isArray(master) ? (master as readonly Reply[]) : []
    const port = portOf(named)
    const isSlot = (slot: unknown) => typeof slot === 'number' && slot >= 0 && slot < SLOTS
    if (!isSlot(from) || !isSlot(to) || port === undefined) {
      throw new StoreFault('protocol', 'CLUSTER SLOTS has another form')
    }
    const name = typeof host === 'string' && host !== '' && host !== '?' ? host : asked.host
    return { from: from as number, to: to as number, address: { host: name, port } }
  })
}
