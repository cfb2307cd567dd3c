/**
 * A soak of seconds: that every scenario goes as it should, and that one that does not is seen. What grows
 * slowly takes `npm run soak -- --minutes 30`.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, type Expected } from './call.ts'
import { soak } from './campaign.ts'
import { startWorld, type World } from './world.ts'

const isLinux = process.platform === 'linux'

let world: World

beforeAll(async () => {
  if (isLinux) world = await startWorld()
})

afterAll(() => world?.close())

describe.skipIf(!isLinux)('a soak, which needs /proc', () => {
  test('ends without a wrong answer, and everything is given back [O17]', {
    timeout: 300_000,
  }, async () => {
    const verdict = await soak(world, { seconds: 5, rate: 30 })
    expect(verdict.wrong).toEqual({})
    expect(verdict.growth).toEqual([])
    expect(verdict.samples.length).toBeGreaterThan(1)
    expect(Object.keys(verdict.played).length).toBeGreaterThan(10)
  })

  describe('sees', () => {
    const open = { path: '/open/1' }
    const good: Expected = { status: [200], content: 'echo' }
    const faultsOf = async (expected: Expected, asking: object = {}) => {
      const client = world.client('nobody', 'h1')
      return (await call(world, client, { ...open, ...asking }, expected)).faults
    }

    test('nothing wrong where all is right', async () => {
      expect(await faultsOf(good)).toEqual([])
    })

    test.each<[string, Expected, object, RegExp]>([
      ['another status', { ...good, status: [401] }, {}, /^status 200/],
      ['other content', { ...good, content: 5 }, {}, /^content of \d+ bytes differs/],
      ['another client', { ...good, client: 'x' }, {}, /^content /],
      ['another reason', { ...good, status: [404], reasons: ['x'] }, { path: '/x' }, /^reason /],
      ['an answer that is whole', { ...good, isCut: true }, {}, /whole/],
      ['one that is not', { ...good, content: 5 }, { path: '/open/broken' }, /not whole/],
    ])('%s', async (_, expected, asking, fault) => {
      expect(await faultsOf(expected, asking)).toEqual(
        expect.arrayContaining([expect.stringMatching(fault)]),
      )
    })

    test('a request that reaches the upstream though it was refused', async () => {
      const { fetch } = globalThis
      const client = {
        async ask({ fields }: { fields: Readonly<Record<string, string>> }) {
          await fetch(`${world.upstream.url}/open/1`, { headers: fields })
          return world.client('nobody', 'h1').ask({ path: '/elsewhere', fields })
        },
        close() {},
      }
      const { faults } = await call(world, client, open, { ...good, status: [404] })
      expect(faults).toEqual(['was refused, and reached the upstream'])
    })
  })
})
