/**
 * Subjects of one row, measured in turns: A B A B …, so that whatever the machine does meanwhile is done
 * to all of them.
 *
 * @module
 */

import { cpuTime } from './cpu-time.ts'
import { type Answered, Exhausted, Unanswered } from './load/load.ts'
import type { Plan } from './plan.ts'
import type { Measured, Run } from './result.ts'
import type { Rig } from './rig.ts'
import { spreadOf } from './statistics.ts'
import type { Subject } from './subjects/subject.ts'

/** One run of load, prepared: what is started by the call is what is measured. */
export type Prepared = () => Promise<Answered>

/** A program, and the work it is given. */
export interface Contender {
  readonly name: string
  start(rig: Rig): Promise<Subject>
  /**
   * Makes what a run of so many seconds needs, and starts nothing.
   *
   * @param rate Requests a second that are to be expected.
   */
  prepare(rig: Rig, subject: Subject, seconds: number, rate: number): Promise<Prepared> | Prepared
  /** Refused by this subject, or it would not do the work that it is measured by. */
  mustRefuse?(rig: Rig, subject: Subject): Promise<void>
}

export interface InTurns {
  readonly measured: readonly Measured[]
  /** Runs by contender, in the order of rounds. */
  readonly runs: readonly (readonly Run[])[]
}

/** Requests a second before anything is known. */
const FIRST_RATE = 10_000

/** Of what was seen before, for a run may be faster than the last. */
const MARGIN = 1.3

/** Times that a run is made again, with twice as many requests or for twice as long. */
const MOST_DOUBLINGS = 5

/** A contender that has been started. */
class Running {
  readonly #rig: Rig
  readonly #contender: Contender
  readonly #subject: Subject
  #rate = FIRST_RATE

  constructor(rig: Rig, contender: Contender, subject: Subject) {
    this.#rig = rig
    this.#contender = contender
    this.#subject = subject
  }

  async run(seconds: number): Promise<Run> {
    let length = seconds
    for (let doublings = 0; ; doublings++) {
      const { pids } = this.#subject
      const load = await this.#contender.prepare(this.#rig, this.#subject, length, this.#rate)
      const before = cpuTime(pids)
      try {
        const answered = await load()
        const cpu = cpuTime(pids) - before
        this.#rate = (answered.requests / answered.seconds) * MARGIN
        return { ...answered, cpu }
      } catch (error) {
        const isVoid = error instanceof Exhausted || error instanceof Unanswered
        if (!isVoid || doublings === MOST_DOUBLINGS) {
          const why = this.#subject.refusals?.() || 'nothing is known of why'
          throw new Error(`${this.#contender.name}: ${String(error)} (${why})`, { cause: error })
        }
        if (error instanceof Exhausted) this.#rate *= 2
        else length *= 2
      }
    }
  }
}

export async function measureInTurns(
  rig: Rig,
  contenders: readonly Contender[],
  { rounds, seconds, warmUps }: Plan,
  say: (text: string) => void,
): Promise<InTurns> {
  const subjects: Subject[] = []
  const runs: Run[][] = contenders.map(() => [])
  try {
    const running: Running[] = []
    for (const contender of contenders) {
      const subject = await contender.start(rig)
      subjects.push(subject)
      await contender.mustRefuse?.(rig, subject)
      const one = new Running(rig, contender, subject)
      // First shortly, to learn how much work a longer run needs.
      await one.run(1)
      for (let i = 0; i < warmUps; i++) await one.run(seconds)
      running.push(one)
    }
    for (let round = 0; round < rounds; round++) {
      for (const [i, { name }] of contenders.entries()) {
        const run = await running[i]!.run(seconds)
        runs[i]!.push(run)
        say(`  ${name}: ${(run.cpu / run.requests).toFixed(1)} µs`)
      }
    }
  } finally {
    await Promise.all(subjects.map((subject) => subject.close()))
  }
  return { runs, measured: contenders.map(({ name }, i) => summaryOf(name, runs[i]!)) }
}

function summaryOf(subject: string, runs: readonly Run[]): Measured {
  const spread = (of: (run: Run) => number) => spreadOf(runs.map(of))
  return {
    subject,
    cpu: spread(({ cpu, requests }) => cpu / requests),
    requestsPerSecond: spread(({ requests, seconds }) => requests / seconds),
    p50: spread(({ p50 }) => p50),
    p99: spread(({ p99 }) => p99),
  }
}
