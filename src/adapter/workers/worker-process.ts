/**
 * A worker as the primary sees it: a process, what it can be asked, and its end.
 *
 * @module
 */

import cluster from 'node:cluster'
import type { Duplex } from 'node:stream'
import type { MemoryReplayStore } from '../replay-memory.ts'
import { Channel } from './channel.ts'
import { answerReplayQuestions } from './replay-desk.ts'
import type { PrimaryTalk, WorkerTalk } from './talk.ts'
import { PLACE, REPLAY_DESCRIPTOR } from './worker.ts'

export interface WorkerProcess {
  /** No other process of this gateway has had it. */
  readonly id: number
  readonly pid: number
  readonly channel: Channel<WorkerTalk, PrimaryTalk>
  /** How it ended: settled when it is gone and nothing that it said is still to come. */
  readonly ended: Promise<string>
  /** Lets go of it: it closes what it has not closed, and ends. */
  release(): void
  kill(): void
}

/**
 * How workers are started from now on.
 *
 * They share the sockets that listen, and each takes connections from them: the primary is in nobody's
 * way, and a connection that a worker did not take before it died is another's.
 */
export function prepareToFork(): void {
  cluster.schedulingPolicy = cluster.SCHED_NONE
  const stdio: ('ignore' | 'inherit' | 'ipc' | 'pipe')[] = ['ignore', 'inherit', 'inherit', 'ipc']
  stdio[REPLAY_DESCRIPTOR] = 'pipe'
  // Structured clones: what a configuration holds is more than JSON can say.
  cluster.setupPrimary({ serialization: 'advanced', stdio })
}

/**
 * Starts a worker, which then waits to be told to begin.
 *
 * @param place From 1.
 * @throws If there can be no other process.
 */
export function forkWorker(
  place: number,
  replay: MemoryReplayStore,
  answers: PrimaryTalk,
): WorkerProcess {
  const worker = cluster.fork({ [PLACE]: String(place) })
  const { process: child } = worker
  // One that cannot be killed any more: its end is told by the exit.
  worker.on('error', () => {})
  const { pid } = child
  if (pid === undefined) throw new Error('a worker could not be started')
  const channel = new Channel<WorkerTalk, PrimaryTalk>(
    {
      send: (message, sent) => void child.send(message as object, sent),
      on: (event, listener) => child.on(event, listener),
    },
    answers,
  )
  const stream = child.stdio[REPLAY_DESCRIPTOR] as Duplex
  answerReplayQuestions(stream, replay)
  const exit = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  const silence = new Promise<void>((resolve) => void child.once('disconnect', () => resolve()))
  const ended = Promise.all([exit, silence]).then(([how]) => {
    channel.end(`the worker has ended: ${how}`)
    stream.destroy()
    return how
  })
  return {
    id: worker.id,
    pid,
    channel,
    ended,
    release() {
      if (child.connected) child.disconnect()
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
