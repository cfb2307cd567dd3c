/**
 * Short runs of the fuzzer: one finds nothing, and one finds what was planted.
 *
 * @module
 */

import { afterEach, describe, expect, test } from 'vitest'
import { Campaign } from './campaign.ts'
import { type Rig, ROUTES, startRig } from './rig.ts'
import { readSeedRequests } from './seed-request.ts'

const SEED = 1
const COUNT = 300

describe.skipIf(process.platform !== 'linux')('a short run (needs Linux)', () => {
  let rig: Rig | undefined

  afterEach(() => rig?.close())

  async function run(routes: string) {
    rig = await startRig(routes)
    const campaign = new Campaign(rig, SEED, readSeedRequests(undefined))
    return { campaign, summary: await campaign.run(0, (index) => index >= COUNT) }
  }

  test('finds nothing, and much was forwarded', async () => {
    const { summary } = await run(ROUTES)
    expect(summary).toMatchObject({ sent: COUNT, findings: [] })
    expect(summary.forwarded).toBeGreaterThan(COUNT / 10)
    expect(summary.byStatus).toMatchObject({
      200: expect.any(Number),
      400: expect.any(Number),
      401: expect.any(Number),
    })
  })

  test('finds a route that asks for no credentials, and shortens what showed it', async () => {
    const open = ROUTES.replace('/accounts/**, scopes: [accounts]', '/accounts/**, public: true')
    const { campaign, summary } = await run(open)
    const finding = summary.findings.find(({ rule }) => rule === 'forwarded_unauthorized')
    expect(finding?.plans).toHaveLength(1)
    expect(summary.found['forwarded_unauthorized']).toBeGreaterThan(5)

    const [plan] = finding!.plans
    const shorter = await campaign.shorten(plan!, finding!)
    expect(shorter.template).toMatch(/\r\n\r\n$/)
    expect(plan!.template.startsWith(shorter.template)).toBe(true)
  }, 120_000)

  test('finds that the gateway ended', async () => {
    rig = await startRig()
    const campaign = new Campaign(rig, SEED, readSeedRequests(undefined))
    await rig.end()
    expect(await campaign.run(0, (index) => index >= COUNT)).toMatchObject({
      sent: 0,
      found: { ended: 1 },
    })
  })
})
