/**
 * Beats at a constant rate: a thread that sleeps between them, since a timer of the event loop may be a
 * whole millisecond late.
 *
 * @module
 */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const SOURCE = `
const { parentPort, workerData } = require('node:worker_threads')
const sleep = new Int32Array(new SharedArrayBuffer(4))
const start = performance.now()
for (let beat = 0; beat < workerData.beats; beat++) {
  const wait = start + beat * workerData.every - performance.now()
  if (wait > 0) Atomics.wait(sleep, 0, 0, wait)
  parentPort.postMessage(performance.timeOrigin + start + beat * workerData.every)
}`

/**
 * @param every Milliseconds.
 * @param beat Is told when it was due, in milliseconds of `performance.timeOrigin + performance.now()`.
 * @returns After the last one.
 */
export async function playBeats(
  beats: number,
  every: number,
  beat: (due: number) => void,
): Promise<void> {
  const worker = new Worker(SOURCE, { eval: true, workerData: { beats, every } })
  worker.on('message', beat)
  await once(worker, 'exit')
}
