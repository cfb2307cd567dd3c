import { availableParallelism } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileWorkers } from '../../src/config/workers.ts'
import { createWorkspace, found, gateway, type Workspace } from './workspace.ts'

let workspace: Workspace

beforeAll(async () => {
  workspace = await createWorkspace()
})
afterAll(() => workspace.remove())

describe('workers', () => {
  test('are one, unless another number is said', async () => {
    const { configuration } = await workspace.load(gateway({}))
    expect(configuration?.workers).toBe(1)
    const four = await workspace.load(gateway({ workers: '4' }))
    expect(four.configuration?.workers).toBe(4)
  })

  test('auto is as many as this machine has processors', async () => {
    const { configuration } = await workspace.load(gateway({ workers: 'auto' }))
    expect(configuration?.workers).toBe(Math.min(availableParallelism(), 128))
    expect(compileWorkers('auto', 500)).toBe(128)
  })

  test.each(['0', '-1', '1.5', '129', 'many', '"2"', '[2]'])(
    '%s is no number of them',
    async (n) => {
      const outcome = await workspace.load(gateway({ workers: n }))
      expect(outcome.configuration).toBeUndefined()
      expect(outcome.diagnostics[0]?.message).toMatch(/^workers:/)
    },
  )
})

describe('what several workers cannot share is refused, where it stands [R12]', () => {
  test.each([
    ['connections', 'limits: { connections: 3 }', 'limits.connections: 3'],
    [
      'connections of one address',
      'limits: { connections_per_address: 2 }',
      'limits.connections_per_address: 2',
    ],
  ])('fewer %s than workers', async (_, section, words) => {
    const yaml = `${gateway({ workers: '4' })}\n${section}\n`
    const outcome = await workspace.load(yaml)
    expect(outcome.configuration).toBeUndefined()
    expect(found(outcome)).toEqual([
      `${yaml.split('\n').indexOf(section) + 1} workers-cannot-share`,
    ])
    expect(outcome.text).toContain(`${words} cannot be divided among 4 workers`)
    expect(outcome.text).toMatch(/help|hint|workers: [23], or a larger limit/)
  })

  test('fewer connections of an upstream than workers: at the setting, or where there is none at workers', async () => {
    const pool = 'upstreams: { core: { url: "http://127.0.0.1:1", pool: { connections: 1 } } }'
    const small = await workspace.load(`${gateway({ workers: '2' })}\n${pool}\n`)
    expect(small.text).toContain('upstreams.core.pool.connections: 1 cannot be divided')
    const many = await workspace.load(gateway({ workers: '100' }))
    expect(many.text).toContain('64 cannot be divided among 100 workers')
    expect(found(many)).toEqual([expect.stringMatching(/^\d+ workers-cannot-share$/)])
  })

  test('fewer connections for introspection than workers', async () => {
    const issuers = `
  bank:
    issuer: https://as.bank.example
    audience: https://api.bank.example
    tokens: introspection
    introspection:
      endpoint: https://as.bank.example/introspect
      auth: { method: client_secret_basic, client_id: rs, client_secret: a-secret-that-is-long-enough }
      connections: 1`
    const { text } = await workspace.load(gateway({ workers: '2', issuers }))
    expect(text).toContain('issuers.bank.introspection.connections: 1 cannot be divided')
  })
})
