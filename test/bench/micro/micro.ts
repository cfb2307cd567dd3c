/**
 * Single functions of the gateway, over and over: what a change to one of them does, before it is measured
 * in a whole gateway.
 *
 * @module
 */

import { spreadOf } from '../statistics.ts'
import { spreadText } from '../table.ts'
import { messageWork } from './messages.ts'
import { proofWork } from './proofs.ts'
import { tokenWork } from './tokens.ts'
import type { Work } from './work.ts'

/** Milliseconds of one batch, and batches that count. */
const BATCH = 60
const BATCHES = 9

/** @param names Parts of names; none for all. @returns A line for each: nanoseconds of CPU a call. */
export async function runMicro(names: readonly string[]): Promise<string> {
  const all = [...(await tokenWork()), ...(await proofWork()), ...messageWork()]
  const chosen = all.filter(
    ({ name }) => names.length === 0 || names.some((part) => name.includes(part)),
  )
  const widest = Math.max(0, ...chosen.map(({ name }) => name.length))
  return chosen
    .map((work) => `${work.name.padEnd(widest)}  ${spreadText(spreadOf(measure(work)), 0)} ns`)
    .join('\n')
}

/** Nanoseconds of CPU a call, batch by batch: those of the collector of garbage too. */
function measure({ run }: Work): number[] {
  let turn = 0
  let kept: unknown
  const batchOf = (calls: number) => {
    const start = process.cpuUsage()
    for (let i = 0; i < calls; i++) kept = run(turn++)
    const { user, system } = process.cpuUsage(start)
    return (user + system) * 1000
  }
  // Until it is compiled, and until one knows how many calls a batch has.
  let calls = 1
  while (batchOf(calls) < BATCH * 1e6) calls *= 2
  batchOf(calls)
  const times = Array.from({ length: BATCHES }, () => batchOf(calls) / calls)
  if (kept === times) throw new Error('never')
  return times
}
