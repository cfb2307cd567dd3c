/**
 * A run: plans are sent, many at a time, and every one of them is judged.
 *
 * @module
 */

import { fillIn } from './credential.ts'
import { exchange, type Observation } from './exchange.ts'
import { damaged, type Plan, planRequest } from './mutation.ts'
import { isComparable, isRefusedByAll } from './peers.ts'
import type { Rig } from './rig.ts'
import type { SeedRequest } from './seed-request.ts'
import { readStrictly } from './strict-reader.ts'
import { type Fault, judge } from './verdict.ts'

export interface Finding extends Fault {
  /** What it was that was sent. Several, and one of them to blame, where the gateway ended. */
  readonly plans: readonly Plan[]
}

export interface Summary {
  readonly sent: number
  readonly forwarded: number
  /** Connections on which nothing was answered. */
  readonly unanswered: number
  /** How often the peers were asked about what the gateway forwarded. */
  readonly compared: number
  /** Final answers. */
  readonly byStatus: Readonly<Record<string, number>>
  /** How many findings, by rule. */
  readonly found: Readonly<Record<string, number>>
  /** The first of each rule. */
  readonly findings: readonly Finding[]
}

const PARALLEL = 16

/** Of one rule; more are counted and not kept. */
const MOST_FINDINGS = 5

/** After which what was sent has been logged and has reached the upstream, if ever. */
const SETTLED_MS = 2000

/** Tokens live for minutes; a nonce for one at least. */
const RENEW_MS = 20_000

export class Campaign {
  readonly #rig: Rig
  readonly #seed: number
  readonly #seeds: readonly SeedRequest[]
  readonly #underWay = new Set<Plan>()
  readonly #verdicts = new Set<Promise<void>>()
  readonly #findings: Finding[] = []
  readonly #found: Record<string, number> = {}
  readonly #byStatus: Record<string, number> = {}
  #sent = 0
  #forwarded = 0
  #unanswered = 0
  #compared = 0

  constructor(rig: Rig, seed: number, seeds: readonly SeedRequest[]) {
    this.#rig = rig
    this.#seed = seed
    this.#seeds = seeds
  }

  get summary(): Summary {
    return {
      sent: this.#sent,
      forwarded: this.#forwarded,
      unanswered: this.#unanswered,
      compared: this.#compared,
      byStatus: this.#byStatus,
      found: this.#found,
      findings: this.#findings,
    }
  }

  /**
   * Sends requests from a number on.
   *
   * @param isOver Asked before each, with its number.
   */
  async run(from: number, isOver: (index: number) => boolean): Promise<Summary> {
    const renewing = setInterval(() => void this.#renew(), RENEW_MS)
    let next = from
    const work = async () => {
      while (!isOver(next) && this.#goesOn()) {
        const plan = planRequest(this.#seed, next++, this.#seeds)
        const { verdict } = await this.#send(plan)
        const noted = verdict.then((faults) => this.#note(plan, faults))
        this.#verdicts.add(noted)
        void noted.finally(() => this.#verdicts.delete(noted))
      }
    }
    await Promise.all(Array.from({ length: PARALLEL }, work))
    await Promise.all(this.#verdicts)
    clearInterval(renewing)
    for (const fault of this.#rig.stray) this.#keep({ ...fault, plans: [] })
    return this.summary
  }

  /**
   * The shortest beginning of a plan's request with which the same happens; found by halving, and so
   * only as short as that finds it.
   */
  async shorten(plan: Plan, { rule }: Fault): Promise<Plan> {
    let shortest: Plan = { ...plan, honest: undefined }
    let low = 0
    while (low < shortest.template.length - 1 && this.#rig.ending() === undefined) {
      const middle = (low + shortest.template.length) >> 1
      const shorter = { ...shortest, template: plan.template.slice(0, middle) }
      const faults = await (await this.#send(shorter)).verdict
      if (faults.some((fault) => fault.rule === rule)) shortest = shorter
      else low = middle
    }
    return shortest
  }

  /** By an honest client. */
  async #renew(): Promise<void> {
    try {
      await this.#rig.wallet.renew()
    } catch (error) {
      if (this.#rig.ending() !== undefined) return
      this.#keep({ rule: 'honest_request_refused', detail: String(error), plans: [] })
    }
  }

  #goesOn(): boolean {
    if (this.#rig.ending() !== undefined) {
      const detail = `the gateway ended: ${this.#rig.ending()}`
      if (this.#found['ended'] === undefined) {
        this.#keep({ rule: 'ended', detail, plans: [...this.#underWay] })
      }
      return false
    }
    return true
  }

  async #note(plan: Plan, faults: readonly Fault[]): Promise<void> {
    for (const fault of faults) {
      // What is slow once may have had a slow neighbour.
      if (fault.rule === 'slow' && !(await this.#isAgain(plan, fault))) continue
      this.#keep({ ...fault, plans: [plan] })
    }
  }

  #keep(finding: Finding): void {
    const count = (this.#found[finding.rule] ?? 0) + 1
    this.#found[finding.rule] = count
    if (count <= MOST_FINDINGS) this.#findings.push(finding)
  }

  async #isAgain(plan: Plan, { rule }: Fault): Promise<boolean> {
    const faults = await (await this.#send(plan)).verdict
    return faults.some((fault) => fault.rule === rule)
  }

  /** Sends a request. Its verdict comes later, when nothing more can come of it. */
  async #send(plan: Plan): Promise<{ verdict: Promise<Fault[]> }> {
    const rig = this.#rig
    const trace = rig.begin()
    const holding = rig.wallet.of(plan.holder)
    const mark = trace.number.toString(16).padStart(8, '0')
    const { text, filling } = await fillIn(plan.template, holding, mark)
    const bytes = damaged(Buffer.from(text, 'latin1'), plan.damage)
    const reading = readStrictly(bytes)

    this.#underWay.add(plan)
    const open = () => rig.connect(holding, trace)
    const seen = await exchange(open, bytes, plan.pieces, reading)
    this.#underWay.delete(plan)
    this.#count(seen)

    const isOdd =
      plan.honest === undefined &&
      seen.answers.some(({ status }) => status === 200) &&
      reading.requests.every(isComparable)
    const asked = isOdd ? rig.peers.map((peer) => peer.ask(bytes, reading)) : []
    const ofPeers = await Promise.all(asked)
    if (asked.length > 0) this.#compared += 1

    const { honest } = plan
    const isHonest = plan.holder === 'valid' && rig.ending() === undefined
    const verdict = new Promise((resolve) => setTimeout(resolve, SETTLED_MS)).then(() => {
      rig.drop(trace)
      this.#forwarded += trace.upstream.length
      const faults = judge(
        {
          reading,
          filling,
          isAuthorized: plan.holder === 'valid',
          honest: isHonest ? honest : undefined,
        },
        { ...seen, upstream: trace.upstream, access: trace.access },
      )
      if (!isRefusedByAll(seen.answers, ofPeers)) return faults
      const said = ofPeers.map((answers) => answers.map(({ status }) => status).join())
      return [...faults, { rule: 'peers_refuse' as const, detail: said.join(' | ') }]
    })
    return { verdict }
  }

  #count({ answers }: Observation): void {
    this.#sent += 1
    if (answers.length === 0) this.#unanswered += 1
    for (const { status } of answers) {
      this.#byStatus[status] = (this.#byStatus[status] ?? 0) + 1
    }
  }
}
