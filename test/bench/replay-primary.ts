/**
 * What the primary of workers does about used proofs, and nothing else of it: a program of its own, so that
 * its CPU can be told from that of workers. Each descriptor from 3 on is the pipe of one worker.
 *
 * Argument: how many there are. Ends when all of them have.
 *
 * @module
 */

import { Socket } from 'node:net'
import { MemoryReplayStore } from '../../src/adapter/replay-memory.ts'
import { answerReplayQuestions } from '../../src/adapter/workers/replay-desk.ts'

const FIRST_DESCRIPTOR = 3
const MOST_PROOFS = 100_000_000

const store = new MemoryReplayStore(MOST_PROOFS, Math.floor(Date.now() / 1000))
for (let worker = 0; worker < Number(process.argv[2]); worker++) {
  answerReplayQuestions(new Socket({ fd: FIRST_DESCRIPTOR + worker }), store)
}
