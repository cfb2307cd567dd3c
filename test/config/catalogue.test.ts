import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CATALOGUE, isDiagnosticId } from '../../src/config/catalogue.ts'

const folder = join(import.meta.dirname, '../../src/config')
const source = globSync('*.ts', { cwd: folder })
  .filter((file) => file !== 'catalogue.ts')
  .map((file) => readFileSync(join(folder, file), 'utf8'))
  .join('\n')

test.each(Object.entries(CATALOGUE))(
  '%s is reported somewhere, and explained in sentences',
  (id, text) => {
    expect(source).toContain(`'${id}'`)
    expect(text).toMatch(/^[A-Z$].{40,}\.$/)
  },
)

test('an id is one of the catalogue, and no property of objects is', () => {
  expect(isDiagnosticId('profile-floor')).toBe(true)
  expect(isDiagnosticId('constructor')).toBe(false)
})
