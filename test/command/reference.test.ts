import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runProfile } from '../../src/command/profile.ts'
import { generateReference, runReference } from '../../src/command/reference.ts'
import { runSchema } from '../../src/command/schema.ts'
import { createRecorder, repositoryFile } from './recorder.ts'

test.each(['gateway.schema.json', 'REFERENCE.md'])(
  'config/%s is in step with the program',
  (name) => {
    // Otherwise: npm run docs.
    expect(repositoryFile(`config/${name}`)).toBe(generateReference()[name])
  },
)

test('the reference has every check, every profile and a reason that is in the source', () => {
  const text = generateReference()['REFERENCE.md'] ?? ''
  for (const word of [
    '`sender_constraint`',
    '### fapi2-security',
    '`fapigw_http_requests_total`',
  ]) {
    expect(text).toContain(word)
  }
  expect(text).toContain('| `scope_insufficient` | `insufficient_scope` | 403 |')
  expect(text).toContain('| `limits.request` | duration | `"30s"` |')
})

test('it is written where one says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fapi-gateway-'))
  const output = createRecorder()
  expect(await runReference({ write: true, folder }, output)).toBe(0)
  for (const [name, text] of Object.entries(generateReference())) {
    expect(readFileSync(join(folder, name), 'utf8')).toBe(text)
  }
  rmSync(folder, { recursive: true })
})

test('the schema is JSON Schema 2020-12, with the order of each policy in it', async () => {
  const output = createRecorder()
  expect(await runSchema(output)).toBe(0)
  const schema = JSON.parse(output.printed.join(''))
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema')
  expect(schema.required).toEqual(['version', 'profile', 'routes'])
  const { sender_constraint } = schema.properties.routes.items.properties
  expect(sender_constraint.properties.required).toMatchObject({ type: 'boolean', order: 'demand' })
})

test('profiles are listed, and printed with their clauses', async () => {
  const all = createRecorder()
  expect(await runProfile(undefined, all)).toBe(0)
  expect(all.printed).toContain('fapi2-security     FAPI 2.0 Security Profile')
  const one = createRecorder()
  expect(await runProfile('fapi1-advanced', one)).toBe(0)
  expect(one.printed.join('')).toMatch(
    /sender_constraint\.methods +FAPI 1\.0 Advanced 6\.2\.1-2 \(fapi1-advanced\)\n +allowed {2}mtls\n/,
  )
  const none = createRecorder()
  expect(await runProfile('fapi2-securty', none)).toBe(2)
  expect(none.errors).toEqual(['There is no profile "fapi2-securty". Did you mean fapi2-security?'])
})
