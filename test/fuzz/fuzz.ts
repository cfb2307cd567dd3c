/**
 * Hostile input, generated, against a running gateway.
 *
 *     npm run fuzz -- --minutes 10
 *     npm run fuzz -- --seed 42 --only 1234
 *
 * Ends with 0 only if nothing was found. With `CORPORA` the requests of the parser's own tests are
 * mutated too.
 *
 * @module
 */

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Campaign, type Finding } from './campaign.ts'
import type { Plan } from './mutation.ts'
import { startRig } from './rig.ts'
import { readSeedRequests } from './seed-request.ts'

/** Of how many findings the request is shortened: each takes some time. */
const SHORTENED = 3

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(randomInt(0x7fff_ffff)) },
    only: { type: 'string' },
  },
})
const [minutes, seed, only] = [values.minutes, values.seed, values.only ?? '0'].map(Number)
if (!(minutes! > 0) || !Number.isInteger(seed) || !Number.isInteger(only)) {
  say('usage: npm run fuzz -- [--minutes N] [--seed N] [--only N]')
  process.exitCode = 2
} else if (process.platform !== 'linux') {
  say('needs Linux: every request comes from a loopback address of its own')
  process.exitCode = 2
} else {
  process.exitCode = await fuzz(minutes!, seed!, values.only === undefined ? undefined : only)
}

async function fuzz(minutes: number, seed: number, only: number | undefined): Promise<number> {
  const seeds = readSeedRequests(process.env['CORPORA'])
  const rig = await startRig()
  try {
    const peers = rig.peers.map(({ name }) => name).join(', ') || 'none installed'
    const kinds = new Set(seeds.map(({ text }) => text)).size
    say(`seed ${seed}, ${kinds} requests to start from, peers: ${peers}`)
    const campaign = new Campaign(rig, seed, seeds)
    const end = performance.now() + minutes * 60_000
    const isOver = (index: number) => (only === undefined ? performance.now() > end : index > only)
    const { findings, found, byStatus, ...counts } = await campaign.run(only ?? 0, isOver)

    say(listOf(counts))
    say(`by status: ${listOf(byStatus)}`)
    say(`findings: ${listOf(found) || 'none'}`)
    for (const [i, finding] of findings.entries()) {
      say(`\n${finding.rule}: ${finding.detail}`)
      const plans = i < SHORTENED ? await shortened(campaign, finding) : finding.plans
      for (const plan of plans) show(plan, seed)
    }
    // Who forwarded nothing has tested nothing.
    return findings.length === 0 && (counts.forwarded > 0 || only !== undefined) ? 0 : 1
  } finally {
    await rig.close()
  }
}

async function shortened(campaign: Campaign, finding: Finding): Promise<readonly Plan[]> {
  const [plan, ...others] = finding.plans
  return plan === undefined || others.length > 0
    ? finding.plans
    : [await campaign.shorten(plan, finding)]
}

function show({ index, holder, template, damage, pieces }: Plan, seed: number): void {
  say(`  again: npm run fuzz -- --seed ${seed} --only ${index}`)
  say(`  credentials: ${holder}, damage: ${JSON.stringify(damage)}, pieces: ${pieces}`)
  say(`  request: ${JSON.stringify(template)}`)
  say(`  hex: ${Buffer.from(template, 'latin1').toString('hex')}`)
}

function listOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
