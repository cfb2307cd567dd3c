import { expect, test } from 'vitest'
import { windowsOf } from '../../src/adapter/dpop-state.ts'
import type { Configuration } from '../../src/config/configuration.ts'
import { createWorkspace, gateway } from '../config/workspace.ts'

/** A configuration of two routes, each with its own time for which proofs are accepted. */
async function withWindows(payments: string, accounts: string, more = ''): Promise<Configuration> {
  const workspace = await createWorkspace()
  const route = (id: string, age: string) =>
    `{ id: ${id}, match: "GET /${id}", scopes: [a], upstream: "http://127.0.0.1:1", dpop_freshness: { nonce: off, proof_max_age: ${age} } }`
  const routes = `[${route('payments', payments)}, ${route('accounts', accounts)}${more}]`
  const { configuration, text } = await workspace.load(gateway({ profile: 'custom', routes }))
  await workspace.remove()
  if (configuration === undefined) throw new Error(text)
  return configuration
}

test('RFC 9449 §11.1: windows of proofs are others where a route has that of another [D15]', async () => {
  const before = windowsOf(await withWindows('30s', '60s'))
  expect(windowsOf(await withWindows('30s', '60s'))).toBe(before)
  expect(windowsOf(await withWindows('60s', '30s'))).not.toBe(before)
  expect(windowsOf(await withWindows('60s', '60s'))).not.toBe(before)
})

test('a public route that comes changes no window', async () => {
  const more = ', { id: open, match: /open/**, public: true, upstream: "http://127.0.0.1:1" }'
  const before = windowsOf(await withWindows('30s', '60s'))
  expect(windowsOf(await withWindows('30s', '60s', more))).toBe(before)
})
