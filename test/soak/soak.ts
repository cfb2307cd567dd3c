/**
 * Mixed traffic against a running gateway for as long as is asked: whether every answer is right, and
 * whether the gateway holds no more in the end than at the beginning.
 *
 *     npm run soak -- --minutes 30
 *     npm run soak -- --minutes 30 --rate 50
 *
 * Ends with 0 only if no answer was wrong and nothing grew.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { soak } from './campaign.ts'
import { megabytes, type Sample, secondHalf, slopeOf } from './measurement.ts'
import { startWorld } from './world.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    rate: { type: 'string', default: '100' },
  },
})
const [minutes, rate] = [Number(values.minutes), Number(values.rate)]
if (!(minutes > 0) || !(rate > 0)) {
  say('usage: npm run soak -- [--minutes N] [--rate REQUESTS A SECOND]')
  process.exitCode = 2
} else if (process.platform !== 'linux') {
  say('needs Linux: what a process holds is read from /proc')
  process.exitCode = 2
} else {
  process.exitCode = await run(minutes, rate)
}

async function run(minutes: number, rate: number): Promise<number> {
  const world = await startWorld()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void world.close().finally(() => process.exit(130)))
  }
  try {
    say('  min  scenarios  wrong  rss MiB  heap MiB  sockets  delay ms  cached  proofs')
    const verdict = await soak(world, { seconds: minutes * 60, rate, onSample: show, onFault: say })
    const { samples, requests, played, wrong, growth, before, after } = verdict
    const slope = 60 * slopeOf(secondHalf(samples), ({ rss }) => rss)
    const count = Object.values(wrong).reduce((sum, times) => sum + times, 0)
    say(`\nplayed: ${listOf(played)}`)
    say(`refused besides: ${listOf(world.refusals) || 'nothing'}`)
    for (const [fault, times] of Object.entries(wrong)) say(`${times} × ${fault}`)
    for (const fault of growth) say(fault)
    say(
      `at rest, before and after: ${before.sockets} and ${after.sockets} sockets, ${before.timers} and ${after.timers} timers, ${megabytes(before.heap)} and ${megabytes(after.heap)} MiB of heap, ${megabytes(before.external)} and ${megabytes(after.external)} MiB beside it`,
    )
    const isGood = count === 0 && growth.length === 0 && requests > 0
    say(
      `${isGood ? 'flat' : 'NOT GOOD'}: ${requests} scenarios in ${minutes} min, ${count} wrong answers, memory ${slope < 0 ? '' : '+'}${megabytes(slope)} MiB a minute in the second half`,
    )
    return isGood ? 0 : 1
  } finally {
    await world.close()
  }
}

function show({ at, requests, wrong, rss, heap, sockets, delay, cached, proofs }: Sample): void {
  const columns = [
    (at / 60).toFixed(1).padStart(5),
    String(requests).padStart(9),
    String(wrong).padStart(5),
    megabytes(rss).padStart(7),
    megabytes(heap).padStart(8),
    String(sockets).padStart(7),
    delay.toFixed(1).padStart(8),
    String(cached).padStart(6),
    String(proofs).padStart(6),
  ]
  say(columns.join('  '))
}

function listOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
