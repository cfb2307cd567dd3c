/**
 * A configuration means one thing: however it is written, compiled to what it says, shown as it is in
 * force, and the same again when what is shown is written down.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { RouteConfig } from '../../src/config/configuration.ts'
import { renderPlan } from '../../src/config/explanation.ts'
import { CHECKS_WITH_SETTINGS } from '../../src/config/route-schema.ts'
import { createWorkspace, type Workspace } from './workspace.ts'

let workspace: Workspace
beforeAll(async () => {
  workspace = await createWorkspace()
})
afterAll(() => workspace.remove())

const seconds = (least: number, most: number) =>
  fc.integer({ min: least, max: most }).map((count) => `${count}s`)
const some = <T>(...values: T[]) => fc.subarray(values, { minLength: 1 })
const word = fc.constantFrom(
  'accounts',
  'payments',
  'a:b',
  'read',
  'urn:x',
  'no',
  '1e3',
  '0x1',
  'null',
)
const words = fc.uniqueArray(word, { minLength: 1, maxLength: 4 })

/** Settings of a route, as they are written: every check that has some, each of them now and then. */
const settings = fc.record(
  {
    transport: fc.record({ min_version: fc.constantFrom('1.2', '1.3') }),
    sender_constraint: fc.record(
      { required: fc.boolean(), methods: some('mtls', 'dpop') },
      { requiredKeys: [] },
    ),
    dpop_proof: fc.record({ algorithms: some('ES256', 'PS256', 'EdDSA') }),
    access_token: fc.record(
      {
        algorithms: some('ES256', 'PS256', 'EdDSA'),
        clock_skew: seconds(0, 60),
        type_required: fc.boolean(),
        max_lifetime: seconds(60, 3600),
        audience: words,
      },
      { requiredKeys: [] },
    ),
    dpop_freshness: fc.record(
      {
        nonce: fc.constantFrom('off', 'optional', 'required'),
        proof_max_age: seconds(1, 300),
        future_skew: seconds(0, 60),
      },
      { requiredKeys: [] },
    ),
    authorization: fc.record({ scopes: words, any_scope: words }, { requiredKeys: ['scopes'] }),
  },
  { requiredKeys: ['authorization'] },
)

type Settings = Record<string, Record<string, unknown>>

const document = (policies: object) => ({
  version: 1,
  profile: 'custom',
  listen: {
    address: '127.0.0.1:8443',
    public_url: 'https://api.bank.example',
    certificate: 'tls/server.crt',
    key: 'tls/server.key',
    client_ca: 'tls/client-ca.pem',
  },
  issuers: { bank: { issuer: 'https://as.bank.example', audience: 'https://api.bank.example' } },
  routes: [{ id: 'a', match: 'GET /a/**', upstream: 'http://127.0.0.1:1', ...policies }],
})

const STYLES: readonly ((value: object) => string)[] = [
  (value) => stringify(value),
  (value) => stringify(value, { collectionStyle: 'flow', lineWidth: 0 }),
  (value) => stringify(value, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' }),
  (value) => stringify(value, { indent: 4, aliasDuplicateObjects: false }),
  (value) => JSON.stringify(value, null, 2),
]

async function routeOf(text: string): Promise<{ route: RouteConfig; plan: string }> {
  const { configuration, text: said } = await workspace.load(text)
  if (configuration?.routes[0] === undefined) throw new Error(said)
  const [route] = configuration.routes
  return { route, plan: renderPlan(route, configuration) }
}

/** What is written, as it is compiled: seconds are numbers. */
function meaningOf(value: unknown): unknown {
  const text = typeof value === 'string' ? /^(\d+)s$/.exec(value)?.[1] : undefined
  return text === undefined ? value : Number(text)
}

/** Round numbers of seconds are shown in a larger unit, and so may be either. */
function isShown(plan: string, value: unknown): boolean {
  const count = meaningOf(value)
  const inMinutes = typeof count === 'number' && count % 60 === 0
  return plan.includes(String(value)) || (inMinutes && /\d+[mh]/.test(plan))
}

const DURATIONS = new Set(['clock_skew', 'max_lifetime', 'proof_max_age', 'future_skew', 'max_age'])

/** What is in force, as it is written. */
function written({ policies }: RouteConfig): Settings {
  return Object.fromEntries(
    CHECKS_WITH_SETTINGS.map(({ name: check }) => [
      check,
      Object.fromEntries(
        Object.entries((policies as Settings)[check] ?? {}).map(([name, value]) => [
          name,
          DURATIONS.has(name) && typeof value === 'number' ? `${value}s` : value,
        ]),
      ),
    ]),
  )
}

test('what is written is in force, in whatever style, and is explained so', async () => {
  await fc.assert(
    fc.asyncProperty(settings, async (policies) => {
      for (const style of STYLES) {
        const { route, plan } = await routeOf(style(document(policies)))
        const inForce = route.policies as Settings
        for (const [check, values] of Object.entries(policies as Settings)) {
          for (const [name, value] of Object.entries(values)) {
            expect(inForce[check]?.[name], `${check}.${name}`).toEqual(meaningOf(value))
            for (const one of [value].flat()) expect(isShown(plan, one)).toBe(true)
          }
        }
      }
    }),
    { numRuns: 30 },
  )
})

test('what is in force, written down, is in force again', async () => {
  await fc.assert(
    fc.asyncProperty(settings, async (policies) => {
      const { route } = await routeOf(stringify(document(policies)))
      const again = await routeOf(stringify(document(written(route))))
      expect(again.route.policies).toEqual(route.policies)
    }),
    { numRuns: 30 },
  )
})

interface Schema {
  readonly [keyword: string]: unknown
}

/** As much of JSON Schema as this schema uses. */
function accepts(schema: Schema, value: unknown): boolean {
  const { anyOf, oneOf, items, properties, required, additionalProperties, propertyNames } = schema
  const all = (list: unknown, test: (one: Schema) => boolean) => (list as Schema[]).filter(test)
  if (anyOf !== undefined && all(anyOf, (one) => accepts(one, value)).length === 0) return false
  if (oneOf !== undefined && all(oneOf, (one) => accepts(one, value)).length !== 1) return false
  if ('const' in schema && schema['const'] !== value) return false
  if (schema['enum'] !== undefined && !(schema['enum'] as unknown[]).includes(value)) return false
  const { type } = schema
  if (type === 'integer' && !Number.isInteger(value)) return false
  if (type === 'array' && !Array.isArray(value)) return false
  if (type === 'object' && (typeof value !== 'object' || value === null)) return false
  if ((type === 'string' || type === 'boolean') && typeof value !== type) return false
  if (typeof value === 'string' && typeof schema['pattern'] === 'string') {
    if (!new RegExp(schema['pattern'], 'u').test(value)) return false
  }
  if (Array.isArray(value)) {
    if (value.length < Number(schema['minItems'] ?? 0)) return false
    return items === undefined || value.every((one) => accepts(items as Schema, one))
  }
  if (typeof value !== 'object' || value === null) return true
  if (((required ?? []) as string[]).some((name) => !(name in value))) return false
  return Object.entries(value).every(([name, one]) => {
    if (propertyNames !== undefined && !accepts(propertyNames as Schema, name)) return false
    const own = (properties as Record<string, Schema> | undefined)?.[name]
    if (own !== undefined) return accepts(own, one)
    if (additionalProperties === false) return false
    return typeof additionalProperties !== 'object' || accepts(additionalProperties as Schema, one)
  })
}

test('what compiles, the published schema accepts; and what has one key more, neither [HOLE-4]', async () => {
  const file = join(import.meta.dirname, '../../config/gateway.schema.json')
  const schema = JSON.parse(readFileSync(file, 'utf8')) as Schema
  await fc.assert(
    fc.asyncProperty(settings, fc.nat(), async (policies, at) => {
      const good = document(policies)
      await routeOf(JSON.stringify(good))
      expect(accepts(schema, good)).toBe(true)
      // A space behind the name of a setting is no setting (and is in force nowhere unnoticed).
      const entries = Object.entries(policies as Settings).filter(
        ([, values]) => Object.keys(values).length > 0,
      )
      const [check = '', values = {}] = entries[at % entries.length] ?? []
      const [name = ''] = Object.keys(values)
      const bad = document({ ...policies, [check]: { ...values, [`${name} `]: values[name] } })
      const { configuration, diagnostics } = await workspace.load(JSON.stringify(bad))
      expect(configuration).toBeUndefined()
      expect(diagnostics.map(({ id }) => id)).toContain('unknown-key')
      expect(accepts(schema, bad)).toBe(false)
    }),
    { numRuns: 30 },
  )
})
